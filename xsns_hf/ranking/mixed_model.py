"""The mixed-effects model behind a regression with random intercepts, fitted by REML.

statsmodels' MixedLM agrees with this where it converges (see the tests), but takes about ten seconds for the 65 × 105
languages of de Vries et al., times the 105 targets to leave out, and where a variance is zero it warns and stops short
of it. Henderson's equations are only as many as there are effects: the same fit takes a fraction of a second, and zero
is a value like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize

_STARTS = (0.05, 0.3, 1.0, 3.0, 10.0)
"""Standard deviations of the intercepts, relative to the residual one, from which the search starts at the best."""

_EXACT = 1e-10
"""Share of the scores' sum of squares that is always taken as unexplained: a perfect fit would have an infinite
likelihood."""


@dataclass(frozen=True)
class Solution:
    """A fitted y = fixed γ + Σ side u + e.

    Attributes:
        effects: γ and each side's u, one after the other.
        covariance: of the errors in the effects.
        residual_variance: variance of e.
        variances: of each side's u.
    """

    effects: np.ndarray
    covariance: np.ndarray
    residual_variance: float
    variances: list[float]


def solve(fixed: np.ndarray, sides: Sequence[np.ndarray], y: np.ndarray) -> Solution:
    """Fit y = fixed γ + Σ side u + e by REML, with independent normal u of a variance for each side.

    Args:
        fixed: float64 [scores, fixed effects], of full rank.
        sides: for each kind of random intercept its indicators, float64 [scores, intercepts]; none for least squares.
        y: the scores, float64 [scores].
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
    residual = float(max(y @ y - right @ inverse @ right, 0) / freedom)
    covariance = residual * inverse * np.outer(scale, scale)
    return Solution(scale * (inverse @ right), covariance, residual, (residual * roots**2).tolist())


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
        """Return −2 × the restricted log-likelihood of the roots, all else at its best for them, but for a constant."""
        scale, pivots = np.array([1.0, *roots])[rest], 1 + roots[-1] ** 2 * counts
        matrix = kept - border.T @ (border * (roots[-1] ** 2 / pivots)[:, None])
        matrix = matrix * np.outer(scale, scale) + np.diag((rest > 0).astype(float))
        logs = 2 * np.log(np.diag(np.linalg.cholesky(matrix)))  # of the other pivots, the residual sum of squares last
        return float(np.log(pivots).sum() + logs[:-1].sum() + freedom * logs[-1])

    # It depends on the square of the roots, so that no bounds are needed and a variance of zero is an ordinary minimum.
    start = min(map(np.array, product(_STARTS, repeat=group.max())), key=deviance)
    options = {"xatol": 1e-6, "fatol": 1e-9, "maxiter": 1000}
    return minimize(deviance, start, method="Nelder-Mead", options=options).x
