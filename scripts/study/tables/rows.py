"""Rows of metrics, ours and the paper's."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from study.markdown import METRICS, shown

PAPER = pd.read_csv(Path(__file__).parents[1] / "paper_results.csv").set_index(["table", "task", "row"])


def row(cells: Sequence[str], metrics: pd.Series, paper: tuple[int, str, str] | None = None) -> list[str]:
    """Return the cells of a row: some, then the metrics, with the paper's in brackets.

    Args:
        cells: what the row is of.
        metrics: ours, by name.
        paper: the table, task and row that they stand in there.
    """
    theirs = PAPER.loc[paper] if paper in PAPER.index else {}
    ours = [(metric, shown(metric, metrics[metric])) for metric in METRICS]
    return [*cells, *(f"{text} ({theirs[metric]:.1f})" if metric in theirs else text for metric, text in ours)]
