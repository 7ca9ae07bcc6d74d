"""The inner loop of the exact Fisher information: sums += Σ_b (g_bᵀ a_b)², example by example.

g_b are the gradients at a linear layer's output and a_b its inputs, a row per token of example b; g_bᵀ a_b is that
example's weight gradient. The same function three times: in PyTorch, for any device and as the reference; in C,
compiled on first use where there is a compiler, for float32 and for bfloat16; in Triton, for GPUs. The latter two never
write a gradient to memory.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from xsns_hf.importance.kernels.blas import add_squares as _by_blas

Add = Callable[[Tensor, Tensor, Tensor, Tensor], None]


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient, by the fastest way there is.

    Args:
        sums: float32 [out, in], contiguous; added to in place.
        gradient: float32 or bfloat16 [B, T, out].
        inputs: float32 or bfloat16 [B, T, in].
        used: bool [B, T], the tokens that count; what the others hold is not looked at.
    """
    _fastest(sums.device)(sums, gradient, inputs, used)


def way(device: torch.device) -> str:
    """Say in which way `add_squares` computes on a device: `compiled C`, `Triton` or `PyTorch`."""
    module = _fastest(device).__module__.rpartition(".")[2]
    return {"compiled": "compiled C", "gpu": "Triton", "blas": "PyTorch"}[module]


def _fastest(device: torch.device) -> Add:
    return _on_gpu() if device.type == "cuda" else _on_cpu() if device.type == "cpu" else _by_blas


@cache
def _on_cpu() -> Add:
    from xsns_hf.importance.kernels import compiled

    return compiled.add_squares if compiled.library() else _by_blas


@cache
def _on_gpu() -> Add:
    try:
        from xsns_hf.importance.kernels import gpu
    except ImportError:  # no Triton, as on Windows
        return _by_blas
    return gpu.add_squares
