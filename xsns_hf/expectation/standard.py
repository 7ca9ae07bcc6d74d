"""Standard scores: what makes predictors of different units comparable, target by target."""

import numpy as np
import pandas as pd

from xsns_hf.expectation.donors import without_itself

_ALIKE = 1e-12
"""Spread below which all candidates are alike."""


def standardised(scores: pd.DataFrame) -> pd.DataFrame:
    """Return each target's scores with mean 0 and standard deviation 1 over its candidates.

    The target itself is no candidate, and has none. Where all candidates are alike, as the relatives of a language
    without relatives are, all are 0.

    Args:
        scores: targets × sources.
    """
    return pd.DataFrame(standardised_rows(without_itself(scores).to_numpy()), scores.index, scores.columns)


def standardised_rows(values: np.ndarray) -> np.ndarray:
    """Return values with mean 0 and standard deviation 1 in each row, by the same rule; the target's own are NaN.

    Args:
        values: float64 [targets, sources]; NaN where there is none.
    """
    number = np.isfinite(values).sum(axis=1, keepdims=True)
    centred = values - np.nansum(values, axis=1, keepdims=True) / np.maximum(number, 1)
    spreads = np.sqrt(np.nansum(centred**2, axis=1, keepdims=True) / np.maximum(number - 1, 1))
    return centred / np.where(spreads > _ALIKE, spreads, 1.0)


def standardised_by(values: pd.Series, known: pd.Index) -> pd.Series:
    """Return values standardised over those that are known, by the same rule as `standardised`.

    Args:
        values: of candidates.
        known: by which of them mean and standard deviation are taken.
    """
    return (values - values[known].mean()) / spread(values[known])


def spread(values: pd.Series) -> float:
    """Return what standardised values are divided by: their standard deviation, or 1 where all are alike."""
    deviation = float(values.std())
    return deviation if deviation > _ALIKE else 1.0
