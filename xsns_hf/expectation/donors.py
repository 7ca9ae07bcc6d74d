"""Donor strength: how much better than others a source does for targets in general."""

import numpy as np
import pandas as pd

SHRINKAGE = 3
"""Targets on which a source would have to be as good as any other to count half: what few targets say is shrunk."""


def donor_strength(scores: pd.DataFrame) -> pd.Series:
    """Return each source's mean advantage over the other candidates of a target, shrunk by n / (n + 3).

    Args:
        scores: targets × sources, NaN where there is none.
    """
    advantages = _advantages(scores)
    return advantages.sum() / (advantages.notna().sum() + SHRINKAGE)


def donor_strength_elsewhere(scores: pd.DataFrame) -> pd.DataFrame:
    """Return for each target (row) the donor strength of the sources on all other targets.

    Args:
        scores: targets × sources, NaN where there is none.
    """
    advantages = _advantages(scores)
    others = advantages.notna().sum() - advantages.notna()
    return (advantages.sum() - advantages.fillna(0)) / (others + SHRINKAGE)


def _advantages(scores: pd.DataFrame) -> pd.DataFrame:
    """Return what a source scores above the mean of the target's other candidates; NaN for a language itself."""
    candidates = without_itself(scores).to_numpy()
    number = np.isfinite(candidates).sum(axis=1, keepdims=True)
    centred = candidates - np.nansum(candidates, axis=1, keepdims=True) / np.maximum(number, 1)
    advantages = centred * np.where(number > 1, number / np.maximum(number - 1, 1), np.nan)
    return pd.DataFrame(advantages, scores.index, scores.columns)


def without_itself(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table, targets × sources, in which no language is its own source."""
    values = table.to_numpy(float, copy=True)
    values[table.index.to_numpy(object)[:, None] == table.columns.to_numpy(object)[None, :]] = np.nan
    return pd.DataFrame(values, table.index, table.columns)
