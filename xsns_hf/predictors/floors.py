"""Floors that any predictor must beat: chance, and English for everyone."""

import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from xsns_hf.predictors.base import Predictor

DRAWS = 10
"""Random rankings that the floor is averaged over."""


class Random(Predictor):
    """Random scores, which depend on the pair and the seed alone."""

    name = "random"
    about = "chance: the mean of ten random rankings"

    @property
    def seeds(self) -> Sequence[int]:
        """Numbers of the draws."""
        return range(DRAWS)

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return scores that are uniform in [0, 1)."""
        values = [[_draw(seed, target, source) for source in sources] for target in targets]
        return pd.DataFrame(values, index=list(targets), columns=list(sources))


class English(Predictor):
    """English first, all others alike."""

    name = "english"
    about = "English for every target, as is usual; all other sources tie"
    targeted = False

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return 1 for English and 0 for the others."""
        row = np.array([float(source == "eng") for source in sources])
        return pd.DataFrame(np.tile(row, (len(targets), 1)), index=list(targets), columns=list(sources))


def _draw(seed: int, target: str, source: str) -> float:
    return float(np.random.default_rng([seed, zlib.crc32(f"{target} {source}".encode())]).random())
