"""Squared products in C (`native/squares.c`), on the CPU."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from xsns_hf import native
from xsns_hf.importance.kernels import blas

ROWS_A_THREAD = 48
"""Rows of the sums that are worth a thread."""


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `kernels.add_squares`, on the CPU.

    Uses as many threads as PyTorch does.

    Raises:
        MemoryError: no memory for a copy of the gradient.
    """
    compiled = library()
    assert compiled is not None, "choose this way only where there is a library"
    _add_squares(compiled, sums, gradient, inputs, used)


def library() -> ctypes.CDLL | None:
    """Return the compiled library; None if it can't be had or computes something else here."""
    return native.library("squares", _computes_the_same)


def _computes_the_same(compiled: ctypes.CDLL) -> bool:
    """Compare with PyTorch on a layer whose sizes are no multiples of a panel's."""
    random = torch.Generator().manual_seed(0)
    gradient, inputs = torch.randn(3, 12, 45, generator=random), torch.randn(3, 12, 83, generator=random)
    used = torch.rand(3, 12, generator=random) < 0.6
    computed, expected = torch.zeros(45, 83), torch.zeros(45, 83)
    _add_squares(compiled, computed, gradient, inputs, used)
    blas.add_squares(expected, gradient, inputs, used)
    return torch.allclose(computed, expected, rtol=1e-4, atol=1e-5)


def _add_squares(compiled: ctypes.CDLL, sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    gradient, inputs = gradient.float().contiguous(), inputs.float().contiguous()
    tokens = used.flatten().nonzero()
    starts = F.pad(used.sum(1).cumsum(0), (1, 0))
    out, columns = sums.shape

    def add(first: int, last: int) -> int:
        matrices = (ctypes.c_void_p(matrix.data_ptr()) for matrix in (sums, gradient, inputs))
        sizes = (ctypes.c_int64(size) for size in (out, columns, first, last))
        examples = ctypes.c_void_p(tokens.data_ptr()), ctypes.c_void_p(starts.data_ptr()), ctypes.c_int64(len(used))
        return compiled.add_squares(*matrices, *sizes, *examples)

    threads = min(torch.get_num_threads(), -(-out // ROWS_A_THREAD))
    bounds = [out * thread // threads for thread in range(threads + 1)]
    failed = [add(*bounds)] if threads == 1 else list(_pool(threads).map(lambda part: add(*part), pairwise(bounds)))
    if any(failed):
        raise MemoryError("no memory for a layer's squared gradients: use a smaller batch")


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="squares")
