"""What to expect from each source, where scores of the task on other targets are known (§5.3, for a user)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xsns_hf.dataset.published import known_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.shipped import shipped_table
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.errors import MasksMissing
from xsns_hf.expectation.choice import smallest_set
from xsns_hf.expectation.learning import (
    DONOR,
    FEWEST_TARGETS,
    SIMILARITY,
    STRUCTURE,
    Expectation,
    TooFewTargets,
    expect,
)
from xsns_hf.gold import SCORES, Gold, read_gold
from xsns_hf.languages.uriel import structure
from xsns_hf.ranking.rank import Ranking


def gold_of(where: str | Path | pd.DataFrame | Gold, masks: MaskRepository | None, metric: str | None = None) -> Gold:
    """Return the gold scores of a file or folder; where there is none, of a task: published with masks, or shipped.

    Args:
        where: path of a CSV or of a folder that `xsns transfer` made, or name of a task or of a shipped table; or such
            a table with its columns, or gold scores, which are returned as they are.
        masks: the repository, if any.
        metric: which scores, where there are several metrics.

    Raises:
        XsnsError: see `read_gold` and `known_gold`.
    """
    if isinstance(where, Gold):
        return where
    if not isinstance(where, str):
        return read_gold(where, metric)
    is_folder = Path(where).is_dir()
    is_file = (Path(where) / SCORES).is_file() if is_folder else Path(where).exists()  # or a pipe, which is refused
    unpublished = masks is None or isinstance(masks.store, Ready)
    if is_file or (unpublished and shipped_table(where) is None):
        return read_gold(where, metric)
    return known_gold(masks, where, metric)


@dataclass(frozen=True)
class Outlook:
    """What to expect of a ranking's candidates, by scores on other targets.

    Attributes:
        gold: the scores.
        expectation: what was learnt of them.
        table: a row for each candidate, best first: expected, lower, upper (in the unit of the scores), best (the
            probability to be the best) and close (that to be within a point of it).
    """

    gold: Gold
    expectation: Expectation
    table: pd.DataFrame

    @property
    def order(self) -> list[str]:
        """The candidates by expectation, best first; ties by similarity."""
        return list(self.table.index)

    @property
    def best_set(self) -> list[str]:
        """The fewest candidates that hold the best with 80 % probability."""
        return smallest_set(self.table["best"])

    def to_dict(self) -> dict[str, Any]:
        """Return what isn't of a single source as plain records."""
        return {
            "scores": {"name": self.gold.name, "origin": self.gold.origin, "targets": self.expectation.targets},
            "joined_with": [part for part in self.expectation.parts if part not in (SIMILARITY, DONOR)],
            "donor_weight": self.expectation.weight,
            "best_set": self.best_set,
            "best_set_probability": round(float(self.table.loc[self.best_set, "best"].sum()), 4),
        }


def outlook(
    ranking: Ranking, masks: RecipeMasks, gold: Gold, further: Mapping[str, pd.DataFrame] | None = None
) -> Outlook:
    """Learn from scores on other targets what to expect of a ranking's candidates.

    The target's own gold scores, if there are any, aren't looked at: it is predicted as a new target is. The languages'
    structure is joined with the similarity of their masks.

    Args:
        ranking: whose candidates.
        masks: those that it is from.
        gold: scores of a task.
        further: by name, more evidence of what is similar, targets × sources; see `expect`.

    Raises:
        MasksMissing: too few gold scores are of languages with masks.
    """
    try:
        return outlook_from(ranking, masks.similarity(), gold, further)
    except TooFewTargets as error:
        raise MasksMissing(
            f"{gold.name} has scores of two sources or more with masks in {masks.repository.name} for {error.known} "
            f"other targets: at least {FEWEST_TARGETS} are needed to predict a score."
        ) from None


def outlook_from(
    ranking: Ranking, similarity: pd.DataFrame, gold: Gold, further: Mapping[str, pd.DataFrame] | None = None
) -> Outlook:
    """Return what `outlook` does, by similarities of the target and all sources, targets × sources.

    Raises:
        TooFewTargets: see `expect`.
    """
    beside = {STRUCTURE: structure(similarity.index, similarity.columns), **(further or {})}
    candidates = [source.language for source in ranking.candidates]
    expectation = expect(similarity, gold.matrix(), ranking.target, candidates, beside)
    order = expectation.index.sort_values(ascending=False, kind="stable").index
    return Outlook(gold, expectation, expectation.table().loc[order])
