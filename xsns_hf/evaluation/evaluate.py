"""How good are predictions of transfer? Predictors against gold scores, as in the paper's Table 2 (§4.3, §5.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.errors import XsnsError, some
from xsns_hf.gold import Gold
from xsns_hf.metrics.source_ranking.scoring import score_target
from xsns_hf.predictors import Predictor
from xsns_hf.ranking.latex import latex_table

REGRET = "regret"
"""The one metric that is in the unit of the gold scores, and the better the lower."""


@dataclass(frozen=True)
class Evaluation:
    """Predictors compared on the same pairs of languages.

    Attributes:
        per_target: a row per predictor and target (the index), a column per metric: fractions, and the regret in the
            unit of the gold scores; means over the seeds of masks and of fine-tuning.
        candidates: the sources that each target's ranking is over.
        left_out: by target, the gold sources that some predictor can't say anything of.
        skipped: by target, why it isn't evaluated.
    """

    per_target: pd.DataFrame
    candidates: dict[str, list[str]]
    left_out: dict[str, list[str]]
    skipped: dict[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """Means over targets, a row per predictor. Undefined correlations are left out of the mean."""
        return self.per_target.groupby(level="predictor", sort=False).mean()

    def to_dict(self, *, per_target: bool = False) -> dict[str, dict[str, Any]]:
        """Return the metrics of each predictor and the number of targets; None stands for what is undefined.

        Args:
            per_target: also each target's own metrics, under `per_target`.
        """
        records: dict[str, dict[str, Any]] = {
            str(name): {**_plain(row), "targets": len(self.candidates)} for name, row in self.table.iterrows()
        }
        for name in records if per_target else ():
            rows = self.per_target.loc[name]
            records[name]["per_target"] = {str(target): _plain(row) for target, row in rows.iterrows()}
        return records

    def to_latex(self) -> str:
        r"""Return the table in LaTeX, percentages as in the paper; the best of each column is bold (booktabs)."""
        table = self.table
        shown = table * np.where(table.columns != REGRET, 100.0, 1.0)
        best = [table[column].min() if column == REGRET else table[column].max() for column in table]
        bold = table.eq(best).reset_index().assign(predictor=False)
        return latex_table(shown.reset_index().rename(columns=_heading), bold=bold)


def _heading(column: str) -> str:
    """Return how a table in print calls a column."""
    return "MRR" if column == "mrr" else column.title().replace("_", "-").replace("Ndcg", "NDCG")


def evaluate(gold: Gold, predictors: Sequence[Predictor], k: Sequence[int] = (3,)) -> Evaluation:
    """Compare predictors on the pairs that gold and all of them have something to say of.

    Each target in turn is removed from its candidates. With several seeds of a predictor (masks) or of the gold scores
    (fine-tuning), metrics are taken for every combination and averaged, as in the paper's own evaluation.

    Args:
        gold: the true scores.
        predictors: at least one.
        k: cut-offs of NDCG.

    Raises:
        XsnsError: no target has two candidates, a cut-off is below 1, or an input of a predictor can't be read.
    """
    if min(k) < 1:
        raise XsnsError(f"NDCG@{min(k)} looks at no source: take a cut-off of at least 1.")
    predictions = {predictor.name: predict(predictor, gold.targets, gold.sources) for predictor in predictors}
    return compare(gold, predictions, k)


def compare(gold: Gold, predictions: Mapping[str, Sequence[pd.DataFrame]], k: Sequence[int] = (3,)) -> Evaluation:
    """Compare predictions that are made already; see `evaluate`.

    Args:
        gold: the true scores.
        predictions: by name a table for each seed, as `Predictor.scores` has it, over gold's targets and sources.
        k: cut-offs of NDCG, at least 1.

    Raises:
        XsnsError: no target has two candidates.
    """
    truths = [gold.matrix(seed) for seed in gold.seeds]
    known = _known_pairs(truths, gold)
    covered = known.copy()
    for table in chain.from_iterable(predictions.values()):
        covered &= table.notna()
    candidates, left_out, skipped = {}, {}, {}
    for target in known.index:
        usable = list(covered.columns[covered.loc[target]])
        missing = list(known.columns[known.loc[target] & ~covered.loc[target]])
        if missing:
            left_out[target] = missing
        if len(usable) < 2:
            skipped[target] = _why(usable, missing)
        else:
            candidates[target] = usable
    if not candidates:
        reasons = "; ".join(f"{target}: {reason}" for target, reason in list(skipped.items())[:3])
        raise XsnsError(f"No target of {gold.name} can be evaluated ({reasons}): give more languages masks or text.")
    rows = {
        (name, target): _metrics(tables, truths, target, pool, k)
        for name, tables in predictions.items()
        for target, pool in candidates.items()
    }
    per_target = pd.DataFrame.from_dict(rows, orient="index")
    per_target.index = pd.MultiIndex.from_tuples(rows, names=["predictor", "target"])
    return Evaluation(per_target, candidates, left_out, skipped)


def _known_pairs(truths: Sequence[pd.DataFrame], gold: Gold) -> pd.DataFrame:
    """Return of which pairs, targets × sources, there are gold scores of all seeds; none of a language with itself."""
    known = gold.matrix().notna()
    for truth in truths:
        known &= truth.reindex_like(known).notna()
    for language in known.index.intersection(known.columns):
        known.loc[language, language] = False
    return known


def predict(predictor: Predictor, targets: Sequence[str], sources: Sequence[str]) -> list[pd.DataFrame]:
    """Return the predictions of those seeds that cover the most pairs.

    Some languages may have more seeds than others.

    Args:
        predictor: whose predictions.
        targets: canonical codes.
        sources: canonical codes.

    Returns:
        a table for each seed, as `Predictor.scores` has it.

    Raises:
        XsnsError: an input of the predictor can't be read.
    """
    tables = [predictor.scores(targets, sources, seed) for seed in predictor.seeds]
    covered = [int(table.notna().to_numpy().sum()) for table in tables]
    return [table for table, count in zip(tables, covered, strict=True) if count == max(covered)]


def _why(usable: list[str], missing: list[str]) -> str:
    if missing:
        return f"predictors lack {some(missing)}, or the target itself"
    return "only one candidate" if usable else "no candidate"


def _metrics(
    tables: Sequence[pd.DataFrame], truths: Sequence[pd.DataFrame], target: str, pool: Sequence[str], k: Sequence[int]
) -> dict[str, float]:
    """Return a target's metrics, averaged over the combinations of seeds."""
    scores = [
        score_target(table.loc[target, pool].tolist(), truth.loc[target, pool].tolist(), target=target, k=tuple(k))
        for table in tables
        for truth in truths
    ]
    return {metric: float(np.mean([own[metric] for own in scores])) for metric in scores[0]}


def _plain(row: pd.Series) -> dict[str, float | None]:
    return {str(metric): None if pd.isna(value) else float(value) for metric, value in row.items()}
