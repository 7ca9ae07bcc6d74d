"""Scores of rankings of source languages for cross-lingual transfer (X-SNS, Yun et al. 2023, §4.3).

For each target language there are two lists of numbers, in one order of candidate sources: what was predicted of
each source, and how well transfer from it really went (gold). Higher is better in both. Everything is computed per
target and averaged over targets.

| metric | what it is | best |
|---|---|---|
| `pearson` | Pearson correlation of predictions and gold scores | 1 |
| `spearman` | Spearman correlation, ties with their average rank | 1 |
| `top_1` | 1 if the source predicted best is the gold-best one, else 0 | 1 |
| `ndcg@k` | `sklearn.metrics.ndcg_score` on ranks, as in the authors' released code | 1 |
| `regret` | what the source predicted best loses against the gold-best one, in the unit of the gold scores | 0 |
| `mrr` | 1 / place of the gold-best source in the predicted order | 1 |

Among equals the first in the given order counts: it is the source predicted best, the gold-best source, and comes
earlier in the predicted order. So `top_1` is 1 exactly where `mrr` is 1; and where the gold-best sources tie, `regret`
may be 0 although `top_1` is 0. NDCG averages over the orders of sources that are predicted alike.

A correlation with a constant list is undefined: it is NaN for that target and left out of the mean.

This file imports nothing from the package that it comes in: it is copied beside the `evaluate` module, and into Spaces.
"""

import operator
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import ndcg_score

METRICS = ("pearson", "spearman", "top_1", "ndcg@3", "regret", "mrr")
"""Names of the metrics, with the paper's cut-off k = 3."""

RELEVANCES = ("rank", "raw")
"""What NDCG can take for the relevance of a source: the rank of its gold score, or the score itself."""


def score_target(
    predictions: Sequence[float] | np.ndarray,
    references: Sequence[float] | np.ndarray,
    *,
    target: str | int = "(unnamed)",
    k: int | Sequence[int] = (3,),
    relevance: str = "rank",
) -> dict[str, float]:
    """Score the ranking of sources for one target.

    Args:
        predictions: what was predicted of each of n ≥ 2 sources, float64 [n], higher is better.
        references: gold score of each, float64 [n], in the same order, higher is better.
        target: what error messages call it.
        k: cut-offs of NDCG, each at least 1; beyond n they mean n.
        relevance: of a source, to NDCG: `rank` for the rank of its gold score, from 1 for the worst to n for the
            best, ties averaged; `raw` for the gold score itself, which mustn't be negative.

    Returns:
        `pearson` and `spearman` in [−1, 1], NaN where either list is constant; `top_1` 0 or 1; `ndcg@k` for each k
        and `mrr` in [0, 1]; `regret` ≥ 0, in the unit of the gold scores. With raw relevances that are all zero,
        `ndcg@k` is 0.

    Raises:
        ValueError: a number that is missing or not finite, lists of unequal length, fewer than two sources, k < 1,
            an unknown relevance, a negative raw relevance.
    """
    cutoffs = _cutoffs(k)
    predicted, gold = _paired(predictions, references, target)
    gains = _gains(gold, relevance, target)
    chosen, best = int(predicted.argmax()), int(gold.argmax())
    order = np.argsort(-predicted, kind="stable")
    ranks = stats.rankdata(predicted)
    return {
        "pearson": _correlation(stats.pearsonr, predicted, gold),
        "spearman": _correlation(stats.spearmanr, predicted, gold),
        "top_1": float(chosen == best),
        **{f"ndcg@{cutoff}": float(ndcg_score([gains], [ranks], k=cutoff)) for cutoff in cutoffs},
        "regret": float(gold[best] - gold[chosen]),
        "mrr": 1.0 / (1 + int(np.flatnonzero(order == best)[0])),
    }


def score(
    predictions: Sequence[Sequence[float]] | np.ndarray,
    references: Sequence[Sequence[float]] | np.ndarray,
    *,
    targets: Sequence[str] | None = None,
    k: int | Sequence[int] = 3,
    relevance: str = "rank",
    bootstrap: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
    per_target: bool = False,
) -> dict[str, Any]:
    """Score rankings of sources for several targets.

    >>> scores = score([[0.9, 0.4, 0.1], [0.2, 0.5]], [[88.0, 71.5, 60.2], [64.0, 61.0]])
    >>> scores["top_1"], scores["regret"], scores["mrr"], scores["targets"]
    (0.5, 1.5, 0.75, 2)

    Args:
        predictions: for each of N targets what was predicted of its sources, float64, higher is better. Targets
            may have different sources, and different numbers of them.
        references: for each target the gold scores of the same sources in the same order.
        targets: names of the targets, for error messages and `per_target`; by default their indices.
        k: cut-offs of NDCG, see `score_target`.
        relevance: `rank` or `raw`, see `score_target`.
        bootstrap: how many resamples of the targets to draw for confidence intervals; 0 for no intervals.
        confidence: level of the intervals, between 0 and 1.
        seed: of the resampling.
        per_target: whether to return the scores of each target too.

    Returns:
        The metrics of `score_target`, each the mean over the targets where it is defined, NaN where it is defined
        for none, and `targets`, N. With `bootstrap`, also `confidence_intervals`: for each metric [low, high], the
        percentile bootstrap over the targets where it is defined, [NaN, NaN] if those are fewer than two. With
        `per_target`, also `per_target`: for each target a dict of its name or index, `target`, and its metrics.

    Raises:
        ValueError: what `score_target` objects to; no targets, unequal numbers of targets; a number of resamples
            or a level of confidence that makes no sense.
    """
    predictions, references = list(predictions), list(references)
    names = _names(targets, len(predictions), len(references))
    resamples = _resamples(bootstrap, confidence)
    rows = [
        score_target(predicted, gold, target=name, k=k, relevance=relevance)
        for name, predicted, gold in zip(names, predictions, references, strict=True)
    ]
    defined = {metric: _defined([row[metric] for row in rows]) for metric in rows[0]}
    scores: dict[str, Any] = {
        metric: float(values.mean()) if values.size else float("nan") for metric, values in defined.items()
    }
    scores["targets"] = len(rows)
    if resamples:
        scores["confidence_intervals"] = {
            metric: _interval(values, resamples, confidence, seed) for metric, values in defined.items()
        }
    if per_target:
        scores["per_target"] = [{"target": name, **row} for name, row in zip(names, rows, strict=True)]
    return scores


