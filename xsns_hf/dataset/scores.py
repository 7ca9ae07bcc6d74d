"""Gold transfer scores published with masks: readers learn from them what score to expect, and how good the masks are.

The scores of a task by a metric are one table of one origin: they are there as a whole, or others are in their place.
"""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.sieve import LONGEST, is_text
from xsns_hf.errors import XsnsError, parameter
from xsns_hf.gold import Gold
from xsns_hf.safe_text import shortened
from xsns_hf.tasks import TASKS, load_task

_TASK = re.compile(r"[\w-]+")
"""No dots or slashes, so that a task can't be taken for a file."""


def score_rows(gold: Gold, task: str, *, metric: str | None, model: str, origin: str, licence: str) -> pd.DataFrame:
    """Return gold scores as they are published: means over seeds, sorted, columns as in `schema.SCORES`.

    Args:
        gold: the scores.
        task: a name, such as pos.
        metric: by which they are; by default the gold's own, or that of a task of `TASKS`.
        model: which was fine-tuned.
        origin: citation or address.
        licence: of the scores; "" if not known.

    Raises:
        XsnsError: the task is no plain name, no origin is given, or nobody says by what metric the scores are.
    """
    if not _TASK.fullmatch(task):
        raise XsnsError(f"'{task}' can't name a task: use letters, digits, - and _ only, such as pos.")
    if not origin.strip():
        raise XsnsError(
            f"The scores of {task} need an origin: say with {parameter('origin')} who published them, and where."
        )
    texts = {"metric": metric or gold.metric or _own_metric(task), "model": model, "origin": origin, "licence": licence}
    texts = {column: " ".join(text.split()) for column, text in texts.items()}
    for column, text in texts.items():
        if text and not is_text(text):
            raise XsnsError(
                f"The {column} of the scores, {shortened(text)}, can't be shown or has over {LONGEST} characters: "
                "write it in plain text."
            )
    by_pair = gold.rows.sort_values(["source", "target", "seed"]).groupby(["source", "target"], as_index=False)
    rows = by_pair["score"].mean().assign(task=task, **texts)
    return schema.from_frame(rows, schema.SCORES).to_pandas()


def _own_metric(task: str) -> str:
    if task in TASKS:
        return load_task(task).metrics[0]
    raise XsnsError(
        f"The scores of {task} need a metric: say with {parameter('metric')} by what they are, such as accuracy or f1."
    )


def metrics_of(scores: pd.DataFrame, task: str) -> list[str]:
    """Return the metrics by which a task's scores are, sorted; one without a name only if there is no other."""
    metrics = {*scores.loc[scores["task"] == task, "metric"]}
    return sorted(metrics - {""} or metrics)


def without(where: str, there: pd.DataFrame, task: str, metric: str | None) -> pd.DataFrame:
    """Return scores without those of a task.

    Args:
        where: what to call the repository.
        there: its scores.
        task: which to leave out.
        metric: only those by this metric.

    Raises:
        XsnsError: there are none of this task and metric.
    """
    gone = (there["task"] == task) & (there["metric"].eq(metric) if metric is not None else True)
    if gone.any():
        return there[~gone]
    titles = ", ".join(dict.fromkeys(title(row) for row in there.to_dict("records"))) or "no scores at all"
    by = f" by {metric}" if metric is not None else ""
    raise XsnsError(f"{where} holds no scores of {task}{by} to remove: it has {titles}.")


def joined(where: str, there: pd.DataFrame, new: pd.DataFrame, *, replace: bool) -> tuple[pd.DataFrame, list[str]]:
    """Join scores to those that are there.

    Args:
        where: what to call the repository.
        there: its scores.
        new: others, which may be there already.
        replace: whether other scores of the same task and metric make way.

    Returns:
        all scores; the tasks of which some are new or were replaced.

    Raises:
        XsnsError: there are other scores of a task and metric, and they aren't to be replaced.
    """
    tasks = []
    for (task, metric), rows in new.groupby(["task", "metric"]):
        same = (there["task"] == task) & (there["metric"] == metric)
        old = there[same]
        if _sorted(old).equals(_sorted(rows)):
            continue
        if len(old) and not replace:
            first = old.iloc[0]
            raise XsnsError(
                f"{where} holds other scores of {title(first)}, from {first['origin']}: "
                f"pass {parameter('replace', 'True')} to put these in their place."
            )
        there = pd.concat([there[~same], rows])
        tasks.append(str(task))
    return _sorted(there), tasks


def title(row: Mapping[str, Any]) -> str:
    """Return what a row's scores are: `pos (accuracy, XLM-R base)`."""
    details = ", ".join(filter(None, (row["metric"], row["model"])))
    return f"{row['task']} ({details})" if details else row["task"]


def _sorted(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.sort_values(["task", "metric", "source", "target"], ignore_index=True)
