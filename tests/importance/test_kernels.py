"""The three ways to add squared weight gradients against the definition, a loop over examples in float64."""

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xsns_hf.importance.kernels import blas, compiled, way

SIZES = st.integers(1, 40) | st.sampled_from([64, 96, 130])


def on_gpu(*layer: torch.Tensor) -> None:
    """Run the Triton kernel: on a GPU if there is one, else in Triton's interpreter (see conftest.py)."""
    gpu = pytest.importorskip(
        "xsns_hf.importance.kernels.gpu", reason="no Triton on this machine", exc_type=ImportError
    )
    sums, *others = layer
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = sums.to(device)
    gpu.add_squares(found, *(each.to(device) for each in others))
    sums.copy_(found)


WAYS = {"blas": blas.add_squares, "compiled": compiled.add_squares, "gpu": on_gpu}


@pytest.fixture(autouse=True)
def _skip_without_compiler(request):
    if "compiled" in request.node.name and compiled.library() is None:
        pytest.skip("no compiler on this machine")


def a_layer(examples: int, tokens: int, out: int, columns: int, seed: int, share: float):
    random = torch.Generator().manual_seed(seed)
    gradient = torch.randn(examples, tokens, out, generator=random)
    inputs = torch.randn(examples, tokens, columns, generator=random)
    used = torch.rand(examples, tokens, generator=random) < share
    return gradient, inputs, used


def by_definition(start, gradient, inputs, used) -> torch.Tensor:
    total = start.double()
    for g, a, mask in zip(gradient.double(), inputs.double(), used, strict=True):
        total = total + (g[mask].T @ a[mask]) ** 2
    return total.float()


@pytest.mark.thorough
@pytest.mark.parametrize("name", WAYS)
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), SIZES, SIZES, st.integers(0, 99), st.floats(0, 1))
def test_every_way_adds_the_squared_gradient_of_each_example(name, examples, tokens, out, columns, seed, share):
    layer = a_layer(examples, tokens, out, columns, seed, share)
    sums = torch.full((out, columns), 0.5)
    expected = by_definition(sums, *layer)
    WAYS[name](sums, *layer)
    torch.testing.assert_close(sums, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["blas", "compiled"])
def test_wide_layers_take_several_tiles(name):
    layer = a_layer(3, 9, 1000, 1601, 0, 0.8)
    sums = torch.zeros(1000, 1601)
    WAYS[name](sums, *layer)
    torch.testing.assert_close(sums, by_definition(torch.zeros(1000, 1601), *layer), rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not compiled.has_tiles(), reason="no AMX on this machine")
@pytest.mark.parametrize(
    ("tokens", "out", "columns"), [(1, 1, 1), (31, 16, 16), (33, 45, 83), (70, 130, 33), (9, 1000, 40)]
)
def test_tiles_multiply_in_bfloat16_and_add_in_float32(tokens, out, columns):
    gradient, inputs, used = a_layer(4, tokens, out, columns, 0, 0.7)
    used[1] = False
    layer = gradient.bfloat16(), inputs, used  # as under autocast, where a layer casts its inputs itself
    sums = torch.full((out, columns), 0.5)
    expected = by_definition(sums, layer[0], inputs.bfloat16(), used)
    compiled.add_squares(sums, *layer)
    torch.testing.assert_close(sums, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_of_the_compiled_kernel_change_nothing(threads):
    layer = a_layer(4, 12, 500, 70, 1, 0.9)
    before, sums, expected = torch.get_num_threads(), torch.zeros(500, 70), torch.zeros(500, 70)
    compiled.add_squares(expected, *layer)
    torch.set_num_threads(threads)
    try:
        compiled.add_squares(sums, *layer)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(sums, expected)


@pytest.mark.parametrize("name", WAYS)
def test_what_unused_tokens_hold_is_not_looked_at(name):
    gradient, inputs, used = a_layer(2, 6, 20, 30, 2, 0.5)
    gradient[~used], inputs[~used] = float("nan"), float("inf")
    sums = torch.zeros(20, 30)
    WAYS[name](sums, gradient, inputs, used)
    assert sums.isfinite().all()


def test_the_way_is_named():
    assert way(torch.device("cpu")) in {"compiled C", "PyTorch"}
    assert way(torch.device("meta")) == "PyTorch"


COMPILE = """
import sys
import torch
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
import triton
from xsns_hf.importance.kernels import gpu
kind = {"float32": "*fp32", "bfloat16": "*bf16"}[sys.argv[2]]
constants = {"TILE": gpu.TILE, "TOKENS": gpu.TOKENS[getattr(torch, sys.argv[2])], "NEIGHBOURS": gpu.NEIGHBOURS}
signature = {"sums": "*fp32", "gradient": kind, "inputs": kind, "ends": "*i32"}
signature |= {name: "i32" for name in ("blocks", "rows", "columns")} | {name: "constexpr" for name in constants}
source = ASTSource(gpu._add_tile, signature, constants)
print(triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32)).asm["ptx"].count("mma"))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("capability", ["75", "80", pytest.param("90", marks=pytest.mark.slow)])
@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "bfloat16"])
def test_the_kernel_compiles_for_gpus_that_are_not_here(capability, precision):
    """No GPU is needed to see that the Triton code compiles, in bfloat16 to tensor-core instructions."""
    if (capability, precision) == ("75", "bfloat16"):
        pytest.skip("these GPUs have no bfloat16")
    pytest.importorskip("triton")
    environment = os.environ | {"TRITON_INTERPRET": "0"}
    command = [sys.executable, "-c", COMPILE, capability, precision]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    assert (int(run.stdout) > 0) == (precision == "bfloat16")
