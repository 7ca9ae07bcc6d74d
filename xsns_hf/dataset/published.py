"""Gold scores that are published with masks."""

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.scores import title
from xsns_hf.errors import XsnsError
from xsns_hf.gold import Gold, of_metric


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
