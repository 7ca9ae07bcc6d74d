"""Pictures of similarities."""

import io

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from xsns_hf.languages import name

NAMED = 40
"""Languages up to which their names are written out; more get codes."""


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
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
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()
