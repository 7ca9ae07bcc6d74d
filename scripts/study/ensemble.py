"""What goes into the ensemble, and with what weights? Sums of z-scores on every task, and weights fitted elsewhere.

For example:

    python scripts/study ensemble --data DATA

DATA and the masks are those of `tables`. Fitted weights are ridge regressions of the z-scored gold scores on the
z-scored parts, drawn towards equal weights; they are judged on targets (or a task) that they weren't fitted to.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from study.markdown import METRICS, shown
from study.reproduction import TASKS, Study
from xsns_hf.expectation.standard import standardised
from xsns_hf.metrics.source_ranking.scoring import score
from xsns_hf.predictors import make_predictors
from xsns_hf.predictors.ensemble import WEIGHTS

PARTS = [kind.name for kind in WEIGHTS]
SUMS: dict[str, tuple[float, ...]] = {
    "xsns alone": (1, 0, 0, 0, 0),
    "+ lang2vec + lexical": (1, 1, 1, 0, 0),
    "+ genealogy": (1, 1, 1, 1, 0),
    "+ ½ genealogy + ½ geography": (1, 1, 1, 0.5, 0.5),
    "the same, xsns twice (ensemble)": tuple(WEIGHTS.values()),
    "the same, xsns three times": (3, 1, 1, 0.5, 0.5),
}
PENALTIES = (1.0, 100.0)


def main(
    data: Annotated[Path, typer.Option(help="As for `tables`.")],
    out: Annotated[Path, typer.Option(help="As for `tables`.")] = Path("results/tables"),
    seeds: int = 3,
    tasks: str = ",".join(TASKS),
) -> None:
    """Print a table per task, the means over the seeds of the masks."""
    study = Study(data, out, seeds)
    by_task = {task: z_scores(study, task) for task in tasks.split(",")}
    for task, samples in by_task.items():
        others = [sample[0] for other, sample in by_task.items() if other != task]
        table = Table(title=task)
        for column in ("weights", *METRICS):
            table.add_column(column, justify="left" if column == "weights" else "right")
        for label, metrics in judged_ways(samples, others).items():
            table.add_row(label, *(shown(metric, metrics[metric]) for metric in METRICS))
        Console(width=110).print(table)


def z_scores(study: Study, task: str) -> list[pd.DataFrame]:
    """Return for each seed a row per pair: target, source, score, gold (its z-score) and the parts' z-scores."""
    corpus = study.corpus(task)
    parts = make_predictors(PARTS, study.inputs(study.extract(corpus), corpus))
    truth = study.gold(task).matrix()
    samples = []
    for seed in parts[0].seeds:
        tables = {part.name: standardised(part.scores(truth.index, truth.columns, seed)) for part in parts}
        tables |= {"score": truth, "gold": standardised(truth)}
        rows = pd.DataFrame({column: table.stack() for column, table in tables.items()})
        samples.append(rows.dropna().rename_axis(["target", "source"]).reset_index())
    return [sample for sample in samples if len(sample) == max(map(len, samples))]  # a seed may lack languages


def judged_ways(samples: Sequence[pd.DataFrame], others: Sequence[pd.DataFrame]) -> dict[str, pd.Series]:
    """Return the metrics of each way to weigh the parts, means over seeds.

    Args:
        samples: of a task, by seed.
        others: one of each other task, for weights to be fitted to; without any, these ways are left out.
    """
    judged = {
        label: [metrics_of(rows, rows[PARTS] @ np.array(weights)) for rows in samples]
        for label, weights in SUMS.items()
    }
    for penalty in PENALTIES:
        label = f"fitted to the other targets, penalty {penalty:g}"
        judged[label] = [metrics_of(rows, left_out(rows, penalty)) for rows in samples]
        if others:
            weights = fitted(pd.concat(others), penalty)
            label = f"fitted to the other tasks, penalty {penalty:g}"
            judged[label] = [metrics_of(rows, rows[PARTS] @ weights) for rows in samples]
    return {label: pd.DataFrame(by_seed)[METRICS].mean() for label, by_seed in judged.items()}


def fitted(rows: pd.DataFrame, penalty: float) -> np.ndarray:
    """Return the weights of a ridge regression that is drawn towards equal ones."""
    features, equal = rows[PARTS].to_numpy(), np.full(len(PARTS), 1 / len(PARTS))
    matrix = features.T @ features + penalty * np.eye(len(PARTS))
    return np.linalg.solve(matrix, features.T @ rows["gold"].to_numpy() + penalty * equal)


def left_out(rows: pd.DataFrame, penalty: float) -> pd.Series:
    """Predict each target by weights fitted to the others."""
    predicted = pd.Series(0.0, index=rows.index)
    for target, own in rows.groupby("target"):
        predicted[own.index] = own[PARTS] @ fitted(rows[rows["target"] != target], penalty)
    return predicted


def metrics_of(rows: pd.DataFrame, predicted: pd.Series) -> dict[str, float]:
    """Return the metrics of predictions, means over targets."""
    groups = [own for _, own in rows.assign(predicted=predicted).groupby("target") if len(own) > 1]
    return score([own["predicted"].tolist() for own in groups], [own["score"].tolist() for own in groups])
