"""Growth: what a dataset of many languages costs, each step in a process of its own.

Masks have a few thousand parameters, so that little of it is comparing them; what that is, is measured by itself. Times
are of the processor, since what else runs on a machine makes others longer; peaks are of memory.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measuring import console, titled_table
from bench.settings import Settings

SCRIPTS = Path(__file__).parents[1]
RESULTS = SCRIPTS / "results" / "growth.md"
WHERE = "user/masks"
COLUMNS = (
    "build",
    "add one",
    "of which compares",
    "rank",
    "rank over HTTP",
    "the page",
    "load_dataset",
    "explain",
    "card",
)


def bench(settings: Settings) -> None:
    """Print a row for each number of languages, and keep the table with the results."""
    table = titled_table("CPU seconds, and MiB at most, with so many languages", *COLUMNS)
    rows = []
    for number in settings.languages:
        with tempfile.TemporaryDirectory() as folder:
            rows.append([f"{number:,}", *cells(Path(folder), number)])
        table.add_row(*rows[-1])
    console.print(table)
    lines = [["languages", *COLUMNS], ["---"] * (1 + len(COLUMNS)), *rows]
    title = (
        "# What a dataset of many languages costs\n\n`python scripts/bench --only growth`, CPU seconds and peaks:\n\n"
    )
    RESULTS.write_text(title + "".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")


def cells(folder: Path, number: int) -> list[str]:
    """Return what is in a row."""
    masks = str(folder / "masks")
    build = alone("build", masks, number)
    ranked, page = alone("rank", masks, 0), alone("page", masks, 0)
    loaded = alone("load", masks, str(folder / "cache"))
    explained = alone("explain", masks, 0)
    with served(Path(masks)) as (environment, sent):
        http = alone("rank", WHERE, 0, environment(folder / "hub"))
        read = sent()
    added = alone("add", masks, number)  # at last: it changes the dataset
    card = (Path(masks) / "README.md").stat().st_size
    return [
        *map(said, (build, added)),
        f"{float(added['answer']):.2f} s",
        f"{1e3 * ranked['seconds']:.0f} ms, {ranked['peak']:.0f} MiB",
        f"{read / 1e3:.0f} kB, {1e3 * http['seconds']:.0f} ms",
        *map(said, (page, loaded)),
        explained["answer"] or said(explained),
        f"{card / 1e3:.0f} kB",
    ]


def said(measured: dict[str, Any]) -> str:
    return f"{measured['seconds']:.1f} s, {measured['peak']:.0f} MiB"


def alone(step: str, where: str, argument: object, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a step in a process of its own; return its seconds, peak and answer."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from bench import growing; growing.run(*sys.argv[1:])"
    command = [sys.executable, "-c", code, step, where, str(argument)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{step} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def served(masks: Path) -> Iterator[tuple[Callable[[Path], dict[str, str]], Callable[[], int]]]:
    """Put a dataset on the tests' stand-in of the Hub; give its environment by cache, and what it has sent."""
    sys.path.insert(0, str(SCRIPTS.parent / "tests"))
    from hub import HubServer

    paths = [path for path in masks.rglob("*") if path.suffix in {".parquet", ".md"} and ".before" not in path.parts]
    with HubServer() as hub:
        hub.create(f"datasets/{WHERE}", {path.relative_to(masks).as_posix(): path.read_bytes() for path in paths})
        yield lambda cache: hub.environment(cache, hub.write_token), hub.sent
