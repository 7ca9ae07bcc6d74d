"""Squared products in C for the processor at hand: compiled on first use and kept in the cache.

Without a compiler, or with XSNS_COMPILE=0 in the environment, PyTorch does the same a little slower.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from huggingface_hub import cached_assets_path
from torch import Tensor
from torch.nn import functional as F

from xsns_hf.squares import blas

SOURCE = Path(__file__).with_name("squares.c")
ROWS_A_THREAD = 48
"""Rows of the sums that are worth a thread."""

OPTIMISED = ["-O3", "-ffp-contract=fast", "-std=gnu11", "-shared", "-fPIC"]

logger = logging.getLogger(__name__)


def add_squares(sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    """Add each example's squared weight gradient; arguments as of `squares.add_squares`, on the CPU.

    Uses as many threads as PyTorch does.
    """
    compiled = library()
    assert compiled is not None, "choose this way only where there is a library"
    _add_squares(compiled, sums, gradient, inputs, used)


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled library, made if need be; None if it can't be had or computes something else here."""
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.environ.get("XSNS_COMPILE") == "0":
        return None
    try:
        compiled = ctypes.CDLL(str(_compile(compiler)))
        right = _computes_the_same(compiled)
    except (OSError, AttributeError, subprocess.CalledProcessError) as error:
        logger.debug("No compiled kernel: %s", error)
        return None
    if not right:
        logger.warning("%s compiles a kernel with wrong results on this machine: PyTorch is used instead.", compiler)
    return compiled if right else None


def _compile(compiler: str) -> Path:
    """Compile for this very processor. Its name is part of the file's, since caches are shared between machines."""
    tuned = "-march=native" if platform.machine().lower() in {"x86_64", "amd64", "i686"} else "-mcpu=native"
    arguments = [compiler, *OPTIMISED, tuned]
    about = " ".join(arguments) + SOURCE.read_text(encoding="utf-8") + _processor()
    folder = cached_assets_path(library_name="xsns_hf", namespace="kernels", subfolder=platform.machine())
    path = folder / f"squares-{hashlib.sha256(about.encode()).hexdigest()[:16]}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            built = Path(unfinished) / path.name
            subprocess.run([*arguments, "-o", str(built), str(SOURCE)], check=True, capture_output=True, text=True)
            built.replace(path)
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))


def _computes_the_same(compiled: ctypes.CDLL) -> bool:
    """Compare with PyTorch on a layer whose sizes are no multiples of a panel's."""
    random = torch.Generator().manual_seed(0)
    gradient, inputs = torch.randn(3, 12, 45, generator=random), torch.randn(3, 12, 83, generator=random)
    used = torch.rand(3, 12, generator=random) < 0.6
    found, expected = torch.zeros(45, 83), torch.zeros(45, 83)
    _add_squares(compiled, found, gradient, inputs, used)
    blas.add_squares(expected, gradient, inputs, used)
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def _add_squares(compiled: ctypes.CDLL, sums: Tensor, gradient: Tensor, inputs: Tensor, used: Tensor) -> None:
    gradient, inputs = gradient.contiguous(), inputs.contiguous()
    tokens = used.flatten().nonzero()
    starts = F.pad(used.sum(1).cumsum(0), (1, 0))
    out, columns = sums.shape

    def add(first: int, last: int) -> int:
        matrices = (ctypes.c_void_p(each.data_ptr()) for each in (sums, gradient, inputs))
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
