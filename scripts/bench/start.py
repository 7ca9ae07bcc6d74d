"""How `xsns extract` starts: until its first line, until its first example, and with nothing left to do."""

import os
import pty
import re
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil

from bench.measuring import console, titled_table
from bench.settings import Settings, Size, random_model
from xsns_hf.models.finding import load_tokenizer

FIRST_LINE, FIRST_EXAMPLE, END = "first line", "first example", "end, with nothing to do"
SEEN = {FIRST_LINE: rb"\S", FIRST_EXAMPLE: rb"[1-9]\d*/\d+ \[", END: None}
"""By what is on the screen it is seen that a moment has come; the end is seen by itself."""


def bench(settings: Settings) -> None:
    """Print the seconds, and those of processor time in all processes, until each moment; medians."""
    with tempfile.TemporaryDirectory() as folder, model_of(settings.size, Path(folder)) as model:
        for number in (1, os.cpu_count() or 1):
            rounds = [
                start_once(settings, model, number, Path(folder) / f"{number}-{i}") for i in range(settings.rounds)
            ]
            table = titled_table(f"xsns extract --processes {number}", "seconds", "of processor time")
            for moment in SEEN:
                medians = np.median([moments[moment] for moments in rounds], axis=0)
                table.add_row(moment, *(f"{seconds:.1f}" for seconds in medians))
            console.print(table)


@contextmanager
def model_of(size: Size, folder: Path) -> Iterator[str]:
    """Give the embedded checkpoint, or a folder with a random model of another shape and the same tokenizer."""
    tokenizer = load_tokenizer("embedded")  # which makes the checkpoint, where it isn't in the cache
    if size == "embedded":
        yield size
        return
    model = random_model(size)
    model.resize_token_embeddings(len(tokenizer))  # the tiny one has fewer
    for part in (model, tokenizer):
        part.save_pretrained(folder / size)
    yield str(folder / size)


def start_once(settings: Settings, model: str, number: int, out: Path) -> dict[str, tuple[float, float]]:
    """Extract masks of one language at a terminal, twice; return when each moment came: seconds, processor time."""
    command = [sys.executable, "-m", "xsns_hf", "extract", "--model", model, "--languages", "fin", "--seeds", "1"]
    command += ["--examples", str(settings.examples), "--processes", str(number), "--out", str(out)]
    extracted = watch(command)
    return {FIRST_LINE: extracted[FIRST_LINE], FIRST_EXAMPLE: extracted[FIRST_EXAMPLE], END: watch(command)[END]}


def watch(command: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Run a command at a terminal; return when each moment came, if it did."""
    own, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))  # a bar needs room
    start, before = time.perf_counter(), os.times()
    environment = {"OMP_NUM_THREADS": "1"} | os.environ  # threads that wait for each other take processor time too
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    moments: dict[str, tuple[float, float]] = {}
    shown = b""
    with suppress(OSError):  # it ends so
        while part := os.read(own, 4096):
            shown += part
            for moment, sign in SEEN.items():
                if sign and moment not in moments and re.search(sign, shown):
                    moments[moment] = time.perf_counter() - start, processor_time(process.pid)
    os.close(own)
    if process.wait():
        raise RuntimeError(shown.decode(errors="replace"))
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return moments | {END: (time.perf_counter() - start, used)}


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process and those that it started have taken so far."""
    started = psutil.Process(process)
    times = [one.cpu_times() for one in (started, *started.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)
