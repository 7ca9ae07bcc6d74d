"""Squared products on a GPU, in Triton: a program per tile of the sums, which it reads and writes once per batch."""

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = 64
"""Rows and columns of a tile."""

TOKENS = {torch.float32: 16, torch.bfloat16: 32}
"""Tokens of a block by the precision of the products. Of about thirty combinations of block, tile and pipeline stages
measured on an H100, these were the fastest."""

NEIGHBOURS = 8
"""Rows of tiles that run together, so that they find their gradients in the second-level cache."""


@triton.jit  # type: ignore[untyped-decorator]  # it compiles the function, and reads annotations in its own way
def _add_tile(  # type: ignore[no-untyped-def]
    sums, gradient, inputs, ends, blocks, rows, columns,
    TILE: tl.constexpr, TOKENS: tl.constexpr, NEIGHBOURS: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(columns, TILE)
    top = tl.program_id(0) // (NEIGHBOURS * across) * NEIGHBOURS
    height = tl.minimum(tl.cdiv(rows, TILE) - top, NEIGHBOURS)
    place_in_group = tl.program_id(0) % (NEIGHBOURS * across)
    row = (top + place_in_group % height) * TILE + tl.arange(0, TILE)
    column = place_in_group // height * TILE + tl.arange(0, TILE)
    squares = tl.zeros((TILE, TILE), tl.float32)
    product = tl.zeros((TILE, TILE), tl.float32)
    for block in range(blocks):
        token = (block * TOKENS + tl.arange(0, TOKENS)).to(tl.int64)
        g = tl.load(gradient + token[None, :] * rows + row[:, None], mask=row[:, None] < rows, other=0.0)
        a = tl.load(inputs + token[:, None] * columns + column[None, :], mask=column[None, :] < columns, other=0.0)
        product = tl.dot(g, a, product, input_precision="ieee")
        if tl.load(ends + block):
            squares += product * product
            product = tl.zeros((TILE, TILE), tl.float32)
    place = sums + row[:, None].to(tl.int64) * columns + column[None, :]
    inside = (row[:, None] < rows) & (column[None, :] < columns)
    tl.store(place, tl.load(place, mask=inside, other=0.0) + squares, mask=inside)


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `kernels.add_squares`.

    Where the gradient is bfloat16 the products run on tensor cores, with the inputs in bfloat16 too, as the forward
    pass had them, and are summed and squared in float32; else in float32 throughout.
    """
    precision = torch.bfloat16 if gradient.dtype == torch.bfloat16 else torch.float32
    tokens = TOKENS[precision]
    counts = used.sum(1)
    blocks = -(-counts // tokens)  # of an example
    last = blocks.cumsum(0)
    number = int(last[-1])
    if number == 0:
        return
    # Each example begins a block of its own, filled up with zeros, so that one even loop goes over all tokens.
    example, _ = used.nonzero(as_tuple=True)
    within = torch.arange(len(example), device=used.device) - (counts.cumsum(0) - counts)[example]
    places = (last - blocks)[example] * tokens + within
    g, a = (
        values.new_zeros(number * tokens, values.shape[-1], dtype=precision).index_copy_(
            0, places, values[used].to(precision)
        )
        for values in (gradient, inputs)
    )
    ends = torch.zeros(number, dtype=torch.int32, device=used.device)
    ends[last[counts > 0] - 1] = 1
    rows, columns = sums.shape
    _add_tile[triton.cdiv(rows, TILE) * triton.cdiv(columns, TILE),](
        sums, g, a, ends, number, rows, columns,
        TILE=TILE, TOKENS=tokens, NEIGHBOURS=NEIGHBOURS, num_warps=4, num_stages=3,
    )  # fmt: skip
