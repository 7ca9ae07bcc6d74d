"""Training on several sources at once, the paper's §6.4 and Figure 4: whose three suggestions are best?

    xsns transfer --task pos --data UD --preset small --seeds 1 --out GOLD    # first: all single sources
    python scripts/reproduce_multisource.py --gold GOLD --data UD --masks MASKS --text TEXT --dry-run
    python scripts/reproduce_multisource.py --gold GOLD --data UD --masks MASKS --text TEXT

For each target: the best single source by the gold scores (BEST-1), the mix of the best three (BEST-3), English, and of
each predictor the mix of its first three and its first alone. The target itself is never a source. What methods or
targets share is trained once; scores of mixes are added to GOLD, where `read_gold` leaves them out, so the same command
goes on where it was stopped, and trains nothing where all is there. Several at once share the work.

`--dry-run` prints the mixes, which targets each is for and which of these aren't scored yet. Else two Markdown tables
are printed, means over targets and each target's scores; they are in OUT/multisource.md too, and in OUT/figure4.png.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from xsns_hf import XsnsError, identify
from xsns_hf.evaluation.evaluate import predict
from xsns_hf.gold import MIX, SCORES
from xsns_hf.languages.codes import name
from xsns_hf.predictors import Inputs, make_predictors
from xsns_hf.tasks import Task, load_task
from xsns_hf.text.folder import text_folder
from xsns_hf.transfer import Results, Settings, TaskData, transfer
from xsns_hf.transfer.models import find_task_model
from xsns_hf.transfer.results import MADE, is_mix, read_made, read_scores

TARGETS = "fin,cmn,hin,kor,rus,tur,ind,fra"
"""Eight of the paper's POS languages, of six families; the three Indo-European ones are of different branches."""
SIZE = 3
BEST_ONE, BEST_MIX, ENGLISH = "BEST-1", f"BEST-{SIZE}", "English"
MIX_COLOUR, SINGLE_COLOUR, LINE_COLOUR = "#3b6fb6", "#b9c4d3", "#c8502d"

Choices = dict[str, dict[str, str]]
"""By target and method: a source or a mix."""


