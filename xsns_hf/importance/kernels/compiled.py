"""Squared products in C, on the CPU: `squares.c` for float32, and by AMX tiles `tile_squares.c` for bfloat16."""

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

NO_TILES = 2
"""What the library for bfloat16 returns where it can't be used."""


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `kernels.add_squares`, on the CPU.

    Where the gradient is bfloat16 and the processor has units for that, the inputs are taken in bfloat16 too, as the
    forward pass had them; else the products are formed in float32. Uses as many threads as PyTorch does.

    Raises:
        MemoryError: no memory for a copy of the gradient.
    """
    if gradient.dtype == torch.bfloat16 and (tiles := tile_library()):
        return _add_squares(tiles, torch.bfloat16, sums, gradient, inputs, used)
    compiled = library()
    assert compiled is not None, "choose this way only where there is a library"
    _add_squares(compiled, torch.float32, sums, gradient, inputs, used)


def library() -> ctypes.CDLL | None:
    """Return the compiled library; None if it can't be had or computes something else here."""
    return native.library("squares", _right_in_float32)


def tile_library() -> ctypes.CDLL | None:
    """Return the one for bfloat16; None as of `library`, or if the processor has no units for it."""
    return native.library("tile_squares", _right_in_bfloat16) if has_tiles() else None


@cache
def has_tiles() -> bool:
    """Return whether the processor multiplies tiles in bfloat16 (Intel's AMX)."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def _right_in_float32(compiled: ctypes.CDLL) -> bool:
    return _computes_the_same(compiled, torch.float32)


def _right_in_bfloat16(compiled: ctypes.CDLL) -> bool:
    return _computes_the_same(compiled, torch.bfloat16)


def _computes_the_same(compiled: ctypes.CDLL, precision: torch.dtype) -> bool:
    """Compare with PyTorch on a layer whose sizes are no multiples of a panel's."""
    random = torch.Generator().manual_seed(0)
    gradient, inputs = (torch.randn(3, 40, size, generator=random).to(precision) for size in (45, 83))
    used = torch.rand(3, 40, generator=random) < torch.tensor([0.9, 0.3, 0])[:, None]
    computed, expected = torch.zeros(45, 83), torch.zeros(45, 83)
    _add_squares(compiled, precision, computed, gradient, inputs, used)
    blas.add_squares(expected, gradient, inputs, used)
    return torch.allclose(computed, expected, rtol=1e-4, atol=1e-5)


def _add_squares(
    compiled: ctypes.CDLL, precision: torch.dtype, sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor
) -> None:
    gradient, inputs = gradient.to(precision).contiguous(), inputs.to(precision).contiguous()
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
    if NO_TILES in failed:
        raise OSError("the system doesn't let this process use the processor's tiles")
    if any(failed):
        raise MemoryError("no memory for a layer's squared gradients: use a smaller batch")


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="squares")
