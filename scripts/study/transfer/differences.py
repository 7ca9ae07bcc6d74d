"""Figure 5: what is lost against training on the target language itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.markdown import table
from study.transfer.measured import Measured
from study.transfer.sources import LOOKS, skipped

COLOUR = LOOKS["ours"].colour


def differences(scores: pd.DataFrame) -> pd.Series:
    """Return P_s − P_o by target and source: what a source's score is above that of the target's own training set."""
    own = pd.Series({code: scores.at[code, code] for code in scores.index if code in scores.columns}, dtype=float)
    lost = scores.loc[own.index].sub(own, axis=0)
    for target in own.index:
        lost.loc[target, target] = float("nan")
    return lost.stack().dropna()


def figure5(measured: Sequence[Measured], out: Path) -> list[str]:
    """Draw how the differences are distributed."""
    by_task = {task.title: lost for task in measured if len(lost := differences(task.scores)) > 1}
    lines = ["### Figure 5: other sources against the target's own training set", ""]
    if by_task:
        draw(by_task, out / "figure5.png")
        columns = ["task", "targets", "pairs", "above 0", "least", "25 %", "median", "75 %", "most"]
        lines += table(columns, [cells(title, lost) for title, lost in by_task.items()])
    return [*lines, *skipped(measured, by_task, "scores of targets as their own sources, beside others")]


def cells(title: str, lost: pd.Series) -> list[str]:
    """Return a row of the table: how many differences there are, and their quartiles."""
    quartiles = [f"{value:.1f}" for value in np.percentile(lost, [0, 25, 50, 75, 100])]
    targets = lost.index.get_level_values(0).nunique()
    return [title, str(targets), str(len(lost)), f"{100 * (lost > 0).mean():.1f} %", *quartiles]


def draw(by_task: Mapping[str, pd.Series], path: Path) -> None:
    """Draw a violin a task, with its quartiles."""
    places = np.arange(len(by_task))
    values = [lost.to_numpy() for lost in by_task.values()]
    axes = (figure := Figure(figsize=(2 + 1.4 * len(by_task), 4), layout="constrained")).subplots()
    axes.axhline(0, color="#8a8f98", linewidth=1)
    for part in axes.violinplot(values, places, widths=0.8, showextrema=False)["bodies"]:  # type: ignore[attr-defined]
        part.set(facecolor=COLOUR, alpha=0.35)
    quartiles = np.array([np.percentile(lost, [25, 50, 75]) for lost in values])
    axes.vlines(places, quartiles[:, 0], quartiles[:, 2], color=COLOUR, linewidth=5)
    axes.scatter(places, quartiles[:, 1], color="white", edgecolor=COLOUR, s=30, zorder=3)
    axes.set_xticks(places, [f"{title}\n{len(lost)} pairs" for title, lost in by_task.items()])
    axes.set(ylabel="P$_s$ − P$_o$, points", xlim=(-0.6, len(by_task) - 0.4))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
