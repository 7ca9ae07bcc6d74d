"""What goes into the ensemble, and with what weights? Sums of z-scores on every task, and weights fitted elsewhere.

    python scripts/study_ensemble.py --data DATA

DATA and the masks are those of `reproduce_tables.py`. Fitted weights are ridge regressions of the z-scored gold scores
on the z-scored parts, drawn towards equal weights; they are judged on targets (or a task) that they weren't fitted to.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from reproduce_tables import METRICS, TASKS, Study
from rich.console import Console
from rich.table import Table

from xsns_hf.metrics.source_ranking.scoring import score
from xsns_hf.predictors import Inputs, make_predictors
from xsns_hf.predictors.ensemble import WEIGHTS, standardised

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
    data: Annotated[Path, typer.Option(help="As for reproduce_tables.py.")],
    out: Annotated[Path, typer.Option(help="As for reproduce_tables.py.")] = Path("results/tables"),
    seeds: int = 3,
    tasks: str = ",".join(TASKS),
) -> None:
    """Print a table per task, the means over the seeds of the masks."""
    study = Study(data, out, seeds)
    found = {task: _z_scores(study, task) for task in tasks.split(",")}
    for task, samples in found.items():
        table = Table(title=task)
        for column in ("weights", *METRICS):
            table.add_column(column, justify="left" if column == "weights" else "right")
        for label, weights in SUMS.items():
            _add(table, label, [_judged(rows, rows[PARTS] @ np.array(weights)) for rows in samples])
        for penalty in PENALTIES:
            judged = [_judged(rows, _left_out(rows, penalty)) for rows in samples]
            _add(table, f"fitted to the other targets, penalty {penalty:g}", judged)
            others = pd.concat([sample[0] for other, sample in found.items() if other != task])
            fitted = _fitted(others, penalty)
            _add(
                table,
                f"fitted to the other tasks, penalty {penalty:g}",
                [_judged(r, r[PARTS] @ fitted) for r in samples],
            )
        Console(width=110).print(table)


def _z_scores(study: Study, task: str) -> list[pd.DataFrame]:
    """Return for each seed a row per pair: target, source, score, gold (its z-score) and the parts' z-scores."""
    corpus, gold = study.corpus(task), study.gold(task)
    made = study.extract(corpus)
    parts = make_predictors(PARTS, Inputs(masks=str(made.folder), recipe=made.recipe, corpus=corpus))
    truth = gold.matrix()
    samples = []
    for seed in parts[0].seeds:
        tables = {each.name: standardised(each.scores(truth.index, truth.columns, seed)) for each in parts}
        tables |= {"score": truth, "gold": standardised(truth)}
        rows = pd.DataFrame({column: table.stack() for column, table in tables.items()})
        samples.append(rows.dropna().rename_axis(["target", "source"]).reset_index())
    return [sample for sample in samples if len(sample) == max(map(len, samples))]  # a seed may lack languages


def _fitted(rows: pd.DataFrame, penalty: float) -> np.ndarray:
    features, equal = rows[PARTS].to_numpy(), np.full(len(PARTS), 1 / len(PARTS))
    matrix = features.T @ features + penalty * np.eye(len(PARTS))
    return np.linalg.solve(matrix, features.T @ rows["gold"].to_numpy() + penalty * equal)


def _left_out(rows: pd.DataFrame, penalty: float) -> pd.Series:
    """Predict each target by weights fitted to the others."""
    predicted = pd.Series(0.0, index=rows.index)
    for target, own in rows.groupby("target"):
        predicted[own.index] = own[PARTS] @ _fitted(rows[rows["target"] != target], penalty)
    return predicted


def _judged(rows: pd.DataFrame, predicted: pd.Series) -> dict[str, float]:
    groups = [own for _, own in rows.assign(predicted=predicted).groupby("target") if len(own) > 1]
    return score([own["predicted"].tolist() for own in groups], [own["score"].tolist() for own in groups])


def _add(table: Table, label: str, found: Sequence[Mapping[str, float]]) -> None:
    means = pd.DataFrame(found)[METRICS].mean()
    cells = [f"{means[metric]:.2f}" if metric == "regret" else f"{100 * means[metric]:.1f}" for metric in METRICS]
    table.add_row(label, *cells)


if __name__ == "__main__":
    typer.run(main)
