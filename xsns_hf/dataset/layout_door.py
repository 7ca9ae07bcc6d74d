"""What a layout and the masks over it must hold to be used, see `door`."""

from collections.abc import Collection, Iterator
from math import prod

import numpy as np
import pandas as pd
import pyarrow as pa

from xsns_hf.dataset.limits import Limits
from xsns_hf.dataset.parquet import Source, opened
from xsns_hf.dataset.sieve import LONGEST
from xsns_hf.errors import Damaged
from xsns_hf.masks.layout import Arrangement, ParameterLayout, Tensor
from xsns_hf.safe_text import shortened

_MOST_PARAMETERS = 2**45
_DIMENSIONS = 8


def sound_layout(table: pa.Table) -> ParameterLayout:
    """Return the layout that a table says.

    Args:
        table: columns `schema.LAYOUT`.

    Raises:
        ValueError: it can't be one; what is wrong, for `parquet.explained`.
    """
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count or any(chunk.values.null_count for chunk in column.chunks if hasattr(chunk, "values")):
            raise ValueError(f"{name} is missing somewhere")
    tensors, orders, offset = [], {}, 0
    shapes, rows, columns = (_lists(table[name]) for name in ("shape", "rows", "columns"))
    for number, (name, at) in enumerate(zip(table["tensor"].to_pylist(), table["offset"].to_pylist(), strict=True)):
        tensor = Tensor(name, _shape(name, shapes[number]), offset)
        if at != offset or offset + tensor.size > _MOST_PARAMETERS:
            raise ValueError(f"the offset of {shortened(name)} isn't the end of what comes before")
        if name in orders:
            raise ValueError(f"there are two tensors {shortened(name)}")
        for order, length in ((rows[number], tensor.shape[0]), (columns[number], tensor.size // tensor.shape[0])):
            if not _is_permutation(order, length):
                raise ValueError(f"the order of the bits of {shortened(name)} is none")
        orders[name] = rows[number], columns[number]
        tensors.append(tensor)
        offset += tensor.size
    return ParameterLayout(tuple(tensors), Arrangement(orders))


def _lists(column: pa.ChunkedArray) -> list[np.ndarray]:
    """Return the lists of a column, which share its memory."""
    return [
        each for chunk in column.chunks for each in np.split(chunk.flatten().to_numpy(), _ends(chunk))[: len(chunk)]
    ]


def _ends(chunk: pa.ListArray) -> np.ndarray:
    offsets = chunk.offsets.to_numpy()
    return offsets[1:] - offsets[0]


def _shape(name: str, sizes: np.ndarray) -> tuple[int, ...]:
    """Return the shape of a tensor, in numbers that don't overflow."""
    shape = tuple(map(int, sizes))
    if not (0 < len(name) <= LONGEST and name.isprintable()):
        raise ValueError(f"there is a tensor {shortened(name)}")
    if not 0 < len(shape) <= _DIMENSIONS or min(shape) < 1 or prod(shape) > _MOST_PARAMETERS:
        raise ValueError(f"the shape of {shortened(name)} can't be one")
    return shape


def _is_permutation(order: np.ndarray, length: int) -> bool:
    if len(order) != length or order.min() < 0 or order.max() >= length:
        return False
    seen = np.zeros(length, bool)
    seen[order] = True
    return bool(seen.all())


def check_layout(name: str, layout: ParameterLayout, index: pd.DataFrame) -> None:
    """Make sure that a layout is the one that the index records.

    Args:
        name: of the layout's file.
        layout: what it holds.
        index: of the same repository (columns: `schema.INDEX`).

    Raises:
        Damaged: it isn't.
    """
    if len(index) and {(layout.fingerprint, layout.size)} != {
        *zip(index["layout"], index["n_parameters"], strict=True)
    }:
        raise Damaged(
            f"{name} isn't the layout that the index records ({layout.fingerprint} of {layout.size:,} parameters, not "
            f"{index['layout'].iloc[0]} of {index['n_parameters'].iloc[0]:,}): fetch it again."
        )


def mask_limits(layout: ParameterLayout, seeds: int) -> Limits:
    """Return the most that a file of masks may hold.

    Args:
        layout: of its masks.
        seeds: how many masks it may hold.
    """
    rows = len(layout.tensors) * seeds
    return Limits(rows, rows * _DIMENSIONS, layout.packed_size * seeds + (1 << 16) + 2000 * rows)


MOST_SEEDS = 1000
"""Masks of a language that a file may hold."""


def mask_pieces(source: Source, layout: ParameterLayout, seeds: Collection[int]) -> Iterator[np.ndarray]:
    """Yield masks a tensor at a time, each as the layout has it, in memory that a few tensors take.

    Args:
        source: the file of a language's masks.
        layout: of them.
        seeds: those wanted, in the order in which they are yielded.

    Yields:
        The packed bits of each tensor, uint8, in the layout's order; seed after seed.

    Raises:
        ValueError: the file lacks a seed or tensor, or a mask isn't as the layout has it.
        OSError: it isn't Parquet, or can't be read.
    """
    with opened(source, ["seed", "tensor", "mask"], mask_limits(layout, MOST_SEEDS), as_they_are=["mask"]) as (file, _):
        groups: dict[int, int] = {}
        for group in range(file.num_row_groups):
            of_group = set(file.read_row_group(group, columns=["seed"])["seed"].to_pylist())
            if len(of_group) != 1 or of_group & groups.keys():
                raise ValueError("a seed isn't in a row group of its own")
            groups[of_group.pop()] = group
        for seed in seeds:
            if seed not in groups:
                raise ValueError(f"it lacks seed {seed}")
            wanted = iter(layout.tensors)
            for batch in file.iter_batches(batch_size=4, row_groups=[groups[seed]], columns=["tensor", "mask"]):
                for name, mask in zip(batch["tensor"].to_pylist(), batch["mask"], strict=True):
                    tensor = next(wanted, None)
                    bits = np.frombuffer(mask.as_buffer() if mask.is_valid else b"", np.uint8)
                    if tensor is None or name != tensor.name or bits.size != tensor.packed_size:
                        raise ValueError("a mask isn't as the layout has it")
                    yield bits
            if next(wanted, None) is not None:
                raise ValueError(f"seed {seed} lacks tensors")
