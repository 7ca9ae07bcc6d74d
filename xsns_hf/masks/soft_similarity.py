"""Similarity of importances themselves, not of masks: every parameter counts, the more the more important it is.

A mask gives the top share of the parameters a weight of 1 and all others none. Weights in between keep the order within
and below the top; they take 32 times the space of a mask, and no dataset keeps them.
"""

import numpy as np

CHUNK = 1 << 16
"""Weights looked at together, so that intermediate arrays stay in cache."""


def log_ratios(values: np.ndarray) -> np.ndarray:
    """Return log(1 + f / median f), so that parameters of unusual importance outweigh others by little.

    Args:
        values: float32 [n], non-negative and finite; the median must not be 0.

    Returns:
        float32 [n], non-negative, the same for all multiples of the values.
    """
    return np.log1p(values / np.median(values))


def log_ranks(values: np.ndarray) -> np.ndarray:
    """Return log(n / r), r being a value's rank from the largest (1) to the smallest (n).

    Args:
        values: float32 [n]; of equal ones the first ranks higher.

    Returns:
        float32 [n], non-negative, the same for all values of one order; the mean is close to 1.
    """
    ranks = np.empty(values.size, np.float32)
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, values.size + 1, dtype=np.float32)
    return np.log(values.size / ranks)


def weighted_jaccard(source: np.ndarray, target: np.ndarray) -> float:
    """Return Σ min / Σ max, in [0, 1]; of weights 0 and 1 that is the Jaccard coefficient.

    Args:
        source: float32 [n], a language's weights, non-negative.
        target: the same of another language.
    """
    least = most = 0.0
    for start in range(0, source.size, CHUNK):
        s, t = source[start : start + CHUNK], target[start : start + CHUNK]
        least += float(np.minimum(s, t).sum(dtype=np.float64))
        most += float(np.maximum(s, t).sum(dtype=np.float64))
    return least / most if most else 1.0


def cosine(source: np.ndarray, target: np.ndarray) -> float:
    """Return the cosine of the angle between two vectors of weights, in [0, 1]; arguments as of `weighted_jaccard`."""
    products = np.zeros(3)
    for start in range(0, source.size, CHUNK):
        s, t = (weights[start : start + CHUNK].astype(np.float64) for weights in (source, target))
        products += s @ t, s @ s, t @ t
    inner, *squares = products
    length = np.sqrt(squares).prod()
    return float(min(inner / length, 1.0)) if length else 1.0
