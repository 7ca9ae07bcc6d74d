"""Ranking: a query to a repository of a hundred languages."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.measuring import alternate, console, timed
from bench.settings import Settings
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.ranking.rank import rank_sources
from xsns_hf.recipe import Recipe
from xsns_hf.text.catalogue import SOURCES

MORE = "bam ewe fon hau ibo kin lin lug nso nya sna sot tsn tso zul wol"
"""Languages beside those that there is text on the Hub for."""


def bench(settings: Settings) -> None:
    """Print the time and the memory of a query."""
    with tempfile.TemporaryDirectory() as folder:
        masks = Path(folder) / "masks"
        codes, seeds = many_languages(masks)
        seconds = alternate({"rank": timed(lambda: rank_sources(codes[0], masks))}, settings.rounds)["rank"]
        peak = peak_of_ranking(codes[0], masks)
        size = sum((masks / name).stat().st_size for name in ("index.parquet", "similarity.parquet"))
    console.print(
        f"Ranking {len(codes) - 1} sources over {seeds} seeds: {1e3 * np.median(seconds):.0f} ms, reading "
        f"{size / 1e3:.0f} kB; a process that does it peaks at {peak:.0f} MiB."
    )


def many_languages(folder: Path, languages: int = 100, seeds: int = 3) -> tuple[list[str], int]:
    """Make a repository of random masks over few parameters; return its languages and its number of seeds."""
    random = np.random.default_rng(0)
    layout, recipe = (
        ParameterLayout.of([("layers.0.attention.weight", (64, 64))]),
        Recipe("bench", "bench", "tied", "bench"),
    )
    codes = sorted({*SOURCES["wikipedia"].configs, *MORE.split()})[:languages]

    def records(code: str) -> list[MaskRecord]:
        masks = [select(random.random(layout.size, dtype=np.float32), layout, 0.15) for _ in range(seeds)]
        return [MaskRecord(recipe, code, seed, mask, 1024, 1.0, "bench") for seed, mask in enumerate(masks)]

    MaskRepository(folder, create=True).add_all(lambda: map(records, codes))
    return codes, seeds


def peak_of_ranking(target: str, folder: Path) -> float:
    """Return the MiB of a new process that imports the package and ranks."""
    code = (
        f"import xsns_hf; xsns_hf.rank_sources({target!r}, {str(folder)!r}); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) / 1024
