"""Regression: predict the transfer score itself, not just the order of sources (§5.3, Table 3).

A row of the table is a pair of languages. OLS takes features of the pair alone; the mixed-effects regression also
gives each source and each target an intercept of its own, drawn from a normal distribution: in lme4's notation
`score ~ features + (1|source) + (1|target)`, fitted by REML as by de Vries et al. (2022).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.optimize import minimize
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from xsns_hf.errors import XsnsError
from xsns_hf.metrics.source_ranking.scoring import score

METHODS = ("ols", "mixed")
SPLITS = ("in-sample", "target", "family")

_COLLINEAR = 1e-10
"""Directions of the features with less than this part of the largest singular value carry no information."""

_STARTS = (0.05, 0.3, 1.0, 3.0, 10.0)
"""Standard deviations of the intercepts, relative to the residual one, from which the search starts at the best."""

_EXACT = 1e-10
"""Share of the scores' sum of squares that is always taken as unexplained: a perfect fit would have an infinite
likelihood."""


@dataclass(frozen=True)
class Regression:
    """A fitted regression; everything is in the units of the scores and the features.

    Attributes:
        method: `ols` or `mixed`.
        intercept: the score where all features and random intercepts are zero.
        coefficients: fixed effects by feature.
        sources: random intercepts (best linear unbiased predictions) of the source languages; empty for OLS.
        targets: those of the target languages.
        source_variance: variance of the sources' intercepts; 0 for OLS, and if the data show no difference.
        target_variance: that of the targets' intercepts.
        residual_std: standard deviation of what is left.
        freedom: degrees of freedom of `interval`.
        means: the features' means, at which the intercept is most certain.
        covariance: of the errors in the score at the means, in the coefficients and in the sources' intercepts,
            float64 [1 + features + sources, the same].
    """

    method: str
    intercept: float
    coefficients: dict[str, float]
    sources: dict[str, float]
    targets: dict[str, float]
    source_variance: float
    target_variance: float
    residual_std: float
    freedom: int
    means: dict[str, float] = field(repr=False)
    covariance: np.ndarray = field(repr=False, compare=False)

    def predict(self, pairs: pd.DataFrame, with_source: bool = True, with_target: bool = False) -> pd.Series:
        """Predict scores.

        Args:
            pairs: columns source, target and the features.
            with_source: add the source's random intercept, zero for a source that wasn't in the data.
            with_target: add the target's.

        Returns:
            float64, with the index of the pairs.

        Raises:
            XsnsError: a column is missing or has a value that is no number.
        """
        features = _numbers(pairs, list(self.coefficients))
        # Not a matrix product, whose rounding may differ between rows: equal features must tie.
        predicted = self.intercept + (features * list(self.coefficients.values())).sum(axis=1)
        if with_source:
            predicted += pairs["source"].map(self.sources).fillna(0).to_numpy(float)
        if with_target:
            predicted += pairs["target"].map(self.targets).fillna(0).to_numpy(float)
        return pd.Series(predicted, index=pairs.index, name="score")

    def interval(self, pairs: pd.DataFrame, confidence: float = 0.9) -> pd.DataFrame:
        """Return where the score of each pair with a target that wasn't in the data lies, with this probability.

        The interval is around `predict(pairs)`. Its variance is the residual one, the targets', the sources' for a
        source that wasn't in the data, and that of the errors in the fixed effects and in the known sources'
        intercepts. With OLS that is the classical prediction interval, with Student's t of n − p degrees of freedom.
        With random intercepts it is t of (targets − 1) degrees: what a new target is like is known from no more.

        Args:
            pairs: columns source, target and the features.
            confidence: in (0, 1).

        Returns:
            columns lower and upper, float64, with the index of the pairs.

        Raises:
            XsnsError: as `predict`, or the confidence isn't between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise XsnsError(f"A confidence of {confidence} can't be had: give one between 0 and 1, such as 0.9.")
        deviations = _numbers(pairs, list(self.means)) - list(self.means.values())
        is_source = pairs["source"].to_numpy()[:, None] == np.array(list(self.sources), dtype=object)
        terms = np.column_stack([np.ones(len(pairs)), deviations, is_source])
        variance = (terms @ self.covariance * terms).sum(axis=1) + self.residual_std**2
        variance += self.target_variance + self.source_variance * ~is_source.any(axis=1)
        reach = student.ppf((1 + confidence) / 2, self.freedom) * np.sqrt(variance)
        predicted = self.predict(pairs)
        return pd.DataFrame({"lower": predicted - reach, "upper": predicted + reach})


