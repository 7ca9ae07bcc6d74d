"""Pictures of similarities, and of what masks share."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import dendrogram

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import name
from xsns_hf.plotting import GROUP_COLOURS, NAMED, PAGE, PRINT, Picture, fit_for_print

if TYPE_CHECKING:
    from xsns_hf.explanation.overlap import Pair
    from xsns_hf.explanation.overview import Overview


_MODULE_COLOURS = {"attention": "#0072b2", "feed-forward": "#d55e00", "norm": "#009e73", "other": "#666666"}
"""Of Okabe and Ito's palette, which the colour-blind can tell apart."""

_ALONE = "#666666"


def overlap_by_layer(pair: "Pair") -> Picture:
    """Draw where two languages share their sub-network, from the first layer to the last.

    Above the Jaccard coefficient of each kind of module, with that of independent masks dashed; below how many times
    as many parameters are shared as by chance.

    Args:
        pair: what `explain_pair` returned. What belongs to no layer isn't drawn.

    Raises:
        XsnsError: nothing belongs to a layer.
    """
    from matplotlib.figure import Figure

    points = pair.by(["stack", "layer", "module"]).dropna(subset="layer")
    if points.empty:
        raise XsnsError("This model's parameters aren't numbered by layer: leave out the plot.")
    stacks = [stack for stack in pair.overlaps["stack"].unique() if stack in set(points["stack"])]  # as in the model
    figure = Figure(figsize=(PAGE, 4.6), layout="constrained")
    figure.suptitle(f"{name(pair.one)} and {name(pair.other)}\n{pair.recipe}", fontsize=PRINT, wrap=True)
    panels = figure.subplots(2, len(stacks), squeeze=False, sharex="col", sharey="row", height_ratios=[3, 2])
    for stack, (upper, lower) in zip(stacks, panels.T, strict=True):
        for module, rows in points[points["stack"] == stack].groupby("module"):
            layers, colour = rows["layer"].astype(int), _MODULE_COLOURS[str(module)]
            upper.plot(layers, rows["jaccard"], "o-", color=colour, markersize=4, label=module)
            upper.plot(layers, rows["by_chance"], "--", color=colour, linewidth=1)
            lower.plot(layers, rows["ratio"], "o-", color=colour, markersize=4)
        upper.set_title(stack, fontsize=PRINT)
        lower.set_xlabel("layer, from input to output")
        lower.xaxis.get_major_locator().set_params(integer=True)
        lower.axhline(1, color="black", linewidth=0.8, linestyle="--")
    panels[0, 0].plot([], [], "--", color="black", linewidth=1, label="independent masks")
    panels[0, 0].set(ylabel="Jaccard coefficient", ylim=(0, 1.03))
    panels[1, 0].set(ylabel="shared, times chance", ylim=(0, None))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=PRINT)
    fit_for_print(figure)
    return Picture(figure)


def tree_of_languages(overview: "Overview") -> Picture:
    """Draw the tree of languages by sub-network, the languages in the colours of their families.

    Args:
        overview: of the languages' masks.
    """
    from matplotlib.figure import Figure

    codes = list(overview.similarity.index)
    lines = dendrogram(overview.tree, no_plot=True)
    colours = _colours(overview)
    figure = Figure(figsize=(PAGE, 1.5 + 0.17 * len(codes)), layout="constrained")
    axes = figure.subplots()
    for across, up in zip(lines["dcoord"], lines["icoord"], strict=True):
        axes.plot(across, up, color="#444444", linewidth=1)
    labels = [name(code) for code in overview.order] if len(codes) <= NAMED else overview.order
    axes.set_yticks(range(5, 10 * len(codes), 10), labels)  # scipy puts leaf n at 5 + 10 n
    for label, code in zip(axes.get_yticklabels(), overview.order, strict=True):
        label.set_color(colours.get(overview.groups.get(code, ""), _ALONE))
    axes.set(ylim=(10 * len(codes), 0), xlabel="1 − Jaccard coefficient, where two branches meet: average linkage")
    lowest, highest = overview.tree[0, 2], overview.tree[-1, 2]
    axes.set_xlim(max(0, lowest - 0.15 * (highest - lowest)), highest + 0.02 * (highest - lowest))
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title(_title(overview), fontsize=PRINT)
    for group, colour in colours.items():
        axes.plot([], [], "s", color=colour, label=group)
    if colours:
        axes.plot([], [], "s", color=_ALONE, label="no relative here")
        figure.legend(loc="outside lower center", ncols=4, fontsize=PRINT, frameon=False)
    fit_for_print(figure)
    return Picture(figure)


def _title(overview: "Overview") -> str:
    title = f"Languages by sub-network\n{overview.recipe}"
    agreement = overview.agreement
    if np.isnan(agreement.rand) or np.isnan(agreement.correlation):
        return title
    rand, correlation = f"{agreement.rand:z.2f}", f"{agreement.correlation:z.2f}"
    return f"{title}\nagreement with families: adjusted Rand index {rand}, correlation {correlation}"


def _colours(overview: "Overview") -> dict[str, str]:
    """Return a colour for each group of several relatives, the largest first."""
    sizes = Counter(overview.groups.values())
    several = [group for group, size in sizes.most_common() if size > 1]
    return dict(zip(several, GROUP_COLOURS, strict=False))
