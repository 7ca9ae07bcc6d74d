"""Layouts: the ordered parameters that a mask covers, and how their bits are arranged."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np


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


class Arrangement:
    """An order of each tensor's rows and columns in which masks of many languages are stored in less space.

    A tensor counts as a matrix of shape[0] rows and the rest as columns; it is stored column after column. Fisher
    information comes in rows and columns: a neuron matters to a language or doesn't. With rows of like density side
    by side, a column is a few long runs.

    Attributes:
        orders: for each tensor by name the indices of its rows and of its columns, int32, as they are stored.
    """

    def __init__(self, orders: Mapping[str, tuple[np.ndarray, np.ndarray]]):
        self.orders = dict(orders)

    @classmethod
    def by_density(cls, masks: Iterable[tuple[Tensor, np.ndarray]]) -> "Arrangement":
        """Sort by the number of selected parameters in a mask: any language's serves for all others."""
        orders = {}
        for tensor, mask in masks:
            matrix = mask.reshape(tensor.shape[0], -1)
            rows, columns = (
                np.argsort(np.count_nonzero(matrix, axis=axis), kind="stable").astype(np.int32) for axis in (1, 0)
            )
            orders[tensor.name] = rows, columns
        return cls(orders)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that differ between arrangements."""
        digest = hashlib.sha256()
        for name, orders in self.orders.items():
            digest.update(name.encode())
            for order in orders:
                digest.update(np.ascontiguousarray(order, np.int32).tobytes())
        return digest.hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arrangement) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)


@dataclass(frozen=True)
class ParameterLayout:
    """The ordered block parameters that a mask covers; masks of different parameters are never compared.

    Attributes:
        tensors: the parameter tensors.
        arrangement: how the bits of each are ordered; None is row-major.
    """

    tensors: tuple[Tensor, ...]
    arrangement: Arrangement | None = None

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
        """Sixteen hexadecimal digits that differ where the parameters do, whatever their arrangement."""
        text = json.dumps([(tensor.name, tensor.shape) for tensor in self.tensors])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def pack(self, tensor: Tensor, mask: np.ndarray) -> np.ndarray:
        """Pack a tensor's mask, bool of its shape, as this layout arranges it: uint8 [tensor.packed_size]."""
        if self.arrangement is None:
            return np.packbits(mask)
        rows, columns = self.arrangement.orders[tensor.name]
        return np.packbits(mask.reshape(len(rows), len(columns)).T[np.ix_(columns, rows)])

    def unpack(self, tensor: Tensor, bits: np.ndarray) -> np.ndarray:
        """Return the mask of a tensor, bool of its shape, from its packed bits."""
        flat = np.unpackbits(bits, count=tensor.size).view(bool)
        if self.arrangement is None:
            return flat.reshape(tensor.shape)
        rows, columns = self.arrangement.orders[tensor.name]
        mask = np.empty((len(columns), len(rows)), bool)
        mask[np.ix_(columns, rows)] = flat.reshape(mask.shape)
        return mask.T.reshape(tensor.shape)

    def selected_by_row(self, tensor: Tensor, bits: np.ndarray) -> np.ndarray:
        """Count what each row of a tensor's matrix selects, from its packed bits: int64 [shape[0]].

        Counted in the order in which the bits are stored, and only the counts are put in order: a tenth of the time
        of `unpack`.
        """
        flat = np.unpackbits(bits, count=tensor.size)
        if self.arrangement is None:
            return flat.reshape(tensor.shape[0], -1).sum(axis=1, dtype=np.int64)
        rows, columns = self.arrangement.orders[tensor.name]
        counts = np.empty(len(rows), np.int64)
        counts[rows] = flat.reshape(len(columns), len(rows)).sum(axis=0, dtype=np.int64)
        return counts
