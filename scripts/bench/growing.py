"""The steps whose growth is measured, each in a process of its own, which imports no torch."""

import json
import time
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any
from unittest.mock import patch

import numpy as np

from xsns_hf.dataset.door import is_code
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe


def run(step: str, where: str, argument: str) -> None:
    """Run a step and print what it took; once what it needs is imported."""
    prepared = STEPS[step](where, argument)
    start = time.process_time()
    answer = prepared()
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "peak": peak(), "answer": str(answer or "")}))


def peak() -> float:
    """Return the MiB that this process held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


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
    return [MaskRecord(recipe, code, 0, mask, 1024, float(random.random(dtype=np.float32)), random.bytes(32).hex())]


def build(where: str, number: str) -> Callable[[], object]:
    """Make a dataset."""
    random = np.random.default_rng(0)
    names = codes(int(number))
    return lambda: (
        MaskRepository(where, create=True).add_all(lambda: (records(code, random) for code in names)) and None
    )


def add(where: str, number: str) -> Callable[[], object]:
    """Add a language, with what draws the card's picture imported; answer with the seconds of comparing masks."""

    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401

    from xsns_hf.dataset import heat_map  # noqa: F401
    from xsns_hf.dataset.similarities.comparing import completed

    new, seconds = records(codes(int(number) + 1)[-1], np.random.default_rng(1)), [0.0]

    def timed(*arguments: Any) -> Any:
        start = time.process_time()
        squares = completed(*arguments)
        seconds[0] += time.process_time() - start
        return squares

    def added() -> float:
        with patch("xsns_hf.dataset.draft.completed", timed):
            MaskRepository(where).add(new)
        return seconds[0]

    return added


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
    step.__name__: step for step in (build, add, rank, page, load, explain)
}
