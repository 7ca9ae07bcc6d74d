"""The `evaluate` module: what `score` computes, behind the interface of `evaluate`.

Traps of `evaluate` 0.4.6 that this file steps round:

- It copies the script elsewhere before it imports it, along with the files beside it that a relative import names. It
  finds those with a regular expression: one import a line, and a comment after one is read as an address. It doesn't
  look into the copied files, so theirs must be installed packages.
- The first subclass of `EvaluationModule` among the script's names is taken for the metric, so `Metric` itself mustn't
  be one of them: `import evaluate`, not `from evaluate import Metric`.
- `Value("float")` is float32, which rounds close scores to ties; neither lengths nor missing numbers are checked.
"""

from typing import Any

import datasets
import evaluate

# Only for `evaluate`, which says what is missing for the imports that it sees; "From:" is how it learns pip's name.
import sklearn as sklearn  # From: scikit-learn

from .scoring import score

_DESCRIPTION = """\
Scores rankings of source languages for cross-lingual transfer, as in the X-SNS paper (Yun et al. 2023, §4.3): for each
target language, predictions for the candidate sources are compared with how well transfer from them really went.
Pearson and Spearman correlation, Top-1, NDCG@k, regret and the reciprocal rank, averaged over targets.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions: for each target, what was predicted of its candidate sources, float64, higher is better. Targets may
        have different numbers of candidates, at least two; the target itself shouldn't be one.
    references: for each target, the gold scores of the same sources in the same order, higher is better.
    k: cut-off of NDCG, or several of them; 3 by default, as in the paper.
    relevance: of a source, to NDCG: "rank" (default, as the authors' code) for the rank of its gold score, "raw" for
        the gold score itself.
    targets: names of the targets, for messages and `per_target`; by default their indices.
    bootstrap: number of resamples of the targets for confidence intervals; 0 (default) for none.
    confidence: level of the intervals, 0.95 by default.
    seed: of the resampling, 0 by default.
    per_target: whether to return the scores of each target too; by default not.

Returns:
    pearson, spearman: mean over the targets where neither list is constant; NaN if there is none.
    top_1: share of targets whose gold-best source was predicted best; the first one counts where several tie.
    ndcg@3: mean NDCG, one for each k.
    regret: mean loss by taking the source predicted best, in the unit of the gold scores.
    mrr: mean of 1 / place of the gold-best source in the predicted order.
    targets: number of targets.
    confidence_intervals: with `bootstrap`, for each metric [low, high].
    per_target: with `per_target`, for each target a dict of its name and its metrics.

Raises:
    ValueError: a number is missing or not finite, lists don't fit each other, or an option makes no sense.

Example:
    Sources for Finnish are Estonian, Hungarian and German; for Ukrainian they are Russian and Polish.

    >>> import evaluate
    >>> source_ranking = evaluate.load("xsns_hf/metrics/source_ranking")
    >>> predictions = [[0.61, 0.44, 0.47], [0.70, 0.66]]
    >>> references = [[82.5, 74.0, 71.0], [85.0, 86.5]]
    >>> scores = source_ranking.compute(predictions=predictions, references=references, targets=["fin", "ukr"])
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'pearson': -0.044, 'spearman': -0.25, 'top_1': 0.5, 'ndcg@3': 0.916, 'regret': 0.75, 'mrr': 0.75, 'targets': 2}
"""

_CITATION = """\
@inproceedings{yun-etal-2023-x,
  title = "{X}-{SNS}: Cross-Lingual Transfer Prediction through Sub-Network Similarity",
  author = "Yun, Taejun and Kim, Jinhyeon and Kang, Deokyeong and Lim, Seong Hoon and Kim, Jihoon and Kim, Taeuk",
  booktitle = "Findings of the Association for Computational Linguistics: EMNLP 2023",
  year = "2023",
  pages = "13131--13144",
  doi = "10.18653/v1/2023.findings-emnlp.875",
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class SourceRanking(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """The metric; `evaluate` makes its name from that of the class."""

    def _info(self) -> evaluate.MetricInfo:
        numbers = datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": numbers, "references": numbers}),
            license="apache-2.0",
            reference_urls=["https://aclanthology.org/2023.findings-emnlp.875"],
        )

    def _compute(self, predictions: list[list[float]], references: list[list[float]], **options: Any) -> dict[str, Any]:
        return score(predictions, references, **options)
