"""Similarity: the Hamming distances of masks."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bench.measuring import alternate, console, replaced, timed, titled_table
from bench.settings import Settings, random_layout
from xsns_hf import native
from xsns_hf.masks.similarity import hamming

OURS = "ours, all pairs, one core"
Packed = Sequence[np.ndarray]


def bench(settings: Settings) -> None:
    """Print what a pair of masks costs in each way."""
    layout, random, number = random_layout(settings.size), np.random.default_rng(0), settings.masks
    packed = [random.integers(0, 256, layout.packed_size, np.uint8) for _ in range(number)]
    pairs, cores = number * (number - 1) / 2, native.threads()
    ways: dict[str, tuple[Callable[[], Any], float]] = {
        OURS: (partial(on_cores, 1, packed), pairs),
        f"ours, all pairs, {cores} cores": (partial(on_cores, cores, packed), pairs),
        "ours, one new language": (partial(hamming, packed, rows=1), number - 1),
        "ours, numpy only": (partial(uncompiled, packed[:4]), 6),
        "boolean vectors, as the released code": (partial(as_released, packed), 1),
        "numkong hammings_symmetric, 24 masks, one core": (partial(by_numkong, packed[:24]), 24 * 23 / 2),
    }
    failures: dict[str, str] = {}
    seconds = alternate({name: timed(run) for name, (run, _) in ways.items()}, settings.rounds, failures)
    table = titled_table(f"Similarity of {number} masks of {layout.size:,} bits", "a pair", "× ours")
    for name, (_, count) in ways.items():
        if failures.get(name) == "not installed":
            continue
        if name in failures:
            table.add_row(name, "–", failures[name][:30])
            continue
        ratio = np.median(seconds[name] / count / (seconds[OURS] / pairs))
        table.add_row(name, f"{1e3 * np.median(seconds[name]) / count:.3f} ms", f"{ratio:.2f}")
    console.print(table)


def on_cores(cores: int, packed: Packed) -> None:
    """Compare all pairs on so many cores."""
    with replaced(native, "threads", lambda: cores):
        hamming(packed)


def uncompiled(packed: Packed) -> None:
    """Compare all pairs as without a compiler."""
    with replaced(native, "library", lambda *_: None):
        hamming(packed)


def as_released(packed: Packed) -> None:
    """Compare a pair as the released code does: whole boolean vectors."""
    first, second = (np.unpackbits(mask).astype(bool) for mask in packed[:2])
    np.logical_and(first, second).sum() / np.logical_or(first, second).sum()


def by_numkong(packed: Packed) -> None:
    """Compare all pairs by numkong, tile by tile."""
    import numkong

    tiles = np.stack(packed)
    for start in range(0, tiles.shape[1], 1 << 14):
        numkong.hammings_symmetric(tiles[:, start : start + (1 << 14)], dtype="uint1")
