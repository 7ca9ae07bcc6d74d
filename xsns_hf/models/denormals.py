"""How the processor treats very small numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat denormal floats as zero in this thread, in this context.

    A softmax over a vocabulary of 250,000 is mostly denormals, which make a backward pass on a CPU many times slower.
    """
    before = _are_flushed()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _are_flushed() -> bool:
    """Return whether this thread treats denormals as zero: found by trying, since PyTorch doesn't say."""
    return (torch.tensor(1e-40) * 1).item() == 0
