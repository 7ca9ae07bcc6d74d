"""Threshold and packing: from the importance of each parameter to the bits of a mask."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.measuring import alternate, console, timed, titled_table
from bench.settings import Settings, random_layout
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select

OURS = "ours: exact top share, packed"


def bench(settings: Settings) -> None:
    """Print the time and the memory of each way."""
    layout = random_layout(settings.size)
    values = np.random.default_rng(0).standard_exponential(layout.size, np.float32) ** 4
    ways: dict[str, Callable[[], Any]] = {
        OURS: lambda: select(values, layout, 0.15),
        "np.percentile over a copy": lambda: by_percentile(np.append(np.array([], np.float32), values)),
        "np.percentile over a vector appended to, as the released code": lambda: as_released(values, layout),
        "np.partition": lambda: by_partition(values),
    }
    seconds = alternate({name: timed(run) for name, run in ways.items()}, settings.rounds)
    title = f"Threshold and packing of {layout.size:,} values"
    table = titled_table(title, "time", "× ours", "memory beyond the vector")
    for name, run in ways.items():
        ratio = np.median(seconds[name] / seconds[OURS])
        extra = allocated(run) / values.nbytes
        table.add_row(name, f"{np.median(seconds[name]):.2f} s", f"{ratio:.1f}", f"{100 * extra:.0f} %")
    console.print(table)


def by_percentile(values: np.ndarray) -> None:
    """Select the top 15 % as `np.percentile` has it."""
    np.packbits(values >= np.percentile(values, 85))


def as_released(values: np.ndarray, layout: ParameterLayout) -> None:
    """Select as the released code does: the vector grows tensor by tensor."""
    vector = np.array([], np.float32)
    for tensor in layout.tensors:
        vector = np.append(vector, values[tensor.span])
    by_percentile(vector)


def by_partition(values: np.ndarray) -> None:
    """Select the top 15 % as `np.partition` has it."""
    count = round(0.15 * values.size)
    np.packbits(values >= np.partition(values, values.size - count)[values.size - count])


def allocated(run: Callable[[], Any]) -> int:
    """Return the bytes that a call takes at most."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
