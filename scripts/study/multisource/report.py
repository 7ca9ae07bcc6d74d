"""What mixes are worth: the means of the methods, the scores of each target, and Figure 4."""

import math
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from study.markdown import table, write
from study.multisource.choosing import BEST_ONE, ENGLISH, SIZE, Chosen, mixes_of
from study.multisource.experiment import Experiment, not_scored, score
from xsns_hf.languages.codes import name
from xsns_hf.tasks import Task
from xsns_hf.transfer.settings import Settings

MIX_COLOUR, SINGLE_COLOUR, LINE_COLOUR = "#3b6fb6", "#b9c4d3", "#c8502d"


def write_report(experiment: Experiment, chosen: Chosen, out: Path) -> None:
    """Write and print the tables, and draw Figure 4 where every method has a score for some target."""
    matrix = experiment.matrix()
    notes = list(chosen.notes)
    if missing := not_scored(mixes_of(chosen.choices), matrix):
        notes.append(f"Not scored yet, perhaps by another process: {', '.join(missing)}; repeat the command.")
    scores = scores_of(chosen, matrix)
    lines = report(scores, chosen, experiment)
    write([*lines, "", *(f"- {note}" for note in notes)] if notes else lines, out / "multisource.md")
    if len(shared := complete(scores)):
        draw(shared, experiment.task, out / "figure4.png")


def scores_of(chosen: Chosen, matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the score of each method, targets × methods, NaN where there is none."""
    methods = list(dict.fromkeys(method for own in chosen.choices.values() for method in own))
    rows = {
        target: {method: score(matrix, target, source) for method, source in own.items()}
        for target, own in chosen.choices.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=methods)


def complete(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the targets that every method has a score for; English may have none for itself."""
    return scores[scores.drop(columns=ENGLISH, errors="ignore").notna().all(axis=1)]


def report(scores: pd.DataFrame, chosen: Chosen, experiment: Experiment) -> list[str]:
    """Return the tables, with what is to be known about them."""
    shared, task = complete(scores), experiment.task
    title = f"### Several sources, {task.name}: {task.metrics[0]}, {len(shared)} targets, {experiment.seeds} seed(s)"
    about = f"{about_sizes(experiment.settings)} {about_left_out(scores, shared)}".rstrip()
    lines = [title, "", *table_of_means(shared), "", about]
    if "eng" in shared.index:
        lines += ["", f"{ENGLISH} is its own language: its row is without it, and it is in no comparison with English."]
    return [*lines, "", "### Each target", "", *table_of_targets(scores, chosen)]


def table_of_means(scores: pd.DataFrame) -> list[str]:
    """Return a line for each method; the gap to BEST-1 is negative where a method is below it."""
    rows = []
    for method, own in scores.items():
        gain = (own - scores[ENGLISH]).dropna() if ENGLISH in scores else pd.Series()
        wins = f"{(gain > 0).sum()}/{len(gain)}" if len(gain) and method != ENGLISH else "–"
        over = signed(gain.mean()) if method != ENGLISH else "–"
        gap = signed((own - scores[BEST_ONE]).mean()) if method != BEST_ONE else "–"
        rows.append([str(method), plain(own.mean()), over, wins, gap])
    return table(["method", "mean score", "over English", "better than English", "gap to BEST-1"], rows)


def table_of_targets(scores: pd.DataFrame, chosen: Chosen) -> list[str]:
    """Return a line for each target: scores, and with which sources."""
    rows = []
    for target, own in scores.iterrows():
        methods = chosen.choices[str(target)]
        cells = [f"{plain(own[method])} {methods[method]}" if method in methods else "–" for method in scores]
        rows.append([name(str(target)), str(chosen.candidates[str(target)]), *cells])
    return table(["target", "candidates", *map(str, scores)], rows)


def about_sizes(settings: Settings) -> str:
    """Return a sentence on how much data mixes and single sources have."""
    if settings.examples is None:
        return "A mix is of equal parts, each as large as its smallest training set: up to three times the data of one."
    return (
        f"A mix has no more training examples than a single source: {settings.examples} at most, "
        f"{settings.examples // SIZE} of each of its {SIZE}. The paper says nothing of sharing them, so its mixes may "
        "have three times the data."
    )


def about_left_out(scores: pd.DataFrame, shared: pd.DataFrame) -> str:
    """Return a sentence on the targets that aren't in the means, if there are any."""
    without = [name(target) for target in scores.index if target not in shared.index]
    return f"Means are without {', '.join(without)}, where a method has no score yet." if without else ""


def draw(scores: pd.DataFrame, task: Task, path: Path) -> None:
    """Draw Figure 4: the mean score of each method as a bar, BEST-1 as a line."""
    means = scores.mean()
    bars = means.drop(BEST_ONE).dropna()
    bars = bars[sorted(bars.index, key=lambda method: not is_of_mixes(method))]
    spread = max(means.max() - means.min(), 1.0)
    start, end = max(0, math.floor(means.min() - 0.4 * spread)), means.max() + 0.25 * spread
    axes = (figure := Figure(figsize=(7, 1.6 + 0.33 * len(bars)), layout="constrained")).subplots()
    colours = [MIX_COLOUR if is_of_mixes(method) else SINGLE_COLOUR for method in bars.index]
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


def is_of_mixes(method: str) -> bool:
    """Return whether a method trains on several sources."""
    return method.endswith(str(SIZE))


def plain(value: float) -> str:
    """Return a score as it is written."""
    return "–" if pd.isna(value) else f"{value:.1f}"


def signed(value: float) -> str:
    """Return a difference of scores as it is written."""
    return "–" if pd.isna(value) else f"{value:+.1f}"
