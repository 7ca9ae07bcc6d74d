"""Sizes: all that a model, the sums and a batch take, in a process each.

On a CPU batches are as small as extraction makes them, and the peak leaves out pages of files. Few CPUs gain anything
by bfloat16, and many lose a lot, so there it is left out.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import torch

from bench.measuring import apart, console, memory_of, titled_table, wait_for
from bench.settings import Settings, Size, number_of_parameters, random_layout, random_model
from xsns_hf.extraction.batches import collate, most_tokens
from xsns_hf.importance.accumulators import Place
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.models.body import OwnHead, body_of
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.objectives import IGNORED, Encoded

LENGTH = 27
"""Tokens of a sentence."""
COLUMNS = ("batch", "parameters", "model", "sums", "peak", "the rest", "a sentence")


def bench(settings: Settings) -> None:
    """Print a row for each shape, precision of the weights and place of the sums."""
    table = titled_table(f"Memory of extraction, sentences of {LENGTH} tokens", *COLUMNS)
    device, on_gpu = settings.device, settings.device.type == "cuda"
    sizes: list[Size] = ["base", "large", "xl"] if on_gpu else [settings.size]
    with tempfile.TemporaryDirectory() as folder:
        places: list[Place] = [device, torch.device("cpu")] if on_gpu else [device, Path(folder)]
        for size in sizes:
            fitting = settings.batch if on_gpu else most_tokens(random_layout(size), device) // LENGTH
            number = min(settings.batch, fitting)
            for weights in (torch.float32, torch.bfloat16) if on_gpu else (torch.float32,):
                for place in places:
                    table.add_row(label(weights, place), str(number), *cells(device, size, weights, place, number))
    console.print(table)


def label(weights: torch.dtype, place: Place) -> str:
    """Return what a row is about: `float32, sums on the GPU`."""
    kinds = {"cuda": "the GPU", "cpu": "the CPU"}
    where = "disk" if isinstance(place, Path) else kinds.get(place.type, place.type)
    return f"{str(weights).removeprefix('torch.')}, sums on {where}"


def cells(device: torch.device, size: Size, weights: torch.dtype, place: Place, number: int) -> tuple[str, ...]:
    """Return the other cells of a row; fewer of them where the model doesn't fit."""
    parameters = number_of_parameters(size)
    least = weights.itemsize * parameters + 4 * random_layout(size).size * (place == device)
    if device.type == "cpu" and least > 0.8 * psutil.virtual_memory().available:
        return f"{parameters / 1e9:.2f} G", "not enough memory here"
    return apart(measured, device, size, weights, place, number)


def measured(device: torch.device, size: Size, weights: torch.dtype, place: Place, number: int) -> tuple[str, ...]:
    """Return the cells of a row: parameters, GiB of the model, the sums, all and the rest, and the time."""
    with flushed_denormals(), anonymous_memory() as used:
        with device:
            torch.set_default_dtype(weights)  # so that a model in bfloat16 never takes the memory of one in float32
            model = random_model(size)
            torch.set_default_dtype(torch.float32)
        ours = ExactFisher(body_of(model), torch.float32, place)
        ours.sums.fill_(0)
        tokens = np.random.default_rng(0).integers(5, 1000, (number, LENGTH))
        labels = np.where(np.arange(LENGTH) % 7 == 3, tokens, IGNORED)
        batch = collate([Encoded(*example) for example in zip(tokens, labels, strict=True)], 1, device)
        times = []
        for _ in range(3 if device.type == "cuda" else 2):
            start = time.perf_counter()
            ours.add(**batch, head=OwnHead(model))
            wait_for(device)
            times.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else max(used) - used[0]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    held, sums = weights.itemsize * parameters, 4 * ours.layout.size
    rest = peak - held - (sums if place == device else 0)
    gibibytes = (f"{amount / 2**30:.2f} GiB" for amount in (held, sums, peak, rest))
    return f"{parameters / 1e9:.2f} G", *gibibytes, f"{1e3 * min(times) / number:.3g} ms"


@contextmanager
def anonymous_memory() -> Iterator[list[int]]:
    """Yield a list that takes in, every few milliseconds, the bytes of this process that are no file's."""
    used, stopped = [1024 * memory_of("RssAnon")], threading.Event()

    def watch() -> None:
        while not stopped.wait(0.005):
            used.append(1024 * memory_of("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield used
    finally:
        stopped.set()
        watcher.join()
