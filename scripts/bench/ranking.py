"""Ranking: a query to a repository of a hundred languages."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.many_languages import many_languages
from bench.measuring import alternate, console, timed
from bench.settings import Settings
from xsns_hf.ranking.rank import rank_sources


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


def peak_of_ranking(target: str, folder: Path) -> float:
    """Return the MiB of a new process that imports the package and ranks."""
    code = (
        f"import xsns_hf; xsns_hf.rank_sources({target!r}, {str(folder)!r}); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) / 1024
