"""Similarity of sub-networks: the Jaccard coefficient of their masks, |s ∩ t| / |s ∪ t| (§3).

With the number of selected parameters of each known, the Hamming distance h of two masks is enough:
|s ∩ t| = (|s| + |t| − h) / 2 and |s ∪ t| = (|s| + |t| + h) / 2.
"""

import ctypes
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from xsns_hf import native
from xsns_hf.masks.subnetwork import SubNetwork

TILE = 1 << 17
"""Bytes of every mask that numpy compares together, so that a tile of each stays in cache."""

BYTES_A_THREAD = 1 << 18
"""Bytes of every mask that are worth a thread."""


def jaccard(source: SubNetwork, target: SubNetwork) -> float:
    """Return the Jaccard coefficient of two sub-networks, in [0, 1].

    Raises:
        XsnsError: the masks cover different parameters.

    Example:
        >>> import numpy as np
        >>> from xsns_hf import ParameterLayout, select
        >>> layout = ParameterLayout.of([("weight", (2, 4))])
        >>> one = select(np.arange(8, dtype=np.float32), layout, 0.5)
        >>> other = select(np.roll(np.arange(8, dtype=np.float32), 1), layout, 0.5)
        >>> round(jaccard(one, other), 2)  # 3 of 5
        0.6
    """
    return float(jaccard_row(source, [target])[0])


def jaccard_row(subnetwork: SubNetwork, others: Sequence[SubNetwork]) -> np.ndarray:
    """Return the Jaccard coefficients of one sub-network with each of several, float64 [len(others)].

    This is what adding a language costs: a row, not the whole matrix.

    Raises:
        XsnsError: the masks cover different parameters.
    """
    masks = [subnetwork, *(mask.arranged(subnetwork.layout) for mask in others)]
    distances = hamming([mask.bits for mask in masks], rows=1)
    return _jaccard(np.array([mask.n_selected for mask in masks]), distances)[0, 1:]


def jaccard_matrix(subnetworks: Sequence[SubNetwork]) -> np.ndarray:
    """Return all pairwise Jaccard coefficients, float64 [N, N], symmetric with a diagonal of ones.

    Raises:
        XsnsError: the masks cover different parameters.
    """
    masks = [mask.arranged(subnetworks[0].layout) for mask in subnetworks]
    return jaccard_of_pieces([mask.n_selected for mask in masks], [[mask.bits for mask in masks]])


def jaccard_of_pieces(n_selected: Sequence[int] | np.ndarray, pieces: Iterable[Sequence[np.ndarray]]) -> np.ndarray:
    """Return all pairwise Jaccard coefficients of masks that needn't be in memory as a whole.

    Args:
        n_selected: the number of set bits of each of the N masks; an array may be filled while the pieces come.
        pieces: the masks, cut in pieces: for each piece that of every mask, uint8 of one length.

    Returns:
        float64 [N, N], symmetric with a diagonal of ones.
    """
    number = len(n_selected)
    distances = np.zeros((number, number), np.int64)
    for piece in pieces:
        distances += hamming(piece)
    return _jaccard(np.asarray(n_selected), distances + distances.T)


def hamming(packed: Sequence[np.ndarray], rows: int | None = None) -> np.ndarray:
    """Return the number of bits in which packed masks differ.

    Args:
        packed: N masks, uint8 of one length, contiguous.
        rows: compare only the first so many with those after them; by default all.

    Returns:
        int64 [rows, N]; the entries j ≤ i of row i are zero.
    """
    rows = len(packed) if rows is None else rows
    compiled = native.library("hamming", _computes_the_same)
    return _by_numpy(packed, rows) if compiled is None else _by_c(compiled, packed, rows)


def _by_numpy(packed: Sequence[np.ndarray], rows: int) -> np.ndarray:
    distances = np.zeros((rows, len(packed)), np.int64)
    for start in range(0, packed[0].size if packed else 0, TILE):
        tiles = [_words(mask[start : start + TILE]) for mask in packed]
        for i in range(rows):
            for j in range(i + 1, len(packed)):
                distances[i, j] += np.bitwise_count(tiles[i] ^ tiles[j]).sum(dtype=np.int64)
    return distances


def _words(tile: np.ndarray) -> np.ndarray:
    """View the bytes as 64-bit words where their number allows it: eight bytes a step."""
    return tile.view(np.uint64) if tile.size % 8 == 0 else tile


def _by_c(compiled: ctypes.CDLL, packed: Sequence[np.ndarray], rows: int) -> np.ndarray:
    number, size = len(packed), packed[0].size if packed else 0
    pointers = (ctypes.c_void_p * number)(*(mask.ctypes.data for mask in packed))
    threads = max(1, min(native.threads(), size // BYTES_A_THREAD))

    def distances(bounds: tuple[int, int]) -> np.ndarray:
        sums = np.zeros((rows, number), np.int64)
        sizes = (ctypes.c_int64(value) for value in (number, rows, *bounds))
        compiled.add_distances(pointers, *sizes, sums.ctypes.data_as(ctypes.c_void_p))
        return sums

    parts = list(pairwise(size * thread // threads for thread in range(threads + 1)))
    if threads == 1:
        return distances(parts[0])
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(distances, parts), np.zeros((rows, number), np.int64))


def _computes_the_same(compiled: ctypes.CDLL) -> bool:
    masks = list(np.random.default_rng(0).integers(0, 256, (4, 3001), dtype=np.uint8))
    return np.array_equal(_by_c(compiled, masks, 3), _by_numpy(masks, 3))


def _jaccard(n_selected: np.ndarray, distances: np.ndarray) -> np.ndarray:
    both = n_selected[: len(distances), None] + n_selected[None]
    return np.divide(both - distances, both + distances, out=np.ones(distances.shape), where=both > 0)
