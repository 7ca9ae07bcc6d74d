"""Table 3: regressions from X-POS's features, from ours, from both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study.markdown import table
from study.reproduction import Study
from xsns_hf.languages.xpos import FEATURES, families, xpos_features
from xsns_hf.ranking.regression import evaluate_regression

SPLITS = {"in-sample": "in-sample, as in the paper", "target": "target left out", "family": "family left out"}
"""Which scores a regression is judged by, with what a column is called."""

RANKING = ("pearson", "spearman", "top_1", "ndcg@3")


def table3(study: Study, tasks: Sequence[str]) -> list[str]:
    """Return how well each regression predicts scores; needs the files of X-POS."""
    assert study.data, "the features of X-POS are in the data"
    folder = study.data / "gold/xpos"
    rows, notes = [], []
    for task in tasks:
        pairs = pairs_with_features(study, task, folder)
        xpos = [feature for feature in FEATURES if pairs[feature].nunique() > 1]  # all may be in the pre-training
        covered = {}
        for label, features in {"X-POS": xpos, "X-SNS": ["similarity"], "both": [*xpos, "similarity"]}.items():
            for method in ("ols", "mixed"):
                judged = {
                    split: evaluate_regression(pairs, features, method, split, families(folder)) for split in SPLITS
                }
                covered[label, method] = judged["target"]["covered"]
                rows.append([task, label, method, *map(cell, judged.values())])
        notes.append(
            f"{task}: {pairs['target'].nunique()} targets, {pairs['source'].nunique()} sources, those that all features"
            f" are known of; the 90 % intervals of X-SNS, mixed, hold {100 * covered['X-SNS', 'mixed']:.0f} % of the"
            " scores of targets left out."
        )
    columns = ["task", "features", "method", *SPLITS.values()]
    title = "### Table 3: regression (RMSE / Pearson / Spearman / Top-1 / NDCG@3)"
    return [title, "", *table(columns, rows), "", *notes]


def cell(judged: dict[str, Any]) -> str:
    """Return what a cell says of a regression."""
    return " / ".join([f"{judged['rmse']:.2f}", *(f"{100 * judged[metric]:.1f}" for metric in RANKING)])


def pairs_with_features(study: Study, task: str, folder: Path) -> pd.DataFrame:
    """Return gold scores, similarities (mean over seeds) and X-POS's features of the pairs that have all of them."""
    made = study.extract(study.corpus(task))
    similarity = made.repository().masks(made.recipe).pairs.groupby(["source", "target"])["jaccard"].mean()
    rows = study.gold(task).rows.merge(similarity.rename("similarity").reset_index()).drop(columns="seed")
    return rows.merge(xpos_features(folder, sorted({*rows["source"], *rows["target"]}))).dropna()