def fit(pairs: pd.DataFrame, features: Sequence[str], method: str = "ols") -> Regression:
    """Fit a regression of transfer scores on features of the pairs (§5.3).

    Collinear features are no obstacle: among the equally good coefficients the smallest are taken.

    Args:
        pairs: columns source, target, score and the features; a row per pair, none of a language with itself.
        features: names of the columns; with none, the regression is on the intercept alone.
        method: `ols` or `mixed`.

    Raises:
        XsnsError: unknown method, a missing column, a value that is no number, a pair twice or of a language with
            itself, a feature that is the same everywhere, or too few rows, sources or targets.
    """
    features = list(dict.fromkeys(features))
    _check(pairs, features, method)
    constant = _constant(pairs, features)
    if constant:
        raise XsnsError(f"The feature {constant[0]} is the same for all pairs, so it explains nothing: leave it out.")
    return _fit(pairs, features, method)


def evaluate_regression(
    pairs: pd.DataFrame,
    features: Sequence[str],
    method: str = "ols",
    split: str = "in-sample",
    families: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Return how well a regression predicts scores and ranks sources, as in Table 3.

    `in-sample` is what the paper does: fitted values, with the random intercepts, give the RMSE; the fixed effects
    alone give the ranking. (The paper's ranking by one feature is the same with OLS and mixed effects.) `target`
    leaves out each target in turn: the regression is fitted to the rows of the other targets and predicts those of
    this one, from the fixed effects and the sources' intercepts, since the target's own is unknown; RMSE and ranking
    are of these predictions. `family` does so with all rows whose *target* is of a family. In both, languages that
    are left out as targets stay in as sources.

    Args:
        pairs: as for `fit`.
        features: names of the columns.
        method: `ols` or `mixed`.
        split: `in-sample`, `target` or `family`.
        families: family of each target language; for the split by family.

    Returns:
        `rmse`, in the unit of the scores, over all pairs; `top_1` and `ndcg@3`, fractions, means over the targets
        with two sources or more. Of sources that are predicted alike, the first in the alphabet is on top. But for
        the in-sample split also `covered`, the share of the left-out scores that are in their 90 % intervals.

    Raises:
        XsnsError: unknown split, a target without a family, or what `fit` objects to, in the whole table or in what
            is left of it.
    """
    if split not in SPLITS:
        raise XsnsError(f"There is no split '{split}': use one of {', '.join(SPLITS)}.")
    features, pairs = list(dict.fromkeys(features)), pairs.reset_index(drop=True)
    regression = fit(pairs, features, method)
    pairs["score"] = _numbers(pairs, ["score"])[:, 0]
    found = {}
    if split == "in-sample":
        predicted = regression.predict(pairs, with_target=True)
        ranking = regression.predict(pairs, with_source=False)
    else:
        left_out = _predict_left_out(pairs, features, method, _folds(pairs, split, families))
        predicted = ranking = left_out["predicted"]
        found["covered"] = float(pairs["score"].between(left_out["lower"], left_out["upper"]).mean())
    errors = predicted - pairs["score"]
    return {"rmse": float(np.sqrt((errors**2).mean())), **_ranking_metrics(pairs.assign(predicted=ranking)), **found}


def _folds(pairs: pd.DataFrame, split: str, families: Mapping[str, str] | None) -> pd.Series:
    """Return the name of the fold in which each row is left out."""
    folds = pairs["target"]
    if split == "family":
        if families is None:
            raise XsnsError("The split by family needs to know them: give `families`, a family for each target.")
        unknown = sorted(set(folds) - set(families))
        if unknown:
            raise XsnsError(f"No family is given of {', '.join(unknown)}: add it to `families`, or drop the language.")
        folds = folds.map(dict(families))
    if folds.nunique() < 2:
        raise XsnsError(
            f"Nothing is left to learn from without the only {split}, {folds[0]}: give another one's pairs."
        )
    return folds


def _predict_left_out(pairs: pd.DataFrame, features: Sequence[str], method: str, folds: pd.Series) -> pd.DataFrame:
    """Return columns predicted, lower and upper, with the index of the pairs."""
    parts = []
    for fold in folds.unique():
        rest, left_out = pairs[folds != fold], pairs[folds == fold]
        # Nothing can be learnt here from what only the left-out rows vary in ("same script" without the one pair
        # that shares it); the user can do nothing about it and the other folds still can learn from it.
        varying = [feature for feature in features if feature not in _constant(rest, features)]
        _check(rest, varying, method)
        regression = _fit(rest, varying, method)
        parts.append(regression.interval(left_out).assign(predicted=regression.predict(left_out)))
    return pd.concat(parts).loc[pairs.index]


def _ranking_metrics(pairs: pd.DataFrame) -> dict[str, float]:
    ordered = pairs.sort_values("source", kind="stable").groupby("target")
    groups = [group for _, group in ordered if len(group) > 1]
    if not groups:
        raise XsnsError("No target has two sources, so there is nothing to rank: give more pairs.")
    found = score([group["predicted"].tolist() for group in groups], [group["score"].tolist() for group in groups], k=3)
    return {metric: float(found[metric]) for metric in ("top_1", "ndcg@3")}


def _check(pairs: pd.DataFrame, features: Sequence[str], method: str) -> None:
    if method not in METHODS:
        raise XsnsError(f"There is no regression method '{method}': use one of {', '.join(METHODS)}.")
    _numbers(pairs, [*features, "score"])
    itself = pairs["source"].to_numpy() == pairs["target"].to_numpy()
    if itself.any():
        raise XsnsError(f"{_pair(pairs[itself].iloc[0])} is no transfer: leave a language's rows with itself out.")
    twice = pairs[pairs.duplicated(["source", "target"])]
    if len(twice):
        raise XsnsError(f"{_pair(twice.iloc[0])} has several rows: average its scores first.")
    if len(pairs) <= 1 + len(features):
        raise XsnsError(f"{len(pairs)} pairs are too few for {len(features)} features: give more pairs.")
    for side in ("source", "target") if method == "mixed" else ():
        if not 2 <= pairs[side].nunique() < len(pairs):
            raise XsnsError(
                f"{len(pairs)} pairs with {pairs[side].nunique()} {side}(s) don't show how {side}s differ: "
                f"give at least two {side}s, with several pairs each, or use the method ols."
            )


def _numbers(pairs: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return the columns as float64 [rows, columns]."""
    missing = [column for column in ("source", "target", *columns) if column not in pairs.columns]
    if missing:
        raise XsnsError(f"The table of pairs has no column {', '.join(missing)}: it has {', '.join(pairs.columns)}.")
    numbers = pairs[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = bad[0]
        raise XsnsError(
            f"{_pair(pairs.iloc[row])} has no finite number for {columns[column]}: give it, or drop the row."
        )
    return numbers


def _pair(row: pd.Series) -> str:
    return f"The pair {row['source']} → {row['target']}"


def _constant(pairs: pd.DataFrame, features: Sequence[str]) -> list[str]:
    spreads = np.ptp(_numbers(pairs, features), axis=0)
    return [feature for feature, spread in zip(features, spreads, strict=True) if spread == 0]


def _fit(pairs: pd.DataFrame, features: Sequence[str], method: str) -> Regression:
    """Fit either kind: OLS is the mixed model without random intercepts.

    statsmodels' MixedLM agrees with this where it converges (see the tests), but takes about ten seconds for the
    65 × 105 languages of de Vries et al., times the 105 targets to leave out, and where a variance is zero it warns and
    stops short of it. Henderson's equations are only as many as there are effects: the same fit takes a fraction of a
    second, and zero is a value like any other.
    """
    values, scores = _numbers(pairs, features), _numbers(pairs, ["score"])[:, 0]
    means, stds, average = values.mean(axis=0), values.std(axis=0), scores.mean()
    standardised = np.column_stack([np.ones(len(pairs)), (values - means) / stds])
    # An orthonormal basis of the features keeps the equations solvable if some are collinear.
    basis, sizes, directions = np.linalg.svd(standardised, full_matrices=False)
    kept = sizes > _COLLINEAR * sizes[0]
    to_units = (directions[kept] / sizes[kept, None]).T / np.array([1, *stds])[:, None]
    # The columns of the random intercepts' indicators, none for OLS.
    sides = [pd.get_dummies(pairs[side], dtype=float) for side in ("source", "target") if method == "mixed"]
    with threadpool_limits(1):  # several threads would only fight over equations as small as these
        effects, errors, variances = _solve(basis[:, kept], [side.to_numpy() for side in sides], scores - average)

    to_units = block_diag(to_units, *(np.eye(side.shape[1]) for side in sides))
    effects, errors = to_units @ effects, to_units @ errors @ to_units.T
    sources, targets = [list(side.columns) for side in sides] or [[], []]
    fixed, coefficients, by_source, by_target = np.split(effects, np.cumsum([1, len(features), len(sources)]))
    rest, source_variance, target_variance = variances if sides else (variances[0], 0.0, 0.0)
    return Regression(
        method=method,
        intercept=float(fixed[0] + average - coefficients @ means),
        coefficients=dict(zip(features, coefficients.tolist(), strict=True)),
        sources=dict(zip(sources, by_source.tolist(), strict=True)),
        targets=dict(zip(targets, by_target.tolist(), strict=True)),
        source_variance=float(source_variance),
        target_variance=float(target_variance),
        residual_std=float(np.sqrt(rest)),
        freedom=len(targets) - 1 if sides else len(pairs) - int(kept.sum()),
        means=dict(zip(features, means.tolist(), strict=True)),
        covariance=errors[: len(errors) - len(targets), : len(errors) - len(targets)],
    )


def _solve(fixed: np.ndarray, sides: list[np.ndarray], y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit y = fixed γ + Σ side u + e by REML, with independent normal u of a variance for each side.

    Returns:
        the effects [γ, u]; the covariance of their errors; the variances of e and of each side's u.
    """
    columns = np.column_stack([fixed, *sides, y])
    group = np.repeat(np.arange(2 + len(sides)), [part.shape[1] for part in (fixed, *sides, y[:, None])])
    group[-1] = 0  # y is no more a random intercept than the fixed effects are
    freedom = len(y) - fixed.shape[1]
    cross = columns.T @ columns
    cross[-1, -1] += _EXACT * cross[-1, -1] + np.finfo(float).tiny

    roots = _likeliest(cross, group, freedom) if sides else np.empty(0)
    # Henderson's equations in γ and v = u / root, root² = var u / var e, which are regular at root = 0, too. The last
    # column is the right-hand side.
    scale = np.array([1.0, *roots])[group]
    matrix = cross * np.outer(scale, scale) + np.diag((group > 0).astype(float))
    inverse, right, scale = np.linalg.inv(matrix[:-1, :-1]), matrix[:-1, -1], scale[:-1]
    rest = max(y @ y - right @ inverse @ right, 0) / freedom
    return scale * (inverse @ right), rest * inverse * np.outer(scale, scale), rest * np.array([1, *roots**2])


def _likeliest(cross: np.ndarray, group: np.ndarray, freedom: int) -> np.ndarray:
    """Return the standard deviation of each side's intercepts, relative to the residual one, by REML.

    Args:
        cross: all products of the columns with one another: fixed effects, indicators of each side, scores.
        group: of each column: 0 for what is no random intercept, else the number of its side.
        freedom: number of scores less that of fixed effects.
    """
    # A side's indicators don't overlap, so the last side's equations are diagonal: eliminated beforehand, they leave
    # about half as many to be solved at each step of the search.
    last = group == group.max()
    kept, border, counts, rest = cross[~last][:, ~last], cross[last][:, ~last], np.diag(cross)[last], group[~last]

    def deviance(roots: np.ndarray) -> float:
        """−2 × the restricted log-likelihood of the roots, all else at its best for them, but for a constant."""
        scale, pivots = np.array([1.0, *roots])[rest], 1 + roots[-1] ** 2 * counts
        matrix = kept - border.T @ (border * (roots[-1] ** 2 / pivots)[:, None])
        matrix = matrix * np.outer(scale, scale) + np.diag((rest > 0).astype(float))
        others = 2 * np.log(np.diag(np.linalg.cholesky(matrix)))
        # The last pivot is the residual sum of squares.
        return float(np.log(pivots).sum() + others[:-1].sum() + freedom * others[-1])

    # It depends on the square of the roots, so that no bounds are needed and a variance of zero is an ordinary minimum.
    start = min(map(np.array, product(_STARTS, repeat=group.max())), key=deviance)
    options = {"xatol": 1e-6, "fatol": 1e-9, "maxiter": 1000}
    return minimize(deviance, start, method="Nelder-Mead", options=options).x
