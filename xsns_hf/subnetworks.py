"""Sub-networks: the top share of a checkpoint's parameters by Fisher information, as packed bits (§3).

Nothing in here knows about languages or about torch: arrays of numpy in, packed bits out.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np

from xsns_hf.errors import XsnsError

CHUNK = 1 << 20
"""Values looked at together, so that intermediate arrays stay in cache and memory use stays flat."""


@dataclass(frozen=True)
class Tensor:
    """A parameter tensor's place in the vector of all block parameters.

    Attributes:
        name: dotted name within the model's body, without task heads (`encoder.layer.0.output.dense.weight`).
        shape: its shape; entries are in row-major order.
        offset: index of its first entry in the vector.
    """

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)

    @property
    def packed_size(self) -> int:
        """Bytes of its packed mask: every tensor starts on a byte of its own."""
        return -(-self.size // 8)

    @property
    def span(self) -> slice:
        """Its entries in the vector."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True)
class ParameterLayout:
    """The ordered block parameters that a mask covers; masks of different layouts are never compared."""

    tensors: tuple[Tensor, ...]

    @classmethod
    def of(cls, shapes: Iterable[tuple[str, tuple[int, ...]]]) -> "ParameterLayout":
        """Lay the tensors out one after the other, from (name, shape) pairs."""
        named = list(shapes)
        offsets = accumulate((prod(shape) for _, shape in named), initial=0)
        return cls(tuple(Tensor(name, tuple(shape), at) for (name, shape), at in zip(named, offsets, strict=False)))

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return sum(tensor.size for tensor in self.tensors)

    @cached_property
    def packed_size(self) -> int:
        """Bytes of a whole packed mask."""
        return sum(tensor.packed_size for tensor in self.tensors)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that differ between layouts."""
        text = json.dumps([(tensor.name, tensor.shape) for tensor in self.tensors])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class SubNetwork:
    """A binary mask over a layout's parameters.

    Attributes:
        layout: what the bits stand for.
        bits: uint8 [layout.packed_size], `numpy.packbits` of each tensor in row-major order, one after the other.
        threshold: the smallest Fisher information that was selected.
    """

    layout: ParameterLayout
    bits: np.ndarray
    threshold: float

    def __post_init__(self):
        if self.bits.dtype != np.uint8 or self.bits.shape != (self.layout.packed_size,):
            raise XsnsError(
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
            yield tensor, np.unpackbits(bits, count=tensor.size).astype(bool).reshape(tensor.shape)


def select(fisher: np.ndarray, layout: ParameterLayout, density: float) -> SubNetwork:
    """Select the top share of all parameters under one global threshold.

    Exactly round(density · n) parameters are selected; of those equal to the threshold, the first ones.
    Takes two passes over the values and one to pack, in memory that doesn't grow with their number.

    Args:
        fisher: float32 [layout.size], non-negative and finite.
        layout: the parameters' names and shapes.
        density: the share p to select, in (0, 1).

    Raises:
        XsnsError: the density is out of range or selects nothing, or a value is negative, infinite or NaN.
    """
    check_density(density)
    if fisher.dtype != np.float32 or fisher.shape != (layout.size,):
        raise ValueError(f"fisher must be float32 [{layout.size}], got {fisher.dtype} {fisher.shape}")
    count = round(density * layout.size)
    if count == 0:
        raise XsnsError(f"Density {density} selects none of {layout.size} parameters: use a larger one.")
    # Non-negative floats are ordered as their bits are as integers. Comparing those is exact also where the
    # processor was told to take denormal floats for zero.
    patterns = fisher.view(np.uint32)
    threshold, ties = _threshold(patterns, count)
    packed = []
    for tensor in layout.tensors:
        values = patterns[tensor.span]
        mask = values > threshold
        if ties:
            equal = np.flatnonzero(values == threshold)[:ties]
            mask[equal] = True
            ties -= equal.size
        packed.append(np.packbits(mask))
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
    upper = _histogram(patterns, lambda chunk: chunk >> 16)
    if upper[0x7F80:].any():
        raise XsnsError(
            "The Fisher information isn't finite (NaN, infinite or negative values): "
            "check the checkpoint's weights, or extract in float32."
        )
    bucket, wanted = _descend(upper, count)
    lower = _histogram(patterns, lambda chunk: chunk[chunk >> 16 == bucket] & 0xFFFF)
    low, ties = _descend(lower, wanted)
    return np.uint32(bucket << 16 | low), ties


def _histogram(patterns: np.ndarray, digits) -> np.ndarray:
    counts = np.zeros(1 << 16, dtype=np.int64)
    for start in range(0, patterns.size, CHUNK):
        counts += np.bincount(digits(patterns[start : start + CHUNK]), minlength=1 << 16)
    return counts


def _descend(counts: np.ndarray, wanted: int) -> tuple[int, int]:
    """Return the bin that holds the wanted-th largest entry, and its rank within that bin (from 1)."""
    from_top = np.cumsum(counts[::-1])
    steps = int(np.searchsorted(from_top, wanted))
    above = int(from_top[steps - 1]) if steps else 0
    return counts.size - 1 - steps, wanted - above
