"""What an evaluation is asked for: the scores to predict, and those to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError, parameter
from xsns_hf.gold import Gold, restricted
from xsns_hf.languages.codes import identify
from xsns_hf.ranking.expected_scores import gold_of
from xsns_hf.tasks import candidate_pool


@dataclass(frozen=True)
class Asked:
    """Gold scores in two parts to play.

    Attributes:
        scores: what is to be predicted.
        learnt: what predictors may learn from; a target's own are never looked at.
    """

    scores: Gold
    learnt: Gold


def asked_for(
    gold: str | Path | pd.DataFrame | Gold,
    masks: MaskRepository | None,
    *,
    metric: str | None = None,
    learn_from: str | Path | pd.DataFrame | Gold | None = None,
    targets: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    task: str | None = None,
) -> Asked:
    """Return the gold scores that an evaluation is about.

    Args:
        gold: see `gold_of`.
        masks: with which scores may be published.
        metric: which scores, where there are several metrics.
        learn_from: scores to learn from, see `gold_of`; by default `gold`, of all targets.
        targets: which, in any form that `identify` takes; by default all, or those of the task's pool.
        sources: which; by default all, or those of the task's pool.
        task: whose pool in the paper.

    Raises:
        XsnsError: there are no such scores, none of these languages, or both sources and a task are given.
    """
    if task and sources:
        both = f"{parameter('sources')} and {parameter('task')}"
        raise XsnsError(f"{both} both say which sources to compare: give one of them.")
    known = gold_of(gold, masks, metric)
    pool = candidate_pool(task) if task else _codes(sources)
    scores = restricted(known, _codes(targets) or (pool if task else None), pool)
    return Asked(scores, gold_of(learn_from, masks) if learn_from is not None else restricted(known, None, pool))


def _codes(languages: Sequence[str] | None) -> list[str] | None:
    return None if languages is None else [identify(language) for language in languages]
