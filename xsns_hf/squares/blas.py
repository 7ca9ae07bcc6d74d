"""Squared products in plain PyTorch: a matrix product per example and tile, squared while the tile is in cache."""

import torch
from torch import Tensor

SIDE = 768
"""Rows and columns of a tile at most. Measured: a smaller one makes poor use of the matrix product, whose inner
dimension is a sentence of some thirty tokens; a larger one leaves the cache."""


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `squares.add_squares`."""
    counts = used.sum(1).tolist()
    examples = list(zip(*(each[used].float().split(counts) for each in (gradient, inputs)), strict=True))
    height, width = (-(-size // -(-size // SIDE)) for size in sums.shape)
    buffer = sums.new_empty(height * width)
    for top in range(0, sums.shape[0], height):
        for left in range(0, sums.shape[1], width):
            tile = sums[top : top + height, left : left + width]
            product = buffer[: tile.numel()].view(tile.shape)
            for g, a in examples:
                torch.mm(g[:, top : top + height].T, a[:, left : left + width], out=product)
                tile.addcmul_(product, product)
