"""The paper's Figures 1, 5 and 7, from scores that `xsns transfer` measured or that others published.

    python scripts/draw_transfer.py --gold pos=GOLD --masks pos=MASKS --recipe pos=ud-mlm-fitted-n256-p0.15
    python scripts/draw_transfer.py --gold pos=GOLD --gold ner=wikiann_ner.csv:f1 --masks ner=MASKS

--gold, --masks and --recipe may be given several times, once a task. GOLD is a folder of `xsns transfer` or a CSV such
as `xsns evaluate` takes, a metric behind a colon; scores that are fractions are made percent. What lacks data is
skipped, and said so.

- figure1.png: by target, scores with English, with our first suggestion and with the best source; dotted: means.
- figure5.png: by task, what all sources lose against training on the target language itself.
- figure7.png: English against our first suggestion for low-resource targets; lines: means.

The sources are those of the gold scores that have masks, but never the target. The numbers drawn are printed as
Markdown tables, and are in OUT/transfer.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_tables import LOW_RESOURCE

from xsns_hf import MaskRepository, XsnsError, identify, rank_sources
from xsns_hf.gold import read_gold
from xsns_hf.languages.codes import name

ENGLISH = "eng"
FRACTIONS = 1.5
"""Scores that are all below this are fractions of 1."""
LOOKS = {
    "english": ("English", "o", "#8a8f98"),
    "ours": ("our first suggestion", "D", "#2f62ad"),
    "best": ("best source", "_", "#c8502d"),
}
"""Of the three sources of a target: label, marker and colour."""


def main(
    gold: Annotated[list[str], typer.Option(help="task=PATH or task=PATH:metric; a folder or a CSV.")],
    masks: Annotated[list[str] | None, typer.Option(help="task=MASKS, a mask dataset.")] = None,
    recipe: Annotated[list[str] | None, typer.Option(help="task=NAME, of masks with several recipes.")] = None,
    out: Annotated[Path, typer.Option(help="For the figures and tables.")] = Path("results/transfer"),
    low_resource: Annotated[str, typer.Option(help="Codes or names, with commas.")] = ",".join(LOW_RESOURCE),
) -> None:
    """Draw what there are data for."""
    paths, datasets, recipes = by_task(gold, "--gold"), by_task(masks, "--masks"), by_task(recipe, "--recipe")
    for option, given in {"--masks": datasets, "--recipe": recipes}.items():
        if strange := sorted(set(given) - set(paths)):
            raise XsnsError(f"{option} {strange[0]}=… is for a task without scores: give --gold {strange[0]}=….")
    measured = [read(task, path, datasets.get(task), recipes.get(task)) for task, path in paths.items()]
    out.mkdir(parents=True, exist_ok=True)
    wanted = [identify(each) for each in low_resource.split(",")]
    lines = [*figure1(measured, out), "", *figure5(measured, out), "", *figure7(measured, wanted, out)]
    (out / "transfer.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def by_task(options: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return the values of an option that is given once a task.

    Raises:
        XsnsError: one isn't task=VALUE, or a task is given twice.
    """
    found: dict[str, str] = {}
    for each in options or ():
        task, equals, value = each.partition("=")
        if not (task and equals and value):
            raise XsnsError(f"{option} {each} isn't task=VALUE: give such as {option} pos={each}.")
        if task in found:
            raise XsnsError(f"{option} is given twice for {task}: give one, or call the other task by another name.")
        found[task] = value
    return found


@dataclass(frozen=True)
class Measured:
    """A task's scores and masks.

    Attributes:
        task: what it is called.
        metric: of the scores; "" if not known.
        scores: targets × sources in percent, means over seeds; NaN where there is none.
        masks: of these languages, if there are any.
        recipe: which of them.
    """

    task: str
    metric: str
    scores: pd.DataFrame
    masks: MaskRepository | None = None
    recipe: str = ""

    @property
    def title(self) -> str:
        """The task and its metric."""
        return f"{self.task.upper()}, {self.metric}" if self.metric else self.task.upper()

    def languages(self) -> set[str]:
        """Return the languages that have masks."""
        if self.masks is None:
            return set()
        return set(self.masks.masks(self.recipe).languages)


