"""Gold scores: what fine-tuning on a source language really gives on a target (§4.3), from a CSV."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from xsns_hf.errors import XsnsError, parameter, some
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.reading import lines
from xsns_hf.tasks import TASKS, load_task

_COLUMNS = {"lang_train": "source", "lang_pred": "target"}
"""What de Vries et al. (2022) call them."""

MOST_BYTES = 20_000_000
"""Bytes of a CSV at most: some hundred thousand scores."""

LONGEST_LINE = 100_000
"""Characters of its lines at most."""

SCORES = "scores.csv"
"""The file in a folder of `xsns transfer`."""

_GIVEN = Path("the table")
"""What messages call scores that are given as one."""

MIX = "+"
"""Between the sources of a mix."""


@dataclass(frozen=True)
class Gold:
    """Transfer scores of one task and model.

    Attributes:
        name: what messages call them: the file's, for one.
        rows: columns source, target (canonical codes), seed (int) and score (float64); a row per triple.
        unknown: labels in the file that are no language we know; their rows are left out.
        metric: what was measured, if known.
        origin: who published them, and where, if known.
    """

    name: str
    rows: pd.DataFrame
    unknown: list[str]
    metric: str = ""
    origin: str = ""

    @property
    def seeds(self) -> list[int]:
        """The seeds of fine-tuning, sorted; 0 where the file has none."""
        return sorted(self.rows["seed"].unique())

    @property
    def sources(self) -> list[str]:
        """Canonical codes, sorted."""
        return sorted(self.rows["source"].unique())

    @property
    def targets(self) -> list[str]:
        """Canonical codes, sorted."""
        return sorted(self.rows["target"].unique())

    def matrix(self, seed: int | None = None) -> pd.DataFrame:
        """Return the scores, targets × sources, NaN where there is none; of one seed or the mean over seeds."""
        return self._means.copy() if seed is None else _matrix(self.rows[self.rows["seed"] == seed])

    @cached_property
    def _means(self) -> pd.DataFrame:
        return _matrix(self.rows)


def _matrix(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.pivot_table(index="target", columns="source", values="score", aggfunc="mean")


def read_gold(path: Path | str | pd.DataFrame, metric: str | None = None) -> Gold:
    """Read a CSV with the columns source, target, score, and perhaps seed, metric and task; others are ignored.

    Args:
        path: the file, or a folder that `xsns transfer` made; or a table with these columns. Languages are in any form
            that `identify` takes. The columns lang_train and lang_pred do for source and target. Scores of several
            sources at once, joined by +, are left out.
        metric: which rows to take of a file with a column `metric`; by default a known task's own metric.

    Raises:
        XsnsError: the file is missing or not such a CSV, it has scores of several tasks, a score isn't a number, a pair
            occurs twice, the metric has to be chosen, or no language is known.
    """
    if isinstance(path, pd.DataFrame):
        table, path = _with_names(path.reset_index(drop=True).astype(str), _GIVEN), _GIVEN
    else:
        path = Path(path) / SCORES if Path(path).is_dir() else Path(path)
        table = _read(path)
    table = table[~table["source"].str.contains(MIX, regex=False)]
    _check_metrics(table, path)
    table, chosen = of_metric(table, metric or _own_metric(table), str(path))
    if len(tasks := sorted({*table.get("task", ())})) > 1:
        raise XsnsError(f"{path} has scores of several tasks ({some(tasks)}): keep each task's in a file of its own.")
    codes = {label: identify_or_none(label) for label in sorted({*table["source"], *table["target"]})}
    rows = pd.DataFrame(
        {
            "source": table["source"].map(codes),
            "target": table["target"].map(codes),
            "seed": _seeds(table, path),
            "score": _scores(table, path),
        }
    ).dropna(subset=["source", "target"])
    if rows.empty:
        raise XsnsError(f"{path} has no pair of languages that we know: use ISO 639 codes or English names.")
    _check_unique(rows, path)
    unknown = [label for label, code in codes.items() if code is None]
    return Gold(str(path), rows.reset_index(drop=True), unknown, chosen)


def restricted(gold: Gold, targets: Sequence[str] | None, sources: Sequence[str] | None) -> Gold:
    """Return the gold scores of some targets and sources only.

    Raises:
        XsnsError: none is left.
    """
    rows = gold.rows
    for side, wanted in (("target", targets), ("source", sources)):
        rows = rows if wanted is None else rows[rows[side].isin(list(wanted))]
    if rows.empty:
        raise XsnsError(f"{gold.name} has no score for these targets and sources: choose from its own.")
    return replace(gold, rows=rows)


def of_metric(table: pd.DataFrame, metric: str | None, name: str) -> tuple[pd.DataFrame, str]:
    """Return the rows of a table that are by a metric, or by its only one, and the metric's name.

    Args:
        table: scores; without a column `metric`, or anything in it, all are taken to be by the one asked for. Beside
            scores by a metric, those that say none aren't meant.
        metric: which; may be left out if there is one only.
        name: what to call the table.

    Raises:
        XsnsError: there are several to choose from, or not this one.
    """
    metrics = sorted({*table.get("metric", ())} - {""})
    if not metrics:
        return table, metric or ""
    names = some(metrics, 12)
    if metric is None and len(metrics) > 1:
        raise XsnsError(f"{name} has scores by several metrics: choose one with {parameter('metric')}: {names}.")
    if metric is not None and metric not in metrics:
        raise XsnsError(f"{name} has no scores by the metric {metric}: it has {names}.")
    chosen = metrics[0] if metric is None else metric
    return table[table["metric"] == chosen], chosen


def _own_metric(table: pd.DataFrame) -> str | None:
    """Return the metric of the known task that all scores are of; None if there are no scores by it."""
    tasks = set(table["task"]) if {"task", "metric"} <= set(table) else set()
    own = load_task(tasks.pop()).metrics[0] if len(tasks) == 1 and tasks <= set(TASKS) else None
    return own if own in set(table.get("metric", ())) else None


def _read(path: Path) -> pd.DataFrame:
    try:
        text = "\n".join(lines(path, MOST_BYTES, LONGEST_LINE))
        table = pd.read_csv(StringIO(text), keep_default_na=False, dtype=str)
    except FileNotFoundError as error:
        raise XsnsError(f"There is no gold file {path}: give a CSV with source, target, score.") from error
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise XsnsError(f"{path} can't be read as CSV ({reason}): give a CSV with source, target, score.") from error
    return _with_names(table, path)


def _with_names(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    table = table.rename(columns={old: new for old, new in _COLUMNS.items() if new not in table})
    missing = [column for column in ("source", "target", "score") if column not in table]
    if missing:
        raise XsnsError(f"{path} has no column {', '.join(missing)}: give a CSV with source, target, score.")
    return table


def _scores(table: pd.DataFrame, path: Path) -> pd.Series:
    scores = pd.to_numeric(table["score"], errors="coerce").astype(float)
    unusable = scores.index[~np.isfinite(scores)]
    if len(unusable):
        row = unusable[0]
        raise XsnsError(
            f"{path}, line {row + 2}: the score {table['score'][row][:40]!r} isn't a number: correct or remove it."
        )
    return scores


def _check_metrics(table: pd.DataFrame, path: Path) -> None:
    metrics = table.get("metric", pd.Series(dtype=str))
    if metrics.any() and len(unnamed := metrics.index[metrics == ""]):
        raise XsnsError(f"{path}, line {unnamed[0] + 2}: the score is by no metric, others are by one: fill it in.")


def _seeds(table: pd.DataFrame, path: Path) -> pd.Series:
    if "seed" not in table:
        return pd.Series(0, index=table.index)
    try:
        return table["seed"].astype(int)
    except (ValueError, OverflowError) as error:
        raise XsnsError(
            f"The seeds in {path} aren't whole numbers ({str(error)[:100]}): number the runs 0, 1, 2."
        ) from error


def _check_unique(rows: pd.DataFrame, path: Path) -> None:
    repeated = rows[rows.duplicated(["source", "target", "seed"])]
    if len(repeated):
        source, target = repeated.iloc[0][["source", "target"]]
        raise XsnsError(
            f"{path}, line {repeated.index[0] + 2}: there is a second score for {source} → {target}: remove one, "
            "or number the runs in a column `seed`."
        )
