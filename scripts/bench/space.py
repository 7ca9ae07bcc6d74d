"""How quick and how steady the Space is, with masks of 100 and 500 languages and three seeds: a query, its pictures,
then many clients at once.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np

from bench.many_languages import many_languages
from bench.measuring import console, free_port, memory_of
from bench.settings import Settings
from xsns_hf.space.answering.answers import answer
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.handlers import Handlers
from xsns_hf.space.visitors import Visitors

T = TypeVar("T")

MANY = 500
"""Languages of which pictures are to be legible, and quick."""

TIMED = 100
"""Queries that are timed."""


def bench(settings: Settings) -> None:
    """Measure queries in this process, then a served page under load."""
    with tempfile.TemporaryDirectory() as folder:
        masks = Path(folder) / "masks"
        codes, _ = many_languages(masks)
        time_queries(codes, masks)
        time_queries(*many_languages_in(Path(folder) / "many"))
        with served(masks) as (address, process):
            asyncio.run(ask_all(address, codes, clients=1, seconds=1.0))  # warm up
            before = mebibytes(process)
            asyncio.run(load(address, process, codes, settings.clients, settings.seconds))
            console.print(f"The process held {before:.0f} MiB before and {mebibytes(process):.0f} MiB after.")


def many_languages_in(folder: Path) -> tuple[list[str], Path]:
    """Make a repository of many languages; return those to be asked for, and where it is."""
    codes, _ = many_languages(folder, MANY)
    return codes[:: MANY // TIMED], folder


def time_queries(codes: list[str], masks: Path) -> None:
    """Time some languages' queries, and what is drawn after each, without a network; the first of each apart.

    The time of the processor stays the same when others use it too.
    """
    shelf = Shelf([str(masks)])
    handlers = Handlers(shelf, Visitors())
    answers, pictures = [], []
    for code in codes:
        answered, taken = clocked(partial(answer, Query(code), shelf))
        answers.append(taken)
        pictures.append(clocked(partial(handlers.look, answered.query.link()))[1])
    number = len(shelf.choose().languages)
    for what, times in ((f"{number} languages, an answer", answers), ("its pictures", pictures)):
        first, *rest = 1e3 * np.array(times)
        (wall, processor), most = np.median(rest, axis=0), np.max(rest, axis=0)[0]
        console.print(
            f"{what}: {wall:.0f} ms (median), {processor:.0f} ms of the processor; {most:.0f} ms at most; the first "
            f"{first[0]:.0f} ms."
        )


def clocked(run: Callable[[], T]) -> tuple[T, tuple[float, float]]:
    """Return what a function returns, and the seconds that it took: by the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    result = run()
    return result, (time.perf_counter() - clock, time.process_time() - processor)


@contextmanager
def served(masks: Path) -> Iterator[tuple[str, int]]:
    """Serve masks by `xsns space`; give its address and the number of its process."""
    port = free_port()
    command = [sys.executable, "-m", "xsns_hf", "space", "--masks", str(masks), "--port", str(port), "--no-browser"]
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"NO_PROXY": "127.0.0.1", "GRADIO_ANALYTICS_ENABLED": "False"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            for _ in range(240):
                try:
                    httpx.get(f"{address}/config", trust_env=False).raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.5)
            yield address, process.pid
        finally:
            process.terminate()


async def load(address: str, process: int, codes: list[str], clients: int, seconds: float) -> None:
    """Let clients ask for all they're worth, and report."""
    (times, failed), peak = await asyncio.gather(ask_all(address, codes, clients, seconds), watch(process, seconds))
    middle, high = 1e3 * np.percentile(times, [50, 95])
    console.print(
        f"{clients} clients for {seconds:.0f} s: {len(times)} answers, {len(times) / seconds:.0f} a second; "
        f"p50 {middle:.0f} ms, p95 {high:.0f} ms; {failed} errors; memory at most {peak:.0f} MiB."
    )


async def ask_all(address: str, codes: list[str], clients: int, seconds: float) -> tuple[list[float], int]:
    """Return how long each answer took, and how many requests failed."""
    times: list[float] = []
    failed = 0
    end = time.monotonic() + seconds

    async def ask(number: int, client: httpx.AsyncClient) -> None:
        nonlocal failed
        random = np.random.default_rng(number)
        while time.monotonic() < end:
            start = time.monotonic()
            try:
                ranking = await rank_by_http(client, str(random.choice(codes)))
                failed += len(ranking["sources"]) != 10
            except (httpx.HTTPError, ValueError, KeyError):
                failed += 1
            times.append(time.monotonic() - start)

    limits = httpx.Limits(max_connections=2 * clients)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(ask(number, client) for number in range(clients)))
    return times, failed


async def rank_by_http(client: httpx.AsyncClient, target: str) -> dict[str, Any]:
    """Ask /rank as gradio's documentation has it for HTTP clients: post the call, then read its events."""
    posted = await client.post("/gradio_api/call/v2/rank", json={"target": target})
    event = posted.raise_for_status().json()["event_id"]
    lines = (await client.get(f"/gradio_api/call/rank/{event}")).raise_for_status().text.splitlines()
    return json.loads(lines[lines.index("event: complete") + 1].removeprefix("data: "))[0]


async def watch(process: int, seconds: float) -> float:
    """Return the most memory that a process held in this time."""
    end, most = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        most = max(most, mebibytes(process))
        await asyncio.sleep(1)
    return most


def mebibytes(process: int) -> float:
    """Return the MiB that a process holds."""
    return memory_of("VmRSS", process) / 1024
