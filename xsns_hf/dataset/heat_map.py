"""The picture on a dataset's card: the similarities of all pairs of languages."""

import numpy as np
import pandas as pd

from xsns_hf.languages.codes import name
from xsns_hf.masks.clustering import clustered
from xsns_hf.plotting import NAMED, rendered

LABELLED = 80
"""Languages up to which rows and columns say which they are; a picture of more is no larger, and has no labels."""


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
    side = 2.5 + 0.22 * min(len(order), LABELLED)
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
