"""The index of a source for a target, z(similarity) + w · z(donor strength), and what is learnt of it from others."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from xsns_hf.expectation.choice import Choice, fit_choice
from xsns_hf.expectation.donors import donor_strength, donor_strength_elsewhere, without_itself
from xsns_hf.expectation.levels import Levels, Scale, fit_levels
from xsns_hf.expectation.standard import standardised, standardised_by

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What donor strength may count: that is taken which agrees best with the scores of other targets. Never more than
similarity, since alone it seldom names the best source, which differs from target to target."""

MANY = 5
"""Candidates with scores from which on nothing is learnt from sources that are no candidates."""

FEWEST_TARGETS = 5
"""Other targets that learning takes, each with scores of two sources."""


@dataclass(frozen=True)
class Expectation:
    """What is expected of a target's candidates, learnt from other targets.

    Attributes:
        index: of each candidate, z(similarity) + w · z(donor strength).
        similarity: its first part, z.
        donors: its second part, z, before it is weighted.
        strength: the donor strength itself, in the unit of the scores.
        weight: w.
        targets: number of targets learnt from.
        choice: how the index becomes probabilities.
        levels: how it becomes a score.
        nearness: mean similarity of the target to the known sources.
    """

    index: pd.Series
    similarity: pd.Series
    donors: pd.Series
    strength: pd.Series
    weight: float
    targets: int
    choice: Choice
    levels: Levels
    nearness: float

    @property
    def scale(self) -> Scale:
        """That of the scores."""
        return self.levels.scale

    def table(self) -> pd.DataFrame:
        """Return a row for each candidate: expected, lower, upper, best and close (probabilities)."""
        scores = self.levels.scores(self.index, self.nearness)
        return scores.assign(best=self.choice.best(self.index), close=self.choice.close(self.index))


class TooFewTargets(ValueError):
    """There are scores of too few other targets to learn from.

    Attributes:
        known: of how many there are.
    """

    def __init__(self, known: int):
        """Say of how many there are."""
        super().__init__(f"{known} targets where {FEWEST_TARGETS} are needed")
        self.known = known


def expect(similarity: pd.DataFrame, scores: pd.DataFrame, target: str, candidates: Sequence[str]) -> Expectation:
    """Learn from all targets but one what to expect of its candidates; its own scores aren't looked at.

    A donor is held against other candidates, unless there are few with scores: then against all sources that have some.
    Mean and standard deviation are those over the sources that scores are known of; a candidate without any is taken
    to be as good a donor as the average.

    Args:
        similarity: targets × sources.
        scores: gold scores, targets × sources.
        target: which is among the similarities.
        candidates: which are, too.

    Raises:
        TooFewTargets: there are scores of less than `FEWEST_TARGETS` other targets.
    """
    known = _known_scores(similarity, scores, target, candidates)
    if len(known) < FEWEST_TARGETS:
        raise TooFewTargets(len(known))
    pairs = similarity.reindex(index=known.index, columns=known.columns).where(known.notna())
    near, donors = standardised(pairs), standardised(donor_strength_elsewhere(known).where(known.notna()))
    weight = max(WEIGHTS, key=lambda weight: _agreement(near + weight * donors, known))
    learnt = near + weight * donors
    own = similarity.loc[target, list(dict.fromkeys([*candidates, *known.columns.drop(target, errors="ignore")]))]
    sources = known.columns.intersection(own.dropna().index)
    strength = donor_strength(known).reindex(own.index).fillna(0.0)
    near_own, donors_own = (standardised_by(row, sources)[list(candidates)] for row in (own, strength))
    return Expectation(
        index=near_own + weight * donors_own,
        similarity=near_own,
        donors=donors_own,
        strength=strength[list(candidates)],
        weight=weight,
        targets=len(known),
        choice=fit_choice(learnt, known, Scale.of(known).point),
        levels=fit_levels(learnt, known, pairs),
        nearness=float(own[sources].mean()),
    )


def _agreement(index: pd.DataFrame, scores: pd.DataFrame) -> float:
    """Return the Pearson correlation of index and scores over the sources, the mean over targets."""
    return float(
        (standardised(index.where(scores.notna())) * standardised(scores.where(index.notna()))).mean(axis=1).mean()
    )


def _known_scores(
    similarity: pd.DataFrame, scores: pd.DataFrame, target: str, candidates: Sequence[str]
) -> pd.DataFrame:
    """Return the scores of other targets, of pairs whose similarity is known; targets with two candidates or more."""
    pairs = without_itself(similarity.reindex(index=scores.index, columns=scores.columns))
    known = scores.where(pairs.notna()).drop(index=target, errors="ignore").dropna(axis="columns", how="all")
    among = known.columns[known.columns.isin([*candidates, target])]
    known = known[among] if len(among.drop(target, errors="ignore")) >= MANY else known
    return known[known.notna().sum(axis=1) > 1]
