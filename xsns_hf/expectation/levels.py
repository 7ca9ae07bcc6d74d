"""From an index to a score, with an interval that stays on the scale of the scores.

Scores are taken on a logit scale. On it a target has a level, which its mean similarity to known sources tells in part,
and an index is worth the same for all targets: so the order by score is that by index.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

CONFIDENCE = 0.9
"""Probability that a score is to be in its interval."""

_EDGE = 0.002
"""Nearest to either end of the scale that a score is taken to be, as a share of the scale: the logit of an end itself
is infinite."""


@dataclass(frozen=True)
class Scale:
    """What scores can be.

    Attributes:
        top: the highest; None where scores aren't shares of a whole.
    """

    top: float | None

    @classmethod
    def of(cls, scores: pd.DataFrame) -> Self:
        """Return the scale of scores: fractions, percent, or open."""
        lowest, highest = np.nanmin(scores.to_numpy(float)), np.nanmax(scores.to_numpy(float))
        return cls(None if lowest < 0 or highest > 100 else 1.0 if highest <= 1 else 100.0)

    @property
    def point(self) -> float:
        """One point, of a hundred."""
        return 1.0 if self.top is None else self.top / 100

    def opened(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Return scores on a scale without ends."""
        return scores if self.top is None else (scores / self.top).clip(_EDGE, 1 - _EDGE).transform(logit)

    def closed(self, values: pd.Series) -> pd.Series:
        """Undo `opened`."""
        return values if self.top is None else self.top * values.transform(expit)


@dataclass(frozen=True)
class Levels:
    """How an index becomes a score.

    Attributes:
        scale: of the scores.
        slope: what one more in index is worth.
        residual: variance of scores about their target's level and the index.
        levels: of the targets learnt from.
        nearness: their mean similarity to the known sources.
    """

    scale: Scale
    slope: float
    residual: float
    levels: pd.Series
    nearness: pd.Series

    def scores(self, index: pd.Series, nearness: float) -> pd.DataFrame:
        """Return columns expected, lower and upper for the candidates of a new target.

        Args:
            index: of the candidates.
            nearness: mean similarity of the target to the known sources.
        """
        level, variance, freedom = _new_level(self.levels, self.nearness, nearness)
        middle = level + self.slope * index
        reach = stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(variance + self.residual)
        ends = {"expected": middle, "lower": middle - reach, "upper": middle + reach}
        return pd.DataFrame({column: self.scale.closed(values) for column, values in ends.items()})


def fit_levels(index: pd.DataFrame, scores: pd.DataFrame, similarity: pd.DataFrame) -> Levels:
    """Learn how an index becomes a score.

    Args:
        index: targets × sources, NaN where a source is no candidate.
        scores: the gold scores of the same pairs.
        similarity: likewise.
    """
    scale = Scale.of(scores)
    values, opened = index.to_numpy(float), scale.opened(scores).to_numpy(float)
    known = np.isfinite(values + opened)
    values, opened = (np.where(known, table, np.nan) for table in (values, opened))
    centred, gains = (table - _row_means(table)[:, None] for table in (values, opened))
    slope = max(float(np.nansum(centred * gains) / max(np.nansum(centred**2), 1e-12)), 0.0)
    residual = float(np.nansum((gains - slope * centred) ** 2) / max(int(known.sum()) - len(opened) - 1, 1))
    levels = pd.Series(_row_means(opened - slope * values), scores.index)
    return Levels(scale, slope, residual, levels, pd.Series(_row_means(similarity.to_numpy(float)), scores.index))


def _row_means(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row's values that there are; NaN of a row of none."""
    number = np.isfinite(values).sum(axis=1)
    return np.nansum(values, axis=1) / np.where(number, number, np.nan)


def _new_level(levels: pd.Series, nearness: pd.Series, where: float) -> tuple[float, float, int]:
    """Return the level of a new target by least squares on nearness, the variance of its error, and its degrees of
    freedom.
    """
    apart = nearness - nearness.mean()
    spread = float((apart**2).sum())
    tilt = float((apart * levels).sum()) / spread if spread > 1e-12 else 0.0
    freedom = len(levels) - 1 - (spread > 1e-12)
    errors = levels - levels.mean() - tilt * apart
    step = where - nearness.mean()
    share = 1 + 1 / len(levels) + (step**2 / spread if spread > 1e-12 else 0.0)
    return float(levels.mean() + tilt * step), float((errors**2).sum()) / freedom * share, int(freedom)
