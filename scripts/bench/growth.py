"""Growth: what a dataset of many languages costs, each step in a process of its own.

Masks have a few thousand parameters, so that little of it is comparing them; what that is, is measured by itself. Times
are of the processor, since what else runs on a machine makes others longer; peaks are of memory.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import numpy as np

from bench.measuring import console, memory_of, titled_table
from bench.settings import Settings
from xsns_hf.dataset.door import is_code
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard_row
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe

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
    RESULTS.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")


def cells(folder: Path, number: int) -> list[str]:
    """Return what is in a row."""
    masks = str(folder / "masks")
    build = alone("build", masks, number)
    ranked, page = alone("rank", masks, 0), alone("page", masks, 0)
    loaded = alone("load", masks, str(folder / "cache"))
    explained = alone("explain", masks, 0)
    compared = alone("compare", masks, number)
    with served(Path(masks)) as (environment, sent):
        http = alone("rank", WHERE, 0, environment(folder / "hub"))
        read = sent()
    added = alone("add", masks, number)  # at last: it changes the dataset
    card = (Path(masks) / "README.md").stat().st_size
    return [
        *map(said, (build, added)),
        f"{compared['seconds']:.2f} s",
        f"{1e3 * ranked['seconds']:.0f} ms, {ranked['peak']:.0f} MiB",
        f"{read / 1e3:.0f} kB, {1e3 * http['seconds']:.0f} ms",
        *map(said, (page, loaded)),
        explained["answer"] or said(explained),
        f"{card / 1e3:.0f} kB",
    ]


def said(measured: dict) -> str:
    return f"{measured['seconds']:.1f} s, {measured['peak']:.0f} MiB"


def alone(step: str, where: str, argument: object, environment: dict[str, str] | None = None) -> dict:
    """Run a step in a process of its own; return its seconds, peak and answer."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from bench import growth; growth.run(*sys.argv[1:])"
    command = [sys.executable, "-c", code, step, where, str(argument)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{step} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run(step: str, where: str, argument: str) -> None:
    """Run a step and print what it took; once what it needs is imported."""
    prepared = STEPS[step](where, argument)
    start = time.process_time()
    answer = prepared()
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "peak": memory_of("VmHWM") / 1024, "answer": str(answer or "")}))


def codes(number: int) -> list[str]:
    """Return the first so many codes of languages."""
    words = map("".join, product(ascii_lowercase, repeat=3))
    return list(islice(filter(is_code, words), number))


def records(code: str, random: np.random.Generator) -> list[MaskRecord]:
    """Return a random mask of a language."""
    layout, recipe = (
        ParameterLayout.of([("layers.0.attention.weight", (64, 64))]),
        Recipe("bench", "bench", "tied", "bench"),
    )
    mask = select(random.random(layout.size, dtype=np.float32), layout, 0.15)
    return [MaskRecord(recipe, code, 0, mask, 1024, float(random.random()), random.bytes(32).hex())]


def build(where: str, number: str) -> Callable[[], object]:
    """Make a dataset."""
    random = np.random.default_rng(0)
    names = codes(int(number))
    return lambda: (
        MaskRepository(where, create=True).add_all(lambda: (records(code, random) for code in names)) and None
    )


def add(where: str, number: str) -> Callable[[], object]:
    """Add a language, with what draws the card's picture imported."""
    import xsns_hf.dataset.heat_map  # noqa: F401

    new = records(codes(int(number) + 1)[-1], np.random.default_rng(1))
    return lambda: MaskRepository(where).add(new) and None


def compare(where: str, number: str) -> Callable[[], object]:
    """Read all masks, and compare one with each."""

    def compare_all() -> None:
        masks = MaskRepository(where).masks()
        masks.repository.layout()
        first = masks.subnetworks(masks.languages[0])[0]
        for language in masks.languages[1:]:
            jaccard_row(first, list(masks.subnetworks(language).values()))

    return compare_all


def rank(where: str, _: str) -> Callable[[], object]:
    """Rank for a language, the second time that anything is ranked."""
    from xsns_hf.ranking.rank import rank_sources

    rank_sources("Finnish")
    return lambda: rank_sources("aar", where) and None


def page(where: str, _: str) -> Callable[[], object]:
    """Read what the page answers from."""
    from xsns_hf.space.catalogue import Shelf

    return lambda: Shelf([where]).choices() and None


def load(where: str, cache: str) -> Callable[[], object]:
    """Load the default configuration."""
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    return lambda: load_dataset(where, split="train", cache_dir=cache) and None


def explain(where: str, _: str) -> Callable[[], object]:
    """Look at all masks together; answer with the sentence that they are too many."""
    from xsns_hf.errors import XsnsError
    from xsns_hf.explanation.overview import overview

    def explained() -> str:
        try:
            overview(MaskRepository(where).masks())
        except XsnsError:
            return "too many"
        return ""

    return explained


STEPS: dict[str, Callable[[str, str], Callable[[], object]]] = {
    step.__name__: step for step in (build, add, compare, rank, page, load, explain)
}


@contextmanager
def served(masks: Path) -> Iterator[tuple[Callable[[Path], dict[str, str]], Callable[[], int]]]:
    """Put a dataset on the tests' stand-in of the Hub; give its environment by cache, and what it has sent."""
    sys.path.insert(0, str(SCRIPTS.parent / "tests"))
    from hub import HubServer

    tables = {path.name: path.read_bytes() for path in masks.iterdir() if path.suffix in {".parquet", ".md"}}
    with HubServer() as hub:
        hub.create(f"datasets/{WHERE}", tables)
        yield lambda cache: hub.environment(cache, hub.write_token), hub.sent
