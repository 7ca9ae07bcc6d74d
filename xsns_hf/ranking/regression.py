"""Regression: predict the transfer score itself, not just the order of sources (§5.3, Table 3).

A row of the table is a pair of languages. OLS takes features of the pair alone; the mixed-effects regression also
gives each source and each target an intercept of its own, drawn from a normal distribution: in lme4's notation
`score ~ features + (1|source) + (1|target)`, fitted by REML as by de Vries et al. (2022).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from xsns_hf.errors import XsnsError
from xsns_hf.metrics.source_ranking.scoring import score
from xsns_hf.ranking.mixed_model import solve
from xsns_hf.ranking.pairs import check_pairs, constant, numbers

METHODS = ("ols", "mixed")
SPLITS = ("in-sample", "target", "family")
SIDES = ("source", "target")

_COLLINEAR = 1e-10
"""Directions of the features with less than this part of the largest singular value carry no information."""


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
        features = numbers(pairs, list(self.coefficients))
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
        deviations = numbers(pairs, list(self.means)) - list(self.means.values())
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
    if useless := constant(pairs, features):
        raise XsnsError(f"The feature {useless[0]} is the same for all pairs, so it explains nothing: leave it out.")
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
        `rmse`, in the unit of the scores, over all pairs; `pearson`, `spearman`, `top_1` and `ndcg@3`, fractions,
        means over the targets with two sources or more. Of sources that are predicted alike, the first in the
        alphabet is on top. But for the in-sample split also `covered`, the share of the left-out scores that are in
        their 90 % intervals.

    Raises:
        XsnsError: unknown split, a target without a family, or what `fit` objects to, in the whole table or in what
            is left of it.
    """
    if split not in SPLITS:
        raise XsnsError(f"There is no split '{split}': use one of {', '.join(SPLITS)}.")
    features, pairs = list(dict.fromkeys(features)), pairs.reset_index(drop=True)
    regression = fit(pairs, features, method)
    pairs["score"] = numbers(pairs, ["score"])[:, 0]
    covered = {}
    if split == "in-sample":
        predicted = regression.predict(pairs, with_target=True)
        ranking = regression.predict(pairs, with_source=False)
    else:
        left_out = _predict_left_out(pairs, features, method, _folds(pairs, split, families))
        predicted = ranking = left_out["predicted"]
        covered["covered"] = float(pairs["score"].between(left_out["lower"], left_out["upper"]).mean())
    errors = predicted - pairs["score"]
    return {"rmse": float(np.sqrt((errors**2).mean())), **_ranking_metrics(pairs.assign(predicted=ranking)), **covered}


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
        varying = [feature for feature in features if feature not in constant(rest, features)]
        _check(rest, varying, method)
        regression = _fit(rest, varying, method)
        parts.append(regression.interval(left_out).assign(predicted=regression.predict(left_out)))
    return pd.concat(parts).loc[pairs.index]


def _ranking_metrics(pairs: pd.DataFrame) -> dict[str, float]:
    ordered = pairs.sort_values("source", kind="stable").groupby("target")
    groups = [group for _, group in ordered if len(group) > 1]
    if not groups:
        raise XsnsError("No target has two sources, so there is nothing to rank: give more pairs.")
    predicted, gold = ([group[column].tolist() for group in groups] for column in ("predicted", "score"))
    metrics = score(predicted, gold, k=3)
    return {metric: float(metrics[metric]) for metric in ("pearson", "spearman", "top_1", "ndcg@3")}


def _check(pairs: pd.DataFrame, features: Sequence[str], method: str) -> None:
    if method not in METHODS:
        raise XsnsError(f"There is no regression method '{method}': use one of {', '.join(METHODS)}.")
    check_pairs(pairs, features, SIDES if method == "mixed" else ())


def _fit(pairs: pd.DataFrame, features: Sequence[str], method: str) -> Regression:
    """Fit either kind: OLS is the mixed model without random intercepts."""
    values, scores = numbers(pairs, features), numbers(pairs, ["score"])[:, 0]
    means, average = values.mean(axis=0), scores.mean()
    basis, to_units = _basis(values)
    sides = [pd.get_dummies(pairs[side], dtype=float) for side in SIDES if method == "mixed"]  # their indicators
    with threadpool_limits(1):  # several threads would only fight over equations as small as these
        solution = solve(basis, [side.to_numpy() for side in sides], scores - average)

    to_units = block_diag(to_units, *(np.eye(side.shape[1]) for side in sides))
    effects, covariance = to_units @ solution.effects, to_units @ solution.covariance @ to_units.T
    sources, targets = [list(side.columns) for side in sides] or [[], []]
    fixed, coefficients, by_source, by_target = np.split(effects, np.cumsum([1, len(features), len(sources)]))
    source_variance, target_variance = solution.variances or (0.0, 0.0)
    return Regression(
        method=method,
        intercept=float(fixed[0] + average - coefficients @ means),
        coefficients=dict(zip(features, coefficients.tolist(), strict=True)),
        sources=dict(zip(sources, by_source.tolist(), strict=True)),
        targets=dict(zip(targets, by_target.tolist(), strict=True)),
        source_variance=source_variance,
        target_variance=target_variance,
        residual_std=float(np.sqrt(solution.residual_variance)),
        freedom=len(targets) - 1 if sides else len(pairs) - basis.shape[1],
        means=dict(zip(features, means.tolist(), strict=True)),
        covariance=covariance[: len(covariance) - len(targets), : len(covariance) - len(targets)],
    )


def _basis(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an orthonormal basis of 1 and the features, which keeps equations solvable if some are collinear.

    Args:
        values: of the features, float64 [pairs, features].

    Returns:
        the basis, float64 [pairs, K]; what turns its coefficients into the score at the features' means and the
        features' coefficients, float64 [1 + features, K].
    """
    stds = values.std(axis=0)
    standardised = np.column_stack([np.ones(len(values)), (values - values.mean(axis=0)) / stds])
    basis, sizes, directions = np.linalg.svd(standardised, full_matrices=False)
    kept = sizes > _COLLINEAR * sizes[0]
    return basis[:, kept], (directions[kept] / sizes[kept, None]).T / np.array([1, *stds])[:, None]
