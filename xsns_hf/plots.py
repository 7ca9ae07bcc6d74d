"""Pictures of similarities, and of what masks share."""

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from xsns_hf.errors import XsnsError
from xsns_hf.explanation import Pair
from xsns_hf.languages import name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 40
"""Languages up to which their names are written out; more get codes."""

_MODULE_COLOURS = {"attention": "#0072b2", "feed-forward": "#d55e00", "norm": "#009e73", "other": "#666666"}
"""Of Okabe and Ito's palette, which the colour-blind can tell apart."""


def clustered(similarity: pd.DataFrame) -> list[str]:
    """Return the languages in an order that puts similar ones side by side (average linkage, optimal leaf order).

    Args:
        similarity: Jaccard coefficients, square and symmetric.
    """
    if len(similarity) < 3:
        return list(similarity.index)
    distances = squareform(1 - similarity.to_numpy(), checks=False)
    return [similarity.index[leaf] for leaf in leaves_list(linkage(distances, "average", optimal_ordering=True))]


def heat_map(similarity: pd.DataFrame, title: str) -> bytes:
    """Draw the similarities of all pairs of languages as a PNG.

    Args:
        similarity: Jaccard coefficients, square and symmetric; the diagonal isn't looked at.
        title: what to write above.
    """
    from matplotlib.figure import Figure

    order = clustered(similarity)
    values = similarity.loc[order, order].to_numpy(copy=True)
    np.fill_diagonal(values, np.nan)
    side = 2.5 + 0.22 * len(order)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="viridis")
    labels = [name(code) for code in order] if len(order) <= NAMED else order
    axes.set_xticks(range(len(order)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(order)), labels, fontsize=8)
    axes.set_title(title, fontsize=10, wrap=True)
    figure.colorbar(image, ax=axes, shrink=0.7, label="Jaccard coefficient")
    return _png(figure)


def overlap_by_layer(pair: Pair) -> bytes:
    """Draw where two languages share their sub-network, from the first layer to the last, as a PNG.

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
        raise XsnsError("This model's parameters aren't numbered by layer: leave out --plot.")
    stacks = list(points["stack"].unique())
    figure = Figure(figsize=(1 + 6 * len(stacks), 6.5), layout="constrained")
    figure.suptitle(f"{name(pair.one)} and {name(pair.other)}\n{pair.recipe}", fontsize=10)
    panels = figure.subplots(2, len(stacks), squeeze=False, sharex="col", sharey="row", height_ratios=[3, 2])
    for stack, (upper, lower) in zip(stacks, panels.T, strict=True):
        for module, rows in points[points["stack"] == stack].groupby("module"):
            layers, colour = rows["layer"].astype(int), _MODULE_COLOURS[str(module)]
            upper.plot(layers, rows["jaccard"], "o-", color=colour, markersize=4, label=module)
            upper.plot(layers, rows["by_chance"], "--", color=colour, linewidth=1)
            lower.plot(layers, rows["ratio"], "o-", color=colour, markersize=4)
        upper.set_title(stack, fontsize=10)
        lower.set_xlabel("layer, from input to output")
        lower.xaxis.get_major_locator().set_params(integer=True)
        lower.axhline(1, color="black", linewidth=0.8, linestyle="--")
    panels[0, 0].plot([], [], "--", color="black", linewidth=1, label="independent masks")
    panels[0, 0].set(ylabel="Jaccard coefficient", ylim=(0, 1.03))
    panels[1, 0].set(ylabel="shared, times chance", ylim=(0, None))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9)
    return _png(figure)


def _png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()
