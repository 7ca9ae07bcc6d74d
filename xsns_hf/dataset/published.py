"""Gold scores of a task that are known without a file: published with masks, or shipped with the package."""

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.scores import metrics_of, title
from xsns_hf.dataset.shipped import shipped_gold, shipped_table
from xsns_hf.errors import XsnsError
from xsns_hf.gold import Gold, of_metric
from xsns_hf.tasks import load_task


def known_gold(masks: MaskRepository | None, task: str, metric: str | None = None) -> Gold:
    """Return the gold scores of a task that are published with masks; where there are none, those that ship.

    Args:
        masks: the repository, if any.
        task: a name, or that of a shipped table.
        metric: which scores, where the task has several metrics.

    Raises:
        XsnsError: there are none of this task, or none by this metric, or the metric has to be chosen.
    """
    if masks is not None and task in set(masks.scores()["task"]):
        return published_gold(masks, task, metric)
    table = shipped_table(task, _checkpoint(masks))
    if table is not None and metric in (None, table.metric):
        return shipped_gold(table)
    if masks is not None:
        return published_gold(masks, task, metric)  # says what there is
    raise XsnsError(
        f"No scores of '{task}'{f' by {metric}' if metric else ''} ship with the package: give the path of an existing "
        "CSV with source, target, score."
    )


def task_gold(masks: MaskRepository, task: str, metric: str | None = None) -> Gold | None:
    """Return the gold scores of one of `TASKS` as `known_gold` does, of several metrics the task's own; None if there
    are none.
    """
    metrics = metrics_of(masks.scores(), task)
    if not metrics and shipped_table(task) is None:
        return None
    if metric is None and metrics:
        metric = next((own for own in load_task(task).metrics if own in metrics), metrics[0])
    return known_gold(masks, task, metric)


def published_gold(masks: MaskRepository, task: str, metric: str | None = None) -> Gold:
    """Return the gold scores of a task that are published with masks.

    Args:
        masks: the repository.
        task: as its scores have it.
        metric: which scores, where the task has several metrics.

    Raises:
        XsnsError: there are none of this task, or the metric has to be chosen.
    """
    scores = masks.scores()
    rows = scores[scores["task"] == task]
    if rows.empty:
        there = sorted(set(scores["task"]))
        choice = f"choose from {', '.join(there)}" if there else "publish some with `xsns scores`"
        raise XsnsError(
            f"No scores of '{task}' are published with {masks.name}: {choice}, or give the path of an existing CSV "
            "with source, target, score."
        )
    rows, metric = of_metric(rows, metric, f"{task} in {masks.name}")
    first = rows.iloc[0]
    columns = rows[["source", "target", "score"]].assign(seed=0)
    return Gold(f"{title(first)} in {masks.name}", columns, [], metric, first["origin"])


def _checkpoint(masks: MaskRepository | None) -> str:
    """Return the checkpoint of masks, "" for none or several."""
    checkpoints = {recipe.checkpoint for recipe in masks.recipes().values()} if masks is not None else set()
    return checkpoints.pop() if len(checkpoints) == 1 else ""
