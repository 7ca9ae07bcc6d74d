"""What was measured: a task's scores, and masks of its languages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.suggestions import NO_SUGGESTIONS, suggested
from xsns_hf import MaskRepository
from xsns_hf.gold import read_gold

FRACTIONS = 1.5
"""Scores that are all below this are fractions of 1."""


@dataclass(frozen=True)
class Measured:
    """A task's scores and masks.

    Attributes:
        task: what it is called.
        metric: of the scores; "" if not known.
        scores: targets × sources in percent, means over seeds; NaN where there is none.
        masks: of these languages, if there are any.
        recipe: which of them.
    """

    task: str
    metric: str
    scores: pd.DataFrame
    masks: MaskRepository | None = None
    recipe: str = ""

    @property
    def title(self) -> str:
        """The task and its metric."""
        return f"{self.task.upper()}, {self.metric}" if self.metric else self.task.upper()

    def suggested(self, targets: Sequence[str]) -> pd.DataFrame:
        """Return what our first suggestions are worth, see `study.suggestions`; no row without masks."""
        if self.masks is None:
            return NO_SUGGESTIONS
        return suggested(self.scores, self.masks, self.recipe, targets)


def read(task: str, path: str, masks: str | None, recipe: str | None) -> Measured:
    """Read a task's scores and open its masks.

    Args:
        task: what it is called.
        path: a folder of `xsns transfer` or a CSV; with several metrics, one of them behind a colon.
        masks: a mask dataset.
        recipe: which of its masks; by default those of the most languages.
    """
    file, _, metric = (path, "", "") if Path(path).exists() else path.rpartition(":")
    gold = read_gold(file or path, metric if file and metric else None)
    scores = gold.matrix()
    percent = scores * 100 if scores.max(axis=None) <= FRACTIONS else scores
    if masks is None:
        return Measured(task, gold.metric, percent)
    repository = MaskRepository(masks)
    return Measured(task, gold.metric, percent, repository, repository.masks(recipe).name)
