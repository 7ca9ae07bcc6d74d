"""Squared products in plain PyTorch: a matrix product per example and tile, squared while the tile is in cache.

The same loop adds the products' absolute values; their plain sum needs none.
"""

from collections.abc import Callable

import torch
from torch import Tensor

SIDE = 768
"""Rows and columns of a tile at most. Measured: a smaller one makes poor use of the matrix product, whose inner
dimension is a sentence of some thirty tokens; a larger one leaves the cache."""


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `kernels.add_squares`."""
    _add(sums, gradient, inputs, used, lambda tile, product: tile.addcmul_(product, product))


def add_magnitudes(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add the absolute value of each example's weight gradient; arguments as of `kernels.add_squares`."""
    _add(sums, gradient, inputs, used, lambda tile, product: tile.add_(product.abs_()))


def add_products(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add the weight gradient of all examples together; arguments as of `kernels.add_squares`."""
    sums.addmm_(gradient[used].float().T, inputs[used].float())


def _add(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor, add: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Have every tile of the sums take in each example's product of that tile, which may be overwritten."""
    counts = used.sum(1).tolist()
    examples = list(zip(*(values[used].float().split(counts) for values in (gradient, inputs)), strict=True))
    height, width = (-(-size // -(-size // SIDE)) for size in sums.shape)
    buffer = sums.new_empty(height * width)
    for top in range(0, sums.shape[0], height):
        for left in range(0, sums.shape[1], width):
            tile = sums[top : top + height, left : left + width]
            product = buffer[: tile.numel()].view(tile.shape)
            for g, a in examples:
                torch.mm(g[:, top : top + height].T, a[:, left : left + width], out=product)
                add(tile, product)
