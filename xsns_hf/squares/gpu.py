"""Squared products on a GPU, in Triton: a program per tile of the sums, which it reads and writes once per batch."""

import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

TILE_ROWS, TILE_COLUMNS, TOKENS = 64, 128, 16


@triton.jit
def _add_tile(
    sums, gradient, inputs, starts, examples, rows, columns,
    TILE_ROWS: tl.constexpr, TILE_COLUMNS: tl.constexpr, TOKENS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * TILE_ROWS + tl.arange(0, TILE_ROWS)
    column = tl.program_id(1) * TILE_COLUMNS + tl.arange(0, TILE_COLUMNS)
    squares = tl.zeros((TILE_ROWS, TILE_COLUMNS), tl.float32)
    for example in range(examples):
        end = tl.load(starts + example + 1)
        product = tl.zeros((TILE_ROWS, TILE_COLUMNS), tl.float32)
        for start in range(tl.load(starts + example), end, TOKENS):
            token = start + tl.arange(0, TOKENS)
            g = tl.load(
                gradient + token[None, :] * rows + row[:, None],
                mask=(token[None, :] < end) & (row[:, None] < rows),
                other=0.0,
            )
            a = tl.load(
                inputs + token[:, None] * columns + column[None, :],
                mask=(token[:, None] < end) & (column[None, :] < columns),
                other=0.0,
            )
            product = tl.dot(g, a, product, input_precision=PRECISION)
        squares += product * product
    place = sums + row[:, None].to(tl.int64) * columns + column[None, :]
    inside = (row[:, None] < rows) & (column[None, :] < columns)
    tl.store(place, tl.load(place, mask=inside, other=0.0) + squares, mask=inside)


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `squares.add_squares`.

    The products run on tensor cores in three TensorFloat-32 steps, which is as exact as float32.
    """
    starts = F.pad(used.sum(1).cumsum(0), (1, 0)).int()
    rows, columns = sums.shape
    grid = triton.cdiv(rows, TILE_ROWS), triton.cdiv(columns, TILE_COLUMNS)
    _add_tile[grid](
        sums, gradient[used], inputs[used], starts, len(used), rows, columns,
        TILE_ROWS=TILE_ROWS, TILE_COLUMNS=TILE_COLUMNS, TOKENS=TOKENS, PRECISION="tf32x3",
    )  # fmt: skip