def read(task: str, path: str, masks: str | None, recipe: str | None) -> Measured:
    """Read a task's scores and open its masks."""
    file, _, metric = (path, "", "") if Path(path).exists() else path.rpartition(":")
    gold = read_gold(file or path, metric if file and metric else None)
    scores = gold.matrix()
    percent = scores * 100 if scores.max(axis=None) <= FRACTIONS else scores
    if masks is None:
        return Measured(task, gold.metric, percent)
    repository = MaskRepository(masks)
    return Measured(task, gold.metric, percent, repository, repository.masks(recipe).name)


def suggested(task: Measured, targets: Sequence[str]) -> pd.DataFrame:
    """Return a row for each target with masks and with a score with English, best first.

    The columns are source, english, ours, best_source and best, the last four scores and what has the best. A target
    with fewer than two sources to choose from has none, nor has English.
    """
    known = task.languages()
    rows = {}
    for target in [each for each in targets if each in known and each in task.scores.index and each != ENGLISH]:
        row = task.scores.loc[target].drop(target, errors="ignore").dropna()
        pool = sorted(set(row.index) & known)
        if len(pool) < 2 or ENGLISH not in row.index:
            continue
        assert task.masks is not None
        first = rank_sources(target, task.masks, recipe=task.recipe, candidates=pool, top=1).sources[0].language
        best = row[pool].idxmax()
        rows[target] = (first, row[ENGLISH], row[first], best, row[best])
    columns = ["source", "english", "ours", "best_source", "best"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).sort_values("best", ascending=False)


def figure1(measured: Sequence[Measured], out: Path) -> list[str]:
    """Draw how much depends on the source, for the targets that are sources as well."""
    found = {
        task.title: rows
        for task in measured
        if len(rows := suggested(task, [each for each in task.scores.index if each in task.scores.columns]))
    }
    skipped = [task.task for task in measured if task.title not in found]
    lines = ["### Figure 1: how much depends on the source", ""]
    if found:
        draw_sources(found, ("english", "ours", "best"), ":", out / "figure1.png")
    return [*lines, *_table(found), *_skipped(skipped, "masks of targets with scores, and scores with English")]


def figure7(measured: Sequence[Measured], targets: Sequence[str], out: Path) -> list[str]:
    """Draw what low-resource targets gain by our first suggestion over English, where there are two or more."""
    rows = {task.title: suggested(task, targets).sort_values("ours", ascending=False) for task in measured}
    found = {title: own for title, own in rows.items() if len(own) > 1}
    skipped = [task.task for task in measured if task.title not in found]
    lines = ["### Figure 7: low-resource targets", ""]
    if found:
        draw_sources(found, ("english", "ours"), "-", out / "figure7.png")
    return [*lines, *_table(found), *_skipped(skipped, "masks and scores of two low-resource targets")]


def draw_sources(found: Mapping[str, pd.DataFrame], columns: Sequence[str], style: str, path: Path) -> None:
    """Draw a panel a task: a target's scores above each other, and their means as lines.

    Args:
        found: by title, a row for each target.
        columns: which of its scores.
        style: of the lines.
        path: of the PNG.
    """
    width = max(5.0, 1.5 + 0.3 * max(map(len, found.values())))
    figure = Figure(figsize=(width, 0.6 + 3.3 * len(found)), layout="constrained")
    panels = figure.subplots(len(found), squeeze=False)[:, 0]
    for axes, (title, rows) in zip(panels, found.items(), strict=True):
        _panel(axes, rows, columns, style)
        axes.set_title(title, fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=150, bbox_inches="tight")  # slanted names reach beyond the edge


