"""How things are measured and shown: by turns, in processes of their own, as tables."""

import multiprocessing
import platform
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

console = Console(highlight=False, width=110)


def timed(run: Callable[[], Any]) -> Callable[[], float]:
    """Return a function that runs another one and returns the seconds that it took."""

    def measure() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return measure


def alternate(
    measures: Mapping[str, Callable[[], float]], rounds: int, failures: dict[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Return what is measured of each contestant, by turns, float64 [rounds].

    Args:
        measures: by name, what runs the contestant and returns a number.
        rounds: how often; once more at first, to warm up.
        failures: takes in, by name, why a contestant can't run; without it, the error is raised.
    """
    numbers: dict[str, list[float]] = {name: [] for name in measures}
    for round_ in range(rounds + 1):
        for name, measure in measures.items():
            if failures is not None and name in failures:
                continue
            try:
                number = measure()
            except Exception as error:
                if failures is None:
                    raise
                failures[name] = "not installed" if isinstance(error, ModuleNotFoundError) else f"failed: {error}"
                continue
            if round_:
                numbers[name].append(number)
    return {name: np.array(values) for name, values in numbers.items()}


def titled_table(title: str, *columns: str) -> Table:
    """Return an empty table with a column for names, and others for numbers."""
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def cpu_flags() -> str:
    """Return what the processor can do, where the system says so."""
    try:
        return Path("/proc/cpuinfo").read_text().lower()
    except OSError:
        return ""


def processor() -> str:
    """Return what the system calls the processor, with its family and model, by which makers tell generations apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    about = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    numbers = [f"{name} {about[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in about]
    return ", ".join([about.get("model name", platform.machine()), *numbers])


def memory_of(field: str, process: int | str = "self") -> int:
    """Return the KiB that a process holds, by one of the fields in its `status`, such as VmRSS."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def apart(measure: Callable[..., Any], device: torch.device, *arguments: Any) -> Any:
    """Measure in a process of its own, whose memory begins anew; on a GPU, whose memory is counted exactly, here."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return measure(device, *arguments)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.apply(measure, (device, *arguments))


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Replace a name of a module for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