def _names(targets: Sequence[str] | None, predictions: int, references: int) -> Sequence[str | int]:
    """Return the names of the targets, given for how many there are predictions and gold scores."""
    if predictions != references:
        raise ValueError(
            f"There are predictions for {predictions} targets but gold scores for {references}: give a list of each "
            "for every target."
        )
    if not predictions:
        raise ValueError("There are no targets: give a list of predictions and one of gold scores for at least one.")
    names: Sequence[str | int] = range(predictions) if targets is None else list(targets)
    if len(names) != predictions:
        raise ValueError(
            f"There are {len(names)} names for {predictions} targets: give one for every target, or leave "
            "`targets` out."
        )
    return names


def _resamples(bootstrap: int, confidence: float) -> int:
    """Return the number of resamples, once it and the level of confidence are found to make sense."""
    resamples = _whole(bootstrap)
    if resamples is None or resamples < 0:
        raise ValueError(f"bootstrap={bootstrap!r} isn't a number of resamples: use 1000, say, or 0 for no intervals.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} isn't between 0 and 1: use 0.95, say.")
    return resamples


def _paired(
    predictions: Sequence[float] | np.ndarray, references: Sequence[float] | np.ndarray, target: str | int
) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions and gold scores as float64 [n] each, n ≥ 2."""
    predicted, gold = _numbers(predictions, "predictions", target), _numbers(references, "gold scores", target)
    if predicted.size != gold.size:
        raise ValueError(
            f"Target {target} has {predicted.size} predictions but {gold.size} gold scores: give one of each for "
            "every source."
        )
    if predicted.size < 2:
        raise ValueError(f"Target {target} has {predicted.size} candidates: a ranking needs at least two.")
    return predicted, gold


def _gains(gold: np.ndarray, relevance: str, target: str | int) -> np.ndarray:
    """Return the relevance of each source, to NDCG."""
    if relevance not in RELEVANCES:
        raise ValueError(f"There is no relevance {relevance!r}: use one of {', '.join(map(repr, RELEVANCES))}.")
    if relevance == "raw" and gold.min() < 0:
        raise ValueError(
            f"Target {target} has a negative gold score ({gold.min():g}), which can't be a raw relevance: use "
            "relevance='rank', or shift the scores to zero and above."
        )
    return stats.rankdata(gold) if relevance == "rank" else gold


def _numbers(values: Sequence[float] | np.ndarray, what: str, target: str | int) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError):
        numbers = None
    if numbers is None or numbers.ndim != 1:
        raise ValueError(f"The {what} of target {target} aren't a list of numbers: give one number for each source.")
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise ValueError(
            f"The {what} of target {target} have {numbers[bad[0]]} at index {bad[0]}: give a finite number, or leave "
            "that source out of its predictions and its gold scores."
        )
    return numbers


def _cutoffs(k: int | Sequence[int]) -> list[int]:
    given = list(k) if isinstance(k, Iterable) else [k]
    cutoffs = [cutoff for cutoff in map(_whole, given) if cutoff is not None and cutoff >= 1]
    if not given or len(cutoffs) < len(given):
        raise ValueError(f"k={k!r} isn't a cut-off for NDCG: use a whole number from 1, or several of them.")
    return list(dict.fromkeys(cutoffs))


def _whole(number: Any) -> int | None:
    """Return the number as an int; None if it isn't a whole one. True and False aren't meant as numbers."""
    try:
        return None if isinstance(number, bool) else operator.index(number)
    except TypeError:
        return None


def _correlation(correlate: Callable[..., Any], predicted: np.ndarray, gold: np.ndarray) -> float:
    if np.all(predicted == predicted[0]) or np.all(gold == gold[0]):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of nearly constant lists, and of p-values, which nobody asked for
        return float(correlate(predicted, gold).statistic)


def _defined(values: list[float]) -> np.ndarray:
    numbers = np.array(values)
    return numbers[~np.isnan(numbers)]


def _interval(values: np.ndarray, resamples: int, confidence: float, seed: int) -> list[float]:
    if values.size < 2:
        return [float("nan"), float("nan")]
    # A fresh generator for each metric: all see the same resamples, whichever metrics there are.
    interval = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [float(interval.low), float(interval.high)]
