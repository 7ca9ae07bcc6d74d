"""The command line: which benchmarks run, and on what."""

import os
import platform
from collections.abc import Callable
from typing import Annotated

import torch
import typer

import bench
from bench import extraction, growth, memory, nodes, ranking, similarity, sizes, space, start, storage, threshold
from bench.measuring import console, cpu_flags, processor
from bench.settings import Settings, Size
from xsns_hf import native
from xsns_hf.importance import kernels
from xsns_hf.importance.kernels.compiled import has_tiles

BENCHMARKS: dict[str, Callable[[Settings], None]] = {
    "extraction": extraction.bench,
    "ratios": extraction.bench_ours,
    "memory": memory.bench,
    "threshold": threshold.bench,
    "similarity": similarity.bench,
    "storage": storage.bench,
    "ranking": ranking.bench,
    "sizes": sizes.bench,
    "space": space.bench,
    "growth": growth.bench,
    "start": start.bench,
    "nodes": nodes.bench,
}
ASKED_FOR_ONLY = ("ratios", "sizes", "space", "growth", "start", "nodes")
"""What is a part of another, or takes long or much memory, and runs only where `--only` names it."""

app = typer.Typer(rich_markup_mode="markdown", add_completion=False, pretty_exceptions_enable=False)


@app.command(help=bench.__doc__)
def main(
    size: Annotated[Size, typer.Option(help="Shape of the model.")] = "embedded",
    rounds: Annotated[int, typer.Option(help="Every contestant runs so many times, by turns.")] = 3,
    examples: Annotated[int, typer.Option(help="Sentences of a round; slow contestants take every fourth.")] = 32,
    masks: Annotated[int, typer.Option(help="Masks to compare with each other.")] = 100,
    only: Annotated[str, typer.Option(help=f"Some of {', '.join(BENCHMARKS)}; with commas.")] = ",".join(
        name for name in BENCHMARKS if name not in ASKED_FOR_ONLY
    ),
    device: Annotated[str, typer.Option(help="Where extraction runs, such as cuda.")] = "cpu",
    clients: Annotated[int, typer.Option(help="Of the space: that ask at the same time.")] = 50,
    seconds: Annotated[float, typer.Option(help="Of the space: for which they ask.")] = 60.0,
    languages: Annotated[str, typer.Option(help="Of growth: of how many datasets are; with commas.")] = (
        "100,300,1000,2000"
    ),
    before: Annotated[str, typer.Option(help="Of extraction: a Git revision to measure beside, such as HEAD~1.")] = "",
) -> None:
    """Print one table a benchmark."""
    wanted = only.split(",")
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        raise typer.BadParameter(f"There is no {', '.join(unknown)}: choose from {', '.join(BENCHMARKS)}.")
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    settings = Settings(
        size, rounds, examples, masks, torch.device(device), clients, seconds, numbers_in(languages), before
    )
    console.print(machine(settings))
    for name, run in BENCHMARKS.items():
        if name in wanted:
            run(settings)


def numbers_in(text: str) -> tuple[int, ...]:
    """Return numbers that are given with commas between."""
    try:
        return tuple(map(int, text.split(",")))
    except ValueError:
        raise typer.BadParameter(f"{text} aren't numbers with commas between.") from None


def machine(settings: Settings) -> str:
    """Return what all is measured with: the shape, the processor and the libraries."""
    vectors = "AVX-512" if "avx512f" in cpu_flags() else "AVX2" if "avx2" in cpu_flags() else platform.machine()
    vectors += " and AMX" if has_tiles() else ""
    gpu = f" on {torch.cuda.get_device_name()}" if settings.device.type == "cuda" else ""
    return (
        f"{settings.size} shape; {native.threads()} cores of {processor()}, with {vectors}, "
        f"{torch.get_num_threads()} thread(s); "
        f"PyTorch {torch.__version__}, squares by {kernels.way(settings.device)}{gpu}"
    )