def main(
    gold: Annotated[Path, typer.Option(help="Folder of `xsns transfer` with the single sources; mixes are added.")],
    data: Annotated[Path | None, typer.Option(help="As for `xsns transfer`. Default: the task's, on the Hub.")] = None,
    masks: Annotated[str | None, typer.Option(help="Mask dataset, for xsns and ensemble.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Which of its masks, where it has several recipes.")] = None,
    text: Annotated[Path | None, typer.Option(help="Folder of text, for lexical, embedding and ensemble.")] = None,
    task: Annotated[str, typer.Option(help="As for `xsns transfer`.")] = "pos",
    targets: Annotated[str, typer.Option(help="Codes or names, with commas.")] = TARGETS,
    predictors: Annotated[str, typer.Option(help="Names, with commas.")] = "xsns,lang2vec,lexical,ensemble",
    seeds: Annotated[int, typer.Option(help="Models a mix; of the single sources, the same seeds count.")] = 1,
    model: Annotated[str | None, typer.Option(help="What GOLD is of, if that is a folder.")] = None,
    out: Annotated[Path, typer.Option(help="For the tables and the figure.")] = Path("results/multisource"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Train nothing; say what would be trained.")] = False,
) -> None:
    """Choose sources, train the mixes that are missing, compare."""
    described, made = load_task(task), _made(gold)
    settings = Settings(**made["settings"])
    matrix = read_matrix(gold, described, seeds)
    truth = matrix[[source for source in matrix if not is_mix(source)]]
    wanted = list(dict.fromkeys(identify(each) for each in targets.split(",")))
    corpus = text_folder(text) if text else None
    inputs = Inputs(masks=masks, recipe=recipe, corpus=corpus, model=model or made["model"])
    known = [target for target in wanted if target in truth.index]
    predictions = {
        each.name: mean_of(predict(each, known, list(truth))) for each in make_predictors(predictors.split(","), inputs)
    }
    chosen = choose(truth, predictions, wanted)
    if lacking := [source for source in described.languages if source not in truth]:
        chosen.notes.append(f"There are no scores with {', '.join(lacking)} yet: BEST may change.")
    mixes = mixes_of(chosen.choices)
    missing = not_scored(mixes, matrix)
    if dry_run:
        print("\n".join([*chosen.notes, *plan(mixes, missing, seeds)]))
        return
    if missing:
        run = Training(TaskData(described, data), model or made["model"], gold, settings, seeds)
        chosen.notes.extend(run.train(missing))
        matrix = read_matrix(gold, described, seeds)
        if still := not_scored(mixes, matrix):
            chosen.notes.append(f"Not scored yet, perhaps by another process: {', '.join(still)}; repeat the command.")
    scores = compare(chosen.choices, matrix)
    lines = report(scores, chosen, described, settings, seeds)
    out.mkdir(parents=True, exist_ok=True)
    (out / "multisource.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    if len(shared := complete(scores)):
        draw(shared, described, out / "figure4.png")


def read_matrix(gold: Path, task: Task, seeds: int) -> pd.DataFrame:
    """Return a task's scores, targets × sources and mixes: means over the seeds, NaN where one of them is missing."""
    rows = read_scores(gold / SCORES)
    rows = rows[(rows["task"] == task.name) & (rows["metric"] == task.metrics[0]) & rows["seed"].isin(range(seeds))]
    if rows.empty:
        raise XsnsError(f"{gold} has no scores of {task.name} for seeds 0 to {seeds - 1}: make some, `xsns transfer`.")
    pairs = rows.groupby(["target", "source"])["score"]
    return pairs.mean().where(pairs.count() == seeds).unstack()


def mean_of(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of tables, over seeds."""
    return sum(tables[1:], tables[0]) / len(tables)


@dataclass(frozen=True)
class Chosen:
    """What each method trains on.

    Attributes:
        choices: by target and method.
        candidates: of each target, the number of sources that the predictors choose from.
        notes: sentences on what was left out.
    """

    choices: Choices
    candidates: dict[str, int]
    notes: list[str]


def choose(truth: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], targets: Sequence[str]) -> Chosen:
    """Choose sources by the truth (BEST) and by each predictor; predictors choose from those that all of them know.

    Args:
        truth: scores of single sources, targets × sources.
        predictions: by predictor, a table like it.
        targets: canonical codes.
    """
    chosen = Chosen({}, {}, [])
    for target in targets:
        scores = truth.loc[target].drop(target, errors="ignore").dropna() if target in truth.index else pd.Series()
        pool = [one for one in scores.index if all(pd.notna(each.at[target, one]) for each in predictions.values())]
        if len(pool) < SIZE:
            chosen.notes.append(f"{name(target)} is left out: {len(pool)} sources have scores and predictions.")
            continue
        if unknown := sorted(set(scores.index) - set(pool)):
            chosen.notes.append(f"{name(target)}: some predictor lacks {', '.join(unknown)}, which only BEST may take.")
        if unscored := sorted(set(truth) - set(scores.index) - {target}):
            chosen.notes.append(f"{name(target)}: no score yet with {', '.join(unscored)}, which nobody may take.")
        best = ordered(scores)
        methods = {BEST_MIX: mix(best), BEST_ONE: best[0]} | ({ENGLISH: "eng"} if "eng" in scores else {})
        orders = {each: ordered(table.loc[target, pool]) for each, table in predictions.items()}
        methods |= {f"{each}, first {SIZE}": mix(order) for each, order in orders.items()}
        methods |= {f"{each}, first": order[0] for each, order in orders.items()}
        chosen.choices[target], chosen.candidates[target] = methods, len(pool)
    if not chosen.choices:
        raise XsnsError(" ".join([*chosen.notes, "Give other --targets, or measure more with `xsns transfer`."]))
    return chosen


def ordered(scores: pd.Series) -> list[str]:
    """Return sources, best first; ties by code."""
    return list(scores.sort_index().sort_values(ascending=False, kind="stable").index)


def mix(order: Sequence[str]) -> str:
    """Return the mix of the first sources, as `xsns transfer` writes it."""
    return MIX.join(sorted(order[:SIZE]))


def mixes_of(choices: Choices) -> dict[str, list[str]]:
    """Return each mix that some method takes, once, with the targets that it is for."""
    found: dict[str, list[str]] = {}
    for target, methods in choices.items():
        for one in dict.fromkeys(filter(is_mix, methods.values())):
            found.setdefault(one, []).append(target)
    return found


def not_scored(mixes: Mapping[str, Sequence[str]], matrix: pd.DataFrame) -> dict[str, list[str]]:
    """Return the mixes that lack scores, each with the targets that it lacks."""
    lacking = {one: [each for each in targets if pd.isna(_score(matrix, each, one))] for one, targets in mixes.items()}
    return {one: targets for one, targets in lacking.items() if targets}


def plan(mixes: Mapping[str, Sequence[str]], missing: Mapping[str, Sequence[str]], seeds: int) -> list[str]:
    """Return a table of the mixes, and how much there is to do."""
    lines = ["| mix | for | not scored yet |", "|---" * 3 + "|"]
    lines += [
        f"| {one} | {', '.join(each)} | {', '.join(missing.get(one, [])) or '–'} |" for one, each in mixes.items()
    ]
    pairs = sum(map(len, missing.values()))
    summary = f"{len(mixes)} mixes; {len(missing) * seeds} models to train, {pairs * seeds} pairs to score."
    return [*lines, "", summary]


@dataclass(frozen=True)
class Training:
    """How mixes are trained: like the single sources of the gold folder."""

    data: TaskData
    model: str
    gold: Path
    settings: Settings
    seeds: int

    def train(self, missing: Mapping[str, Sequence[str]]) -> list[str]:
        """Train mixes, and return sentences on what couldn't be done."""
        checkpoint = find_task_model(self.model)
        results = Results(self.gold, checkpoint.name, checkpoint.revision, self.settings)
        notes: dict[str, None] = {}
        for number, (one, targets) in enumerate(missing.items(), 1):
            print(f"{number} of {len(missing)}: {one} for {', '.join(targets)}", flush=True)
            done = transfer(self.data, checkpoint, [one], targets, results, self.settings, seeds=range(self.seeds))
            notes |= {f"Missing, {what}: {problem}": None for what, problem in done.problems.items()}
        return list(notes)


def compare(choices: Choices, matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the score of each method, targets × methods, NaN where there is none."""
    methods = list(dict.fromkeys(method for each in choices.values() for method in each))
    rows = {
        target: {method: _score(matrix, target, source) for method, source in chosen.items()}
        for target, chosen in choices.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=methods)


def complete(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the targets that every method has a score for; English may have none for itself."""
    return scores[scores.drop(columns=ENGLISH, errors="ignore").notna().all(axis=1)]


def report(scores: pd.DataFrame, chosen: Chosen, task: Task, settings: Settings, seeds: int) -> list[str]:
    """Return the tables, with what is to be known about them."""
    shared = complete(scores)
    title = f"### Several sources, {task.name}: {task.metrics[0]}, {len(shared)} targets, {seeds} seed(s)"
    lines = [title, "", *_means(shared), "", f"{_size(settings)} {_left_out(scores, shared)}".rstrip()]
    if "eng" in shared.index:
        lines += ["", f"{ENGLISH} is its own language: its row is without it, and it is in no comparison with English."]
    lines += ["", "### Each target", "", *_per_target(scores, chosen)]
    return [*lines, "", *(f"- {note}" for note in chosen.notes)] if chosen.notes else lines


def _means(scores: pd.DataFrame) -> list[str]:
    """Return a line for each method; the gap to BEST-1 is negative where a method is below it."""
    lines = ["| method | mean score | over English | better than English | gap to BEST-1 |", "|---" * 5 + "|"]
    for method, own in scores.items():
        gain = (own - scores[ENGLISH]).dropna() if ENGLISH in scores else pd.Series()
        wins = f"{(gain > 0).sum()}/{len(gain)}" if len(gain) and method != ENGLISH else "–"
        over = _signed(gain.mean()) if method != ENGLISH else "–"
        gap = _signed((own - scores[BEST_ONE]).mean()) if method != BEST_ONE else "–"
        lines.append(f"| {method} | {_plain(own.mean())} | {over} | {wins} | {gap} |")
    return lines


def _per_target(scores: pd.DataFrame, chosen: Chosen) -> list[str]:
    """Return a line for each target: scores, and with which sources."""
    head = ["target", "candidates", *map(str, scores)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for target, row in scores.iterrows():
        methods = chosen.choices[str(target)]
        cells = [f"{_plain(row[method])} {methods[method]}" if method in methods else "–" for method in scores]
        lines.append(f"| {' | '.join([name(str(target)), str(chosen.candidates[str(target)]), *cells])} |")
    return lines


def _size(settings: Settings) -> str:
    if settings.examples is None:
        return "A mix is of equal parts, each as large as its smallest training set: up to three times the data of one."
    return (
        f"A mix has no more training examples than a single source: {settings.examples} at most, "
        f"{settings.examples // SIZE} of each of its {SIZE}. The paper says nothing of sharing them, so its mixes may "
        "have three times the data."
    )


def _left_out(scores: pd.DataFrame, shared: pd.DataFrame) -> str:
    without = [name(target) for target in scores.index if target not in shared.index]
    return f"Means are without {', '.join(without)}, where a method has no score yet." if without else ""


def draw(scores: pd.DataFrame, task: Task, path: Path) -> None:
    """Draw Figure 4: the mean score of each method as a bar, BEST-1 as a line."""
    means = scores.mean()
    bars = means.drop(BEST_ONE).dropna()
    bars = bars[sorted(bars.index, key=lambda method: not _of_mixes(method))]
    colours = [MIX_COLOUR if _of_mixes(method) else SINGLE_COLOUR for method in bars.index]
    spread = max(means.max() - means.min(), 1.0)
    start, end = max(0, math.floor(means.min() - 0.4 * spread)), means.max() + 0.25 * spread
    axes = (figure := Figure(figsize=(7, 1.6 + 0.33 * len(bars)), layout="constrained")).subplots()
    drawn = axes.barh(list(bars.index), bars.to_numpy(), color=colours)
    axes.bar_label(drawn, labels=[f"{value:.1f}" for value in bars], padding=4, fontsize=9, backgroundcolor="white")
    line = axes.axvline(means[BEST_ONE], color=LINE_COLOUR, linewidth=1.5, label=f"{BEST_ONE}, {means[BEST_ONE]:.1f}")
    axes.set(
        xlim=(start, end),
        xlabel=f"{task.metrics[0]}, mean of {len(scores)} targets" + (f"; the axis begins at {start}" if start else ""),
        title=f"{task.name.upper()}: trained on {SIZE} sources or on one",
    )
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    kinds = [Patch(color=MIX_COLOUR, label=f"mix of {SIZE}"), Patch(color=SINGLE_COLOUR, label="single source"), line]
    figure.legend(handles=kinds, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _of_mixes(method: str) -> bool:
    return method.endswith(str(SIZE))


def _score(matrix: pd.DataFrame, target: str, source: str) -> float:
    there = target in matrix.index and source in matrix.columns
    return float(matrix.at[target, source]) if there else float("nan")


def _plain(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.1f}"


def _signed(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.1f}"


def _made(gold: Path) -> dict:
    if not (gold / MADE).is_file():
        raise XsnsError(f"{gold} is no folder of scores: make one with `xsns transfer … --out {gold}`.")
    return read_made(gold / MADE)


if __name__ == "__main__":
    try:
        typer.run(main)
    except XsnsError as error:
        raise SystemExit(f"reproduce_multisource: {error}") from None
