"""Pictures of a sweep: NDCG@3 over the density (the paper's Figure 3) and over the sample size (its Figure 6)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsns_hf.evaluation.sweep import FIELDS, PAPER_DENSITY, SPREAD, Sweep
from xsns_hf.plotting import GROUP_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXES = {"density": "density p", "examples": "|D|, sentences a language"}
"""What goes along a line."""

PAPER = {"density": PAPER_DENSITY, "examples": 1024}
"""What the paper's main experiments take."""

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
    differ = [each for each in columns if rows[each].nunique(dropna=False) > 1]
    for each in {"revision", "head"} & {*differ} if "checkpoint" in differ else ():
        if rows.groupby("checkpoint")[each].nunique().max() == 1:
            differ.remove(each)
    return differ


def apart(repositories: pd.Series) -> pd.Series:
    """Return the names of repositories without the folders that all of them are in."""
    names = repositories.unique()
    shared = os.path.commonpath([str(Path(each).parent) for each in names]) if len(names) > 1 else ""
    return repositories.map(lambda each: os.path.relpath(each, shared)) if shared else repositories


def lines(found: Sweep, field: str) -> list[Line]:
    """Return the recipes that are alike but for `density` or `examples`, joined to lines.

    Recipes of several repositories make one line, unless the same recipe is in several of them. Over |D|, recipes with
    an agreement are left out, since their languages differ in it.

    Args:
        found: what `sweep` returned.
        field: which of a recipe's numbers goes along a line.
    """
    rows = found.recipes.assign(repository=apart(found.recipes["repository"]))
    if field == "examples":
        rows = rows[rows["agreement"].isna()]
    alike = [each for each in FIELDS if each != field]
    alike += ["repository"] if rows.duplicated(FIELDS).any() else []
    groups = [group for _, group in rows.groupby(alike, dropna=False, sort=False) if len(group) > 1]
    if not groups:
        return []
    drawn = pd.concat(groups)
    told_apart = varied(drawn, alike)
    return [
        Line(
            ", ".join(shown(each, group.iloc[0][each]) for each in told_apart),
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
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    logarithmic = field == "examples"
    figure = Figure(figsize=(6 if len(drawn) == 1 else 7.2, 3.8), dpi=120, layout="constrained")
    axes = figure.subplots()
    ordered = len(drawn) > 2 and all(line.label.startswith(("p = ", "|D| = ")) for line in drawn)
    several = any(line.points[SPREAD].notna().any() for line in drawn)
    values = sorted({float(value) for line in drawn for value in line.points.index})
    for number, line in enumerate(drawn):
        colour = colormaps["viridis"](0.88 * number / (len(drawn) - 1)) if ordered else _colour(number)
        # Lines stand a little beside each other, or their error bars would hide each other.
        aside = several * (number - (len(drawn) - 1) / 2) / max(len(drawn), 4)
        places = line.points.index.to_numpy(float)
        places = places * 2 ** (0.12 * aside) if logarithmic else places + 0.012 * aside * (values[-1] - values[0])
        heights, spread = 100 * line.points[["ndcg@3", SPREAD]].to_numpy(float).T
        axes.errorbar(
            *(places, heights),
            yerr=None if np.isnan(spread).all() else spread,
            fmt="o-", markersize=4, linewidth=1.4, elinewidth=0.8, capsize=2, color=colour, label=line.label or None,
        )  # fmt: skip
    if values[0] <= PAPER[field] <= values[-1]:
        axes.axvline(PAPER[field], color="grey", linestyle=":", linewidth=1, zorder=0)
        above = axes.get_xaxis_transform()
        axes.text(PAPER[field], 1, " the paper's", color="grey", fontsize=8, va="top", transform=above)
    if logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set(xlabel=AXES[field], ylabel="NDCG@3, percent")
    axes.set_title(title + "\n± standard deviation over seeds" * several, fontsize=10, wrap=True)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(drawn) > 1:
        figure.legend(loc="outside right center", fontsize=9, frameon=False)
    return figure


def _colour(number: int) -> str:
    return GROUP_COLOURS[number % len(GROUP_COLOURS)]
