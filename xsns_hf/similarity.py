"""Similarity of sub-networks: the Jaccard coefficient of their masks, |s ∩ t| / |s ∪ t| (§3)."""

from collections.abc import Sequence

import numpy as np

from xsns_hf.errors import XsnsError
from xsns_hf.subnetworks import SubNetwork

TILE = 1 << 17
"""Bytes of every mask compared together, so that a tile of each stays in cache."""


def jaccard(one: SubNetwork, other: SubNetwork) -> float:
    """Return the Jaccard coefficient of two sub-networks, in [0, 1].

    Raises:
        XsnsError: the masks cover different parameters.
    """
    return float(jaccard_row(one, [other])[0])


def jaccard_row(one: SubNetwork, others: Sequence[SubNetwork]) -> np.ndarray:
    """Return the Jaccard coefficients of one sub-network with each of several, float64 [len(others)].

    This is what adding a language costs: a row, not the whole matrix.

    Raises:
        XsnsError: the masks cover different parameters.
    """
    for other in others:
        if other.layout.fingerprint != one.layout.fingerprint:
            raise XsnsError(
                f"Masks of layouts {one.layout.fingerprint} and {other.layout.fingerprint} cover different "
                "parameters and can't be compared: use masks of one checkpoint."
            )
    common = np.zeros(len(others), dtype=np.int64)
    for start in range(0, one.bits.size, TILE):
        tile = _words(one.bits[start : start + TILE])
        for i, other in enumerate(others):
            common[i] += np.bitwise_count(tile & _words(other.bits[start : start + TILE])).sum(dtype=np.int64)
    union = one.n_selected + np.array([other.n_selected for other in others], dtype=np.int64) - common
    return np.divide(common, union, out=np.ones(len(others)), where=union > 0)


def jaccard_matrix(subnetworks: Sequence[SubNetwork]) -> np.ndarray:
    """Return all pairwise Jaccard coefficients, float64 [N, N], symmetric with a diagonal of ones."""
    matrix = np.eye(len(subnetworks))
    for i, one in enumerate(subnetworks[:-1]):
        matrix[i, i + 1 :] = matrix[i + 1 :, i] = jaccard_row(one, subnetworks[i + 1 :])
    return matrix


def _words(tile: np.ndarray) -> np.ndarray:
    """View the bytes as 64-bit words where their number allows it: eight bytes a step."""
    return tile.view(np.uint64) if tile.size % 8 == 0 else tile
