"""Pictures of a sweep: NDCG@3 over the density (the paper's Figure 3) and over the sample size (its Figure 6)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsns_hf.evaluation.sweep import FIELDS, SPREAD, Sweep
from xsns_hf.plotting import COLUMN, GROUP_COLOURS, PAGE, PRINT, fit_for_print
from xsns_hf.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import ColorType

AXES = {"density": "density p", "examples": "|D|, sentences a language"}
"""What goes along a line."""

_LOGARITHMIC = {"examples"}

PAPER = {"density": Recipe.density, "examples": Recipe.examples}
"""What the paper's main experiments take, which is what recipes have by default."""

_SHOWN = {
    "density": "p = {:g}",
    "examples": "|D| = {:g}",
    "masking": "{:g} masked",
    "max_length": "{:g} tokens",
    "agreement": "auto {:g}",
    "revision": "{:.8}",
}


@dataclass(frozen=True)
class Line:
    """Recipes that differ in one number only.

    Attributes:
        label: in which other fields lines differ, with this one's values.
        points: by that number, in order: columns ndcg@3 and `SPREAD`, fractions.
    """

    label: str
    points: pd.DataFrame


def shown(field: str, value: object) -> str:
    """Return a field of a recipe in words."""
    if pd.isna(value):
        return "fixed |D|"
    return _SHOWN.get(field, "{}").format(value)


def varied(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the columns in which rows differ; revision and head only where the checkpoint doesn't tell them."""
    differing = [column for column in columns if rows[column].nunique(dropna=False) > 1]
    for column in {"revision", "head"} & {*differing} if "checkpoint" in differing else ():
        if rows.groupby("checkpoint")[column].nunique().max() == 1:
            differing.remove(column)
    return differing


def apart(repositories: pd.Series) -> pd.Series:
    """Return the names of repositories without the folders that all of them are in."""
    names = repositories.unique()
    shared = os.path.commonpath([str(Path(name).parent) for name in names]) if len(names) > 1 else ""
    return repositories.map(lambda name: os.path.relpath(name, shared)) if shared else repositories


def lines(sweep: Sweep, field: str) -> list[Line]:
    """Return the recipes that are alike but for `density` or `examples`, joined to lines.

    Recipes of several repositories make one line, unless the same recipe is in several of them. Over |D|, recipes with
    an agreement are left out, since their languages differ in it.

    Args:
        sweep: the recipes and their metrics.
        field: which of a recipe's numbers goes along a line.
    """
    rows = sweep.recipes.assign(repository=apart(sweep.recipes["repository"]))
    if field == "examples":
        rows = rows[rows["agreement"].isna()]
    alike = [other for other in FIELDS if other != field]
    alike += ["repository"] if rows.duplicated(FIELDS).any() else []
    groups = [group for _, group in rows.groupby(alike, dropna=False, sort=False) if len(group) > 1]
    if not groups:
        return []
    drawn = pd.concat(groups)
    told_apart = varied(drawn, alike)
    return [
        Line(
            ", ".join(shown(column, group.iloc[0][column]) for column in told_apart),
            group.set_index(field).sort_index()[["ndcg@3", SPREAD]],
        )
        for group in groups
    ]


def figure_over(field: str, drawn: list[Line], title: str) -> "Figure":
    """Draw NDCG@3 over the density or the sample size, with the standard deviation over seeds where there are several.

    Args:
        field: `density` or `examples`, which gets a logarithmic axis.
        drawn: at least one line.
        title: what to write above.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN if len(drawn) == 1 else PAGE, 2.6), dpi=200, layout="constrained")
    axes = figure.subplots()
    values = sorted({float(value) for line in drawn for value in line.points.index})
    several_seeds = any(line.points[SPREAD].notna().any() for line in drawn)
    colours = _colours(drawn)
    for number, line in enumerate(drawn):
        # Lines stand a little beside each other, or their error bars would hide each other.
        aside = several_seeds * (number - (len(drawn) - 1) / 2) / max(len(drawn), 4)
        _draw_line(axes, line, colours[number], _moved(line.points.index.to_numpy(float), aside, field, values))
    if values[0] <= PAPER[field] <= values[-1]:
        axes.axvline(PAPER[field], color="grey", linestyle=":", linewidth=1, zorder=0)
        above = axes.get_xaxis_transform()
        axes.text(PAPER[field], 1, " the paper's", color="grey", fontsize=PRINT - 1, va="top", transform=above)
    if field in _LOGARITHMIC:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set(xlabel=AXES[field], ylabel="NDCG@3, percent")
    axes.set_title(title + "\n± standard deviation over seeds" * several_seeds, fontsize=PRINT, wrap=True)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(drawn) > 1:
        figure.legend(loc="outside right center", fontsize=PRINT, frameon=False)
    fit_for_print(figure)
    return figure


def _moved(places: np.ndarray, aside: float, field: str, values: Sequence[float]) -> np.ndarray:
    """Return where to draw points so that they stand a little aside on an axis with these values."""
    return places * 2 ** (0.12 * aside) if field in _LOGARITHMIC else places + 0.012 * aside * (values[-1] - values[0])


def _draw_line(axes: "Axes", line: Line, colour: "ColorType", places: np.ndarray) -> None:
    heights, spread = 100 * line.points[["ndcg@3", SPREAD]].to_numpy(float).T
    axes.errorbar(
        *(places, heights),
        yerr=None if np.isnan(spread).all() else spread,
        fmt="o-", markersize=4, linewidth=1.4, elinewidth=0.8, capsize=2, color=colour, label=line.label or None,
    )  # fmt: skip


def _colours(drawn: Sequence[Line]) -> "list[ColorType]":
    """Return a colour for each line: of a scale where they differ in a number alone."""
    from matplotlib import colormaps

    if len(drawn) > 2 and all(line.label.startswith(("p = ", "|D| = ")) for line in drawn):
        return [colormaps["viridis"](0.88 * number / (len(drawn) - 1)) for number in range(len(drawn))]
    return [GROUP_COLOURS[number % len(GROUP_COLOURS)] for number in range(len(drawn))]
