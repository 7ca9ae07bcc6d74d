"""The index of a source for a target, z(similarity) + w · z(donor strength), and what is learnt of it from others."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from xsns_hf.expectation.choice import Choice, fit_choice
from xsns_hf.expectation.donors import donor_strength, donor_strength_elsewhere, without_itself
from xsns_hf.expectation.levels import Levels, Scale, fit_levels
from xsns_hf.expectation.standard import standardised, standardised_by

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""What donor strength may count, beside similarity: the one is taken that orders the sources of other targets best."""

FEWEST_TARGETS = 5
FEWEST_SOURCES = 2
"""Gold scores that learning takes."""


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


def enough(similarity: pd.DataFrame, scores: pd.DataFrame, target: str) -> tuple[int, int]:
    """Return from how many other targets and sources a target's candidates could be learnt about."""
    known = _known_scores(similarity, scores, target)
    return len(known), known.shape[1]


def expect(similarity: pd.DataFrame, scores: pd.DataFrame, target: str, candidates: Sequence[str]) -> Expectation:
    """Learn from all targets but one what to expect of its candidates; its own scores aren't looked at.

    Mean and standard deviation are those over the sources that scores are known of; a candidate without any is taken
    to be as good a donor as the average.

    Args:
        similarity: targets × sources.
        scores: gold scores, targets × sources; enough of them, see `enough`.
        target: which is among the similarities.
        candidates: which are, too.
    """
    known = _known_scores(similarity, scores, target)
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


def _known_scores(similarity: pd.DataFrame, scores: pd.DataFrame, target: str) -> pd.DataFrame:
    """Return the scores of other targets, of pairs whose similarity is known; targets with two candidates or more."""
    pairs = without_itself(similarity.reindex(index=scores.index, columns=scores.columns))
    known = scores.where(pairs.notna()).drop(index=target, errors="ignore")
    known = known[known.notna().sum(axis=1) >= FEWEST_SOURCES]
    return known.dropna(axis="columns", how="all")
