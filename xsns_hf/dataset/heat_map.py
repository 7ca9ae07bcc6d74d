"""The picture on a dataset's card: the similarities of all pairs of languages."""

import numpy as np
import pandas as pd

from xsns_hf.languages.codes import name
from xsns_hf.masks.clustering import clustered
from xsns_hf.plotting import NAMED, rendered

LABELLED = 80
"""Languages up to which rows and columns say which they are; a picture of more is no larger, and has no labels."""

_SIDE = 9.0
"""Inches of such a picture."""

CELLS = 400
"""Rows and columns of it at most; of more languages, several that are alike share one."""


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
    values = _coarser(values, CELLS)
    side = 2.5 + 0.22 * len(order) if len(order) <= LABELLED else _SIDE
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="viridis")
    if len(order) <= LABELLED:
        labels = [name(code) for code in order] if len(order) <= NAMED else order
        axes.set_xticks(range(len(order)), labels, rotation=90, fontsize=8)
        axes.set_yticks(range(len(order)), labels, fontsize=8)
    else:
        axes.set(xticks=[], yticks=[], xlabel=f"{len(order):,} languages")
    axes.set_title(title, fontsize=10, wrap=True)
    figure.colorbar(image, ax=axes, shrink=0.7, label="Jaccard coefficient")
    return rendered(figure)


def _coarser(values: np.ndarray, most: int) -> np.ndarray:
    """Return the means of blocks of a square table, so that it has so many rows and columns at most."""
    block = -(-len(values) // most)
    if block == 1:
        return values
    edges = np.arange(0, len(values), block)
    known = ~np.isnan(values)
    sums, numbers = (
        np.add.reduceat(np.add.reduceat(table, edges, axis=0), edges, axis=1)
        for table in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    return np.divide(sums, numbers, out=np.full(sums.shape, np.nan), where=numbers > 0)
