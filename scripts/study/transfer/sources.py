"""Figures 1 and 7: English, our first suggestion and the best source, by target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.markdown import table
from study.transfer.measured import Measured
from xsns_hf.languages.codes import name


@dataclass(frozen=True)
class Look:
    """How one of a target's sources is drawn."""

    label: str
    marker: str
    colour: str
    size: int = 28


LOOKS = {
    "english": Look("English", "o", "#8a8f98"),
    "ours": Look("our first suggestion", "D", "#2f62ad"),
    "best": Look("best source", "_", "#c8502d", 130),
}


def figure1(measured: Sequence[Measured], out: Path) -> list[str]:
    """Draw how much depends on the source, for the targets that are sources as well."""
    worth = {
        task.title: rows.sort_values("best", ascending=False)
        for task in measured
        if len(rows := task.suggested([code for code in task.scores.index if code in task.scores.columns]))
    }
    lines = ["### Figure 1: how much depends on the source", ""]
    if worth:
        draw_sources(worth, ("english", "ours", "best"), ":", out / "figure1.png")
    return [
        *lines,
        *table_of(worth),
        *skipped(measured, worth, "masks of targets with scores, and scores with English"),
    ]


def figure7(measured: Sequence[Measured], targets: Sequence[str], out: Path) -> list[str]:
    """Draw what low-resource targets gain by our first suggestion over English, where there are two or more."""
    all_rows = {task.title: task.suggested(targets).sort_values("ours", ascending=False) for task in measured}
    worth = {title: rows for title, rows in all_rows.items() if len(rows) > 1}
    lines = ["### Figure 7: low-resource targets", ""]
    if worth:
        draw_sources(worth, ("english", "ours"), "-", out / "figure7.png")
    return [*lines, *table_of(worth), *skipped(measured, worth, "masks and scores of two low-resource targets")]


def draw_sources(worth: Mapping[str, pd.DataFrame], columns: Sequence[str], style: str, path: Path) -> None:
    """Draw a panel a task: a target's scores above each other, and their means as lines.

    Args:
        worth: by title, a row for each target.
        columns: which of its scores.
        style: of the lines.
        path: of the PNG.
    """
    width = max(5.0, 1.5 + 0.3 * max(map(len, worth.values())))
    figure = Figure(figsize=(width, 0.6 + 3.3 * len(worth)), layout="constrained")
    panels = figure.subplots(len(worth), squeeze=False)[:, 0]
    for axes, (title, rows) in zip(panels, worth.items(), strict=True):
        draw_panel(axes, rows, columns, style)
        axes.set_title(title, fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=150, bbox_inches="tight")  # slanted names reach beyond the edge


def draw_panel(axes: Axes, rows: pd.DataFrame, columns: Sequence[str], style: str) -> None:
    """Draw the targets of a task."""
    scores, places = rows[list(columns)], np.arange(len(rows))
    axes.vlines(places, scores.min(axis=1), scores.max(axis=1), color="#d5d8dd", linewidth=1.5, zorder=1)
    for column in columns:
        look = LOOKS[column]
        drawn = axes.scatter(places, scores[column], look.size, look.colour, marker=look.marker, linewidth=2, zorder=2)
        drawn.set_label(look.label)
        axes.axhline(scores[column].mean(), color=look.colour, linestyle=style, linewidth=1.2, zorder=0)
    axes.set_xticks(places, [name(target) for target in rows.index], rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", labelsize=8)
    axes.set(xlim=(-0.6, len(rows) - 0.4), ylabel="score in %")
    axes.spines[["top", "right"]].set_visible(False)


def table_of(worth: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a line for each target and for the means, and sentences on who wins; nothing of nothing."""
    cells, notes = [], []
    for title, rows in worth.items():
        for target, own in rows.iterrows():
            ours, best = (name(own["source"]), f"{own['ours']:.1f}"), (name(own["best_source"]), f"{own['best']:.1f}")
            cells.append([title, name(str(target)), f"{own['english']:.1f}", *ours, *best])
        means = rows[["english", "ours", "best"]].mean()
        cells.append([title, "mean", f"{means['english']:.1f}", "", f"{means['ours']:.1f}", "", f"{means['best']:.1f}"])
        gain = rows["ours"] - rows["english"]
        notes.append(
            f"{title}: our first suggestion is better than English for {(gain > 0).sum()} of {len(rows)} targets, "
            f"alike for {(gain == 0).sum()}, by {gain.mean():+.1f} points on average; it is the best source for "
            f"{(rows['ours'] == rows['best']).sum()}, {means['best'] - means['ours']:.1f} points below it on average."
        )
    columns = ["task", "target", "English", "our source", "score", "best source", "score"]
    return [*table(columns, cells), "", *notes] if worth else []


def skipped(measured: Sequence[Measured], drawn: Mapping[str, object], lacks: str) -> list[str]:
    """Return a sentence on the tasks that aren't drawn, and why."""
    tasks = [task.task for task in measured if task.title not in drawn]
    return ["", f"Not for {', '.join(tasks)}: there are no {lacks}."] if tasks else []