def _panel(axes: Axes, rows: pd.DataFrame, columns: Sequence[str], style: str) -> None:
    scores, places = rows[list(columns)], np.arange(len(rows))
    axes.vlines(places, scores.min(axis=1), scores.max(axis=1), color="#d5d8dd", linewidth=1.5, zorder=1)
    for column in columns:
        label, marker, colour = LOOKS[column]
        size = 130 if marker == "_" else 28
        axes.scatter(places, scores[column], s=size, marker=marker, color=colour, linewidth=2, label=label, zorder=2)
        axes.axhline(scores[column].mean(), color=colour, linestyle=style, linewidth=1.2, zorder=0)
    axes.set_xticks(places, [name(target) for target in rows.index], rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", labelsize=8)
    axes.set(xlim=(-0.6, len(rows) - 0.4), ylabel="score in %")
    axes.spines[["top", "right"]].set_visible(False)


def _table(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a line for each target and for the means, and sentences on who wins."""
    if not found:
        return []
    lines = ["| task | target | English | our source | score | best source | score |", "|---" * 7 + "|"]
    notes = []
    for title, rows in found.items():
        for target, row in rows.iterrows():
            ours, best = f"{name(row['source'])} | {row['ours']:.1f}", f"{name(row['best_source'])} | {row['best']:.1f}"
            lines.append(f"| {title} | {name(str(target))} | {row['english']:.1f} | {ours} | {best} |")
        means = rows[["english", "ours", "best"]].mean()
        lines.append(f"| {title} | mean | {means['english']:.1f} | | {means['ours']:.1f} | | {means['best']:.1f} |")
        gain = rows["ours"] - rows["english"]
        notes.append(
            f"{title}: our first suggestion is better than English for {(gain > 0).sum()} of {len(rows)} targets, "
            f"alike for {(gain == 0).sum()}, by {gain.mean():+.1f} points on average; it is the best source for "
            f"{(rows['ours'] == rows['best']).sum()}, {means['best'] - means['ours']:.1f} points below it on average."
        )
    return [*lines, "", *notes]


def differences(scores: pd.DataFrame) -> pd.Series:
    """Return P_s − P_o by target and source: what a source's score is above that of the target's own training set."""
    own = pd.Series({each: scores.at[each, each] for each in scores.index if each in scores.columns}, dtype=float)
    lost = scores.loc[own.index].sub(own, axis=0)
    for target in own.index:
        lost.loc[target, target] = float("nan")
    return lost.stack().dropna()


def figure5(measured: Sequence[Measured], out: Path) -> list[str]:
    """Draw how the differences are distributed."""
    found = {task.title: lost for task in measured if len(lost := differences(task.scores)) > 1}
    skipped = [task.task for task in measured if task.title not in found]
    lines = ["### Figure 5: other sources against the target's own training set", ""]
    if found:
        draw_differences(found, out / "figure5.png")
        lines += ["| task | targets | pairs | above 0 | least | 25 % | median | 75 % | most |", "|---" * 9 + "|"]
    for title, lost in found.items():
        quartiles = " | ".join(f"{value:.1f}" for value in np.percentile(lost, [0, 25, 50, 75, 100]))
        targets = lost.index.get_level_values(0).nunique()
        lines.append(f"| {title} | {targets} | {len(lost)} | {100 * (lost > 0).mean():.1f} % | {quartiles} |")
    return [*lines, *_skipped(skipped, "scores of targets as their own sources, beside others")]


def draw_differences(found: Mapping[str, pd.Series], path: Path) -> None:
    """Draw a violin a task, with its quartiles."""
    places = np.arange(len(found))
    values = [lost.to_numpy() for lost in found.values()]
    axes = (figure := Figure(figsize=(2 + 1.4 * len(found), 4), layout="constrained")).subplots()
    axes.axhline(0, color="#8a8f98", linewidth=1)
    for part in axes.violinplot(values, places, widths=0.8, showextrema=False)["bodies"]:  # type: ignore[attr-defined]
        part.set(facecolor=LOOKS["ours"][2], alpha=0.35)
    quartiles = np.array([np.percentile(each, [25, 50, 75]) for each in values])
    axes.vlines(places, quartiles[:, 0], quartiles[:, 2], color=LOOKS["ours"][2], linewidth=5)
    axes.scatter(places, quartiles[:, 1], color="white", edgecolor=LOOKS["ours"][2], s=30, zorder=3)
    axes.set_xticks(places, [f"{title}\n{len(lost)} pairs" for title, lost in found.items()])
    axes.set(ylabel="P$_s$ − P$_o$, points", xlim=(-0.6, len(found) - 0.4))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def _skipped(tasks: Sequence[str], lacks: str) -> list[str]:
    return ["", f"Not for {', '.join(tasks)}: there are no {lacks}."] if tasks else []


if __name__ == "__main__":
    try:
        typer.run(main)
    except XsnsError as error:
        raise SystemExit(f"draw_transfer: {error}") from None
