"""Which source is best, with what probability: p(s) ∝ exp(T · z_s), a choice among candidates (McFadden 1974).

What makes a source the best beside its index z is taken to be as if drawn from a Gumbel distribution. So being within a
point of the best has a probability, too: that of being the best if given a lead of δ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, log_softmax

HOLDS = 0.8
"""Probability with which the smallest set holds the best source."""

_LOG_TEMPERATURES = (-4.0, 2.5)
_LEADS = (0.0, 15.0)
"""Where log T and δ are looked for."""


@dataclass(frozen=True)
class Choice:
    """How an index becomes probabilities.

    Attributes:
        temperature: T.
        lead: δ, what one point of score is worth.
    """

    temperature: float
    lead: float

    def best(self, index: pd.Series) -> pd.Series:
        """Return the probability of each candidate to be the best; they sum to 1."""
        return pd.Series(np.exp(log_softmax(self.temperature * index.to_numpy(float))), index.index)

    def close(self, index: pd.Series) -> pd.Series:
        """Return the probability of each candidate to be within one point of the best."""
        return pd.Series(expit(_log_odds(self.temperature * index.to_numpy(float)) + self.lead), index.index)


def fit_choice(index: pd.DataFrame, scores: pd.DataFrame, point: float) -> Choice:
    """Return the likeliest choice, given which sources were the best, and which within a point of the best.

    Args:
        index: targets × sources, NaN where a source is no candidate.
        scores: the gold scores of the same pairs.
        point: what one point is in their unit.
    """
    values, gold = _candidates(index, scores)
    temperature = float(np.exp(_lowest(lambda logs: -_likelihoods(np.exp(logs), values, gold), _LOG_TEMPERATURES)))
    candidate = np.isfinite(values)
    odds = _log_odds(temperature * values)[candidate]
    signs = np.where(gold >= gold.max(axis=1, keepdims=True) - point, 1, -1)[candidate]
    lead = _lowest(lambda leads: np.logaddexp(0, -signs * (odds + leads[:, None])).sum(axis=1), _LEADS)
    return Choice(temperature, lead)


def smallest_set(probabilities: pd.Series, holds: float = HOLDS) -> list[str]:
    """Return the fewest sources that hold the best one with a probability, the likeliest first."""
    ordered = probabilities.sort_values(ascending=False, kind="stable")
    enough = int(np.searchsorted(ordered.cumsum().to_numpy(), holds - 1e-9)) + 1
    return list(ordered.index[:enough])


def _candidates(index: pd.DataFrame, scores: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return index and scores, float64 [targets, sources], −∞ where a source is no candidate."""
    values, gold = index.to_numpy(float), scores.to_numpy(float)
    missing = np.isnan(values + gold)
    return np.where(missing, -np.inf, values), np.where(missing, -np.inf, gold)


def _likelihoods(temperatures: np.ndarray, values: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Return the mean log-likelihood of the best sources at each temperature."""
    best = gold.argmax(axis=1)[None, :, None]
    shares = log_softmax(temperatures[:, None, None] * values, axis=2)
    return np.take_along_axis(shares, best, axis=2).mean(axis=(1, 2))


def _log_odds(utilities: np.ndarray) -> np.ndarray:
    """Return of each candidate, along the last axis, the log odds of being the best."""
    shares = np.minimum(log_softmax(utilities, axis=-1), -1e-12)  # so that even a certainty has odds
    return shares - np.log(-np.expm1(shares))


def _lowest(loss: Callable[[np.ndarray], np.ndarray], bounds: tuple[float, float]) -> float:
    """Return where a loss with a single minimum is lowest, to a thousandth of the bounds' width or better: on a grid,
    and on one about its lowest point. Importing scipy.optimize would take longer than all the rest of an answer.
    """
    low, high = bounds
    for _ in range(2):
        grid, step = np.linspace(low, high, 50, retstep=True)
        best = grid[np.argmin(loss(grid))]
        low, high = max(bounds[0], best - step), min(bounds[1], best + step)
    return float(best)
