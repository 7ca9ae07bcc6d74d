"""Languages clustered by sub-network, and whether the clusters are the language families."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import cophenet, fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from xsns_hf.errors import XsnsError

ORDERED = 300
"""Languages up to which the leaves of a tree are put into the best order: that takes a quarter of a second, for 2,000
minutes."""

ORDERS = 999
"""Random orders of the languages in Mantel's test."""


@dataclass(frozen=True)
class Agreement:
    """How far a tree of sub-networks agrees with the languages' descent.

    Attributes:
        groups: number of groups of relatives, and of clusters compared with them.
        rand: adjusted Rand index of the groups and as many clusters: 1 if they are the same, 0 on average by chance;
            NaN where all languages are relatives, or none are.
        correlation: Pearson correlation of the tree's cophenetic distances and genealogical distances, over all pairs
            of languages; NaN where all are related alike.
        p: share of orders of the languages in which the correlation is as high (Mantel's test).
        faithful: Pearson correlation of the tree's cophenetic distances and 1 − Jaccard: what the tree keeps of them.
    """

    groups: int
    rand: float
    correlation: float
    p: float
    faithful: float


def tree(similarity: pd.DataFrame) -> np.ndarray:
    """Cluster languages by average linkage on 1 − Jaccard; up to `ORDERED` so that similar ones are side by side.

    Args:
        similarity: Jaccard coefficients, square and symmetric, of at least three languages; a pair whose similarity is
            unknown (NaN) is taken to be as far apart as any.

    Returns:
        float64 [N − 1, 4], as `scipy.cluster.hierarchy.linkage` returns it.

    Raises:
        XsnsError: fewer than three languages.
    """
    if len(similarity) < 3:
        raise XsnsError(
            f"Clusters need at least 3 languages, and there are {len(similarity)}: extract more, or give two languages "
            "to compare."
        )
    known = similarity.fillna(similarity.min(axis=None))
    distances = squareform(1 - known.to_numpy(), checks=False)
    return linkage(distances, "average", optimal_ordering=len(similarity) <= ORDERED)


def agreement(similarity: pd.DataFrame, groups: Mapping[str, str], kinship: pd.DataFrame) -> Agreement:
    """Hold the tree of sub-networks against the languages' descent.

    Args:
        similarity: Jaccard coefficients, square and symmetric.
        groups: the group of relatives that each language belongs to; those it lacks don't count.
        kinship: how related two languages are, 0 to 1, square; NaN where that isn't known.
    """
    linked = tree(similarity)
    languages = list(similarity.index)
    known = [number for number, code in enumerate(languages) if code in groups]
    names = sorted({groups[languages[number]] for number in known})
    in_tree = cophenet(linked)
    correlation, p = _mantel(squareform(in_tree), 1 - kinship.loc[languages, languages].to_numpy())
    return Agreement(
        groups=len(names),
        rand=_rand([names.index(groups[languages[number]]) for number in known], linked, known),
        correlation=correlation,
        p=p,
        faithful=_correlation(in_tree, squareform(1 - similarity.to_numpy(), checks=False)),
    )


def _rand(groups: list[int], linked: np.ndarray, known: list[int]) -> float:
    """Return the adjusted Rand index of the groups of those languages that are known and as many clusters."""
    from sklearn.metrics import adjusted_rand_score  # takes a second to import, which a card needn't wait for

    number = len(set(groups))
    if number in {0, 1, len(groups)}:
        return float("nan")
    return float(adjusted_rand_score(groups, fcluster(linked, number, "maxclust")[known]))


def _mantel(in_tree: np.ndarray, by_descent: np.ndarray) -> tuple[float, float]:
    """Return the correlation of two matrices of distances, and how likely one as high is by chance.

    Pairs of languages aren't independent of each other, so it is the languages that are shuffled, not the pairs.

    Args:
        in_tree: float64 [N, N], symmetric.
        by_descent: the same; NaN where a distance isn't known.
    """
    number = len(in_tree)
    pairs = np.triu_indices(number, 1)
    known = ~np.isnan(by_descent[pairs])
    expected = by_descent[pairs][known]
    correlation = _correlation(in_tree[pairs][known], expected)
    if np.isnan(correlation):
        return correlation, correlation
    random = np.random.default_rng(0)
    orders = (random.permutation(number) for _ in range(ORDERS))
    by_chance = (_correlation(in_tree[np.ix_(order, order)][pairs][known], expected) for order in orders)
    as_high = sum(shuffled >= correlation - 1e-12 for shuffled in by_chance)
    return correlation, (1 + as_high) / (1 + ORDERS)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's correlation; NaN where one of the two is constant."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def clustered(similarity: pd.DataFrame) -> list[str]:
    """Return the languages in an order that puts similar ones side by side (average linkage), see `tree`.

    Args:
        similarity: Jaccard coefficients, square and symmetric.
    """
    if len(similarity) < 3:
        return list(similarity.index)
    return [similarity.index[leaf] for leaf in leaves_list(tree(similarity))]
