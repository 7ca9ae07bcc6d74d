"""Tables of pairs of languages, with features and perhaps a score: whether a regression can take them.

A row is a pair: columns source, target, score and the features.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xsns_hf.errors import XsnsError


def check_pairs(pairs: pd.DataFrame, features: Sequence[str], sides: Sequence[str] = ()) -> None:
    """Make sure that scores can be regressed on features.

    Args:
        pairs: the table.
        features: names of columns.
        sides: `source` or `target`, for those that get random intercepts.

    Raises:
        XsnsError: they can't: a column is missing or has a value that is no number, a pair is there twice or of a
            language with itself, or there are too few pairs, sources or targets.
    """
    numbers(pairs, [*features, "score"])
    with_itself = pairs["source"].to_numpy() == pairs["target"].to_numpy()
    if with_itself.any():
        raise XsnsError(f"{_pair(pairs[with_itself].iloc[0])} is no transfer: leave a language's rows with itself out.")
    repeated = pairs[pairs.duplicated(["source", "target"])]
    if len(repeated):
        raise XsnsError(f"{_pair(repeated.iloc[0])} has several rows: average its scores first.")
    if len(pairs) <= 1 + len(features):
        raise XsnsError(f"{len(pairs)} pairs are too few for {len(features)} features: give more pairs.")
    for side in sides:
        if not 2 <= pairs[side].nunique() < len(pairs):
            raise XsnsError(
                f"{len(pairs)} pairs with {pairs[side].nunique()} {side}(s) don't show how {side}s differ: "
                f"give at least two {side}s, with several pairs each, or use the method ols."
            )


def numbers(pairs: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return columns as float64 [pairs, columns].

    Raises:
        XsnsError: a column is missing or has a value that is no number.
    """
    missing = [column for column in ("source", "target", *columns) if column not in pairs.columns]
    if missing:
        raise XsnsError(f"The table of pairs has no column {', '.join(missing)}: it has {', '.join(pairs.columns)}.")
    values = pairs[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    unusable = np.argwhere(~np.isfinite(values))
    if len(unusable):
        row, column = unusable[0]
        raise XsnsError(
            f"{_pair(pairs.iloc[row])} has no finite number for {columns[column]}: give it, or drop the row."
        )
    return values


def constant(pairs: pd.DataFrame, features: Sequence[str]) -> list[str]:
    """Return the features that are the same for all pairs."""
    spreads = np.ptp(numbers(pairs, features), axis=0)
    return [feature for feature, spread in zip(features, spreads, strict=True) if spread == 0]


def _pair(row: pd.Series) -> str:
    return f"The pair {row['source']} → {row['target']}"
