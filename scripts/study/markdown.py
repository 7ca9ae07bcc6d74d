"""Results as Markdown: tables, and the metrics in them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from xsns_hf.evaluation.evaluate import REGRET

METRICS = ["pearson", "spearman", "top_1", "ndcg@3", REGRET]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    return [line(columns), "|---" * len(columns) + "|", *map(line, rows)]


def line(cells: Sequence[str]) -> str:
    """Return a line of a table; an empty cell is one space."""
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def shown(metric: str, value: float) -> str:
    """Return a metric as it is written: percent, but the regret in points."""
    if pd.isna(value):
        return "–"
    return f"{value:.2f}" if metric == REGRET else f"{100 * value:.1f}"


def write(lines: Iterable[str], path: Path) -> None:
    """Write lines to a file, and print them."""
    text = "\n".join(lines) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text, end="", flush=True)
