"""Sub-networks: the top share of a checkpoint's parameters by Fisher information, as packed bits (§3).

Nothing in here knows about languages or about torch: arrays of numpy in, packed bits out.
"""

import ctypes
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xsns_hf import native
from xsns_hf.errors import Damaged, Incompatible, XsnsError
from xsns_hf.masks.layout import ParameterLayout, Tensor

CHUNK = 1 << 20
"""Values looked at together, so that intermediate arrays stay in cache and memory use stays flat."""


@dataclass(frozen=True)
class SubNetwork:
    """A binary mask over a layout's parameters.

    Attributes:
        layout: what the bits stand for.
        bits: uint8 [layout.packed_size], the packed mask of each tensor, one after the other; see `layout.pack`.
        threshold: the smallest Fisher information that was selected.
    """

    layout: ParameterLayout
    bits: np.ndarray
    threshold: float

    def __post_init__(self) -> None:
        if self.bits.dtype != np.uint8 or self.bits.shape != (self.layout.packed_size,):
            raise Damaged(
                f"A mask of {self.bits.size} bytes doesn't fit its layout of {self.layout.packed_size} bytes: "
                "the mask file is damaged; fetch or extract it again."
            )

    @cached_property
    def n_selected(self) -> int:
        """Number of parameters in the sub-network."""
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    @cached_property
    def sha256(self) -> str:
        """Hash of the packed bits, hexadecimal."""
        return hashlib.sha256(self.bits.tobytes()).hexdigest()

    def packed(self) -> Iterator[tuple[Tensor, np.ndarray]]:
        """Yield each tensor with its own packed bits, uint8."""
        at = 0
        for tensor in self.layout.tensors:
            yield tensor, self.bits[at : at + tensor.packed_size]
            at += tensor.packed_size

    def masks(self) -> Iterator[tuple[Tensor, np.ndarray]]:
        """Yield each tensor with its mask, a bool array of the tensor's shape."""
        for tensor, bits in self.packed():
            yield tensor, self.layout.unpack(tensor, bits)

    def arranged(self, layout: ParameterLayout) -> "SubNetwork":
        """Return the same mask with its bits as another layout of the same parameters arranges them.

        Raises:
            XsnsError: the layout covers other parameters.
        """
        if layout is self.layout:
            return self
        if layout.fingerprint != self.layout.fingerprint:
            raise Incompatible(
                f"Masks of layouts {self.layout.fingerprint} and {layout.fingerprint} cover different parameters and "
                "can't be compared: use masks of one checkpoint."
            )
        if layout.arrangement == self.layout.arrangement:
            return self
        bits = [layout.pack(tensor, mask) for tensor, mask in self.masks()]
        return SubNetwork(layout, np.concatenate(bits), self.threshold)


def select(importance: np.ndarray, layout: ParameterLayout, density: float) -> SubNetwork:
    """Select the top share of all parameters under one global threshold.

    Exactly round(density · n) parameters are selected; of those equal to the threshold, the first ones.
    Takes two passes over the values and one to pack, in memory that doesn't grow with their number.

    Args:
        importance: float32 [layout.size], non-negative and finite.
        layout: the parameters' names and shapes.
        density: the share p to select, in (0, 1).

    Raises:
        XsnsError: the density is out of range or selects nothing, or a value is negative, infinite or NaN.

    Example:
        >>> import numpy as np
        >>> from xsns_hf import ParameterLayout
        >>> layout = ParameterLayout.of([("weight", (2, 4))])
        >>> mask = select(np.arange(8, dtype=np.float32), layout, 0.25)
        >>> mask.n_selected, mask.threshold
        (2, 6.0)
    """
    check_density(density)
    if importance.dtype != np.float32 or importance.shape != (layout.size,):
        raise ValueError(f"importance must be float32 [{layout.size}], got {importance.dtype} {importance.shape}")
    count = round(density * layout.size)
    if count == 0:
        raise XsnsError(f"Density {density} selects none of {layout.size} parameters: use a larger one.")
    # Non-negative floats are ordered as their bits are as integers. Comparing those is exact also where the
    # processor was told to take denormal floats for zero.
    patterns = importance.view(np.uint32)
    threshold, ties = _threshold(patterns, count)
    packed = []
    for tensor in layout.tensors:
        values = patterns[tensor.span]
        mask = values > threshold
        if ties:
            equal = np.flatnonzero(values == threshold)[:ties]
            mask[equal] = True
            ties -= equal.size
        packed.append(layout.pack(tensor, mask.reshape(tensor.shape)))
    return SubNetwork(layout, np.concatenate(packed), float(threshold.view(np.float32)))


def check_density(density: float) -> None:
    """Raise an XsnsError unless 0 < density < 1."""
    if not 0 < density < 1:
        raise XsnsError(f"Density {density} is out of range: the share p of parameters to select must be in (0, 1).")


def _threshold(patterns: np.ndarray, count: int) -> tuple[np.uint32, int]:
    """Return the count-th largest bit pattern, and how many entries equal to it are among the count largest.

    A radix selection: a histogram of the upper 16 bits finds the bucket of the wanted value, and one of the
    lower 16 bits within it finds the value.
    """
    upper = _histogram(patterns)
    if upper[0x7F80:].any():
        raise XsnsError(
            "The Fisher information isn't finite (NaN, infinite or negative values): "
            "check the checkpoint's weights, or extract in float32."
        )
    bucket, wanted = _descend(upper, count)
    low, ties = _descend(_histogram(patterns, bucket), wanted)
    return np.uint32(bucket << 16 | low), ties


def _histogram(patterns: np.ndarray, upper: int | None = None) -> np.ndarray:
    """Count the upper 16 bits; or, of patterns with given upper bits, the lower ones. Returns int64 [65536]."""
    compiled = native.library("radix", _computes_the_same)
    return _histogram_by_numpy(patterns, upper) if compiled is None else _histogram_by_c(compiled, patterns, upper)


def _histogram_by_numpy(patterns: np.ndarray, upper: int | None) -> np.ndarray:
    counts = np.zeros(1 << 16, np.int64)
    for start in range(0, patterns.size, CHUNK):
        chunk = patterns[start : start + CHUNK]
        digits = chunk >> 16 if upper is None else chunk[chunk >> 16 == upper] & 0xFFFF
        counts += np.bincount(digits, minlength=1 << 16)
    return counts


def _histogram_by_c(compiled: ctypes.CDLL, patterns: np.ndarray, upper: int | None) -> np.ndarray:
    patterns, counts = np.ascontiguousarray(patterns), np.zeros((4, 1 << 16), np.int64)
    vector = patterns.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(patterns.size)
    into = counts.ctypes.data_as(ctypes.c_void_p)
    if upper is None:
        compiled.count_upper(*vector, into)
    else:
        compiled.count_lower(*vector, ctypes.c_uint32(upper), into)
    return counts.sum(axis=0)


def _computes_the_same(compiled: ctypes.CDLL) -> bool:
    patterns = np.random.default_rng(0).integers(0, 1 << 20, 10_003, np.uint32)
    return all(
        np.array_equal(_histogram_by_c(compiled, patterns, upper), _histogram_by_numpy(patterns, upper))
        for upper in (None, 3)
    )


def _descend(counts: np.ndarray, wanted: int) -> tuple[int, int]:
    """Return the bin that holds the wanted-th largest entry, and its rank within that bin (from 1)."""
    from_top = np.cumsum(counts[::-1])
    steps = int(np.searchsorted(from_top, wanted))
    above = int(from_top[steps - 1]) if steps else 0
    return counts.size - 1 - steps, wanted - above
