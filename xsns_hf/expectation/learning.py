"""The index of a source for a target, z(similarity) + w · z(donor strength), and what is learnt of it from others.

Similarity may be joined with further evidence of it, as that of the languages' structure, each counting a quarter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xsns_hf.expectation.choice import Choice, fit_choice
from xsns_hf.expectation.donors import donor_strength, donor_strength_elsewhere, without_itself
from xsns_hf.expectation.levels import Levels, Scale, fit_levels
from xsns_hf.expectation.standard import spread, standardised, standardised_by, standardised_rows

SIMILARITY, STRUCTURE, WORDS, DONOR = "similarity", "structure", "words", "donor"
"""Names of what an index may be made of: sub-networks, languages' structure, sub-words, and donor strength."""

QUARTER = 0.25
"""What further evidence counts, where similarity counts one; before both together are standardised."""

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What donor strength may count. Never more than similarity, since alone it seldom names the best source, which differs
from target to target."""

MANY = 5
"""Candidates with scores from which on nothing is learnt from sources that are no candidates."""

FEWEST_TARGETS = 5
"""Other targets that learning takes, each with scores of two sources."""


@dataclass(frozen=True)
class Expectation:
    """What is expected of a target's candidates, learnt from other targets.

    Attributes:
        index: of each candidate.
        parts: what adds up to it, a column each: `similarity`, what was joined with it, and `donor`.
        strength: the donor strength itself, in the unit of the scores.
        weight: w.
        targets: number of targets learnt from.
        choice: how the index becomes probabilities.
        levels: how it becomes a score.
        nearness: mean similarity of the target to the known sources.
        lost: by how much each known source fell short of the one with the highest index, on average over the other
            targets, in the unit of the scores.
    """

    index: pd.Series
    parts: pd.DataFrame
    strength: pd.Series
    weight: float
    targets: int
    choice: Choice
    levels: Levels
    nearness: float
    lost: pd.Series

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


def expect(
    similarity: pd.DataFrame,
    scores: pd.DataFrame,
    target: str,
    candidates: Sequence[str],
    beside: Mapping[str, pd.DataFrame] | None = None,
) -> Expectation:
    """Learn from all targets but one what to expect of its candidates; its own scores aren't looked at.

    A donor is held against other candidates, unless there are few with scores: then against all sources that have some.
    Mean and standard deviation are those over the sources that scores are known of; a candidate without any is taken
    to be as good a donor as the average.

    Args:
        similarity: targets × sources.
        scores: gold scores, targets × sources.
        target: which is among the similarities.
        candidates: which are, too.
        beside: by name, further evidence of what is similar, targets × sources; what it doesn't know counts nothing.

    Raises:
        TooFewTargets: there are scores of less than `FEWEST_TARGETS` other targets.
    """
    similarity, scores, *further = map(_looked_up, [similarity, scores, *(beside or {}).values()])
    known = _known_scores(similarity, scores, target, candidates)
    if len(known) < FEWEST_TARGETS:
        raise TooFewTargets(len(known))
    evidence = {SIMILARITY: similarity, **dict(zip(beside or {}, further, strict=True))}
    pairs = similarity.reindex(index=known.index, columns=known.columns).where(known.notna())
    near = _joined(evidence, pairs)
    donors = standardised(donor_strength_elsewhere(known).where(known.notna()))
    weight = _weight(near, donors, known)
    learnt = near + weight * donors

    languages = list(dict.fromkeys([*candidates, *known.columns.drop(target, errors="ignore")]))
    own = similarity.loc[target, languages]
    sources = known.columns.intersection(own.dropna().index)
    strength = donor_strength(known).reindex(own.index).fillna(0.0)
    parts = _joined_row(evidence, target, own.index, sources)
    parts[DONOR] = weight * standardised_by(strength, sources)
    parts = parts.loc[list(candidates)]
    return Expectation(
        index=parts.sum(axis=1),
        parts=parts,
        strength=strength[list(candidates)],
        weight=weight,
        targets=len(known),
        choice=fit_choice(learnt, known, Scale.of(known).point),
        levels=fit_levels(learnt, known, pairs),
        nearness=float(own[sources].mean()),
        lost=_lost(learnt, known),
    )


def _looked_up(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose languages are found quickly: pandas' own strings are made anew at each look."""
    return table.set_axis(table.index.astype(object)).set_axis(table.columns.astype(object), axis="columns")


def _lost(learnt: pd.DataFrame, scores: pd.DataFrame) -> pd.Series:
    """Return by how much each source fell short of the first by index, the mean over targets.

    This is what took place, where the index alone would say too much: a source's own strength counts in full.
    """
    first = learnt.idxmax(axis=1)
    of_first = pd.Series([scores.at[target, source] for target, source in first.items()], first.index)
    return scores.rsub(of_first, axis=0).mean()


def _share(name: str) -> float:
    return 1.0 if name == SIMILARITY else QUARTER


def _joined(evidence: Mapping[str, pd.DataFrame], pairs: pd.DataFrame) -> pd.DataFrame:
    """Return all evidence of what is similar, standardised together; NaN for other pairs than these."""
    known = {name: table.reindex_like(pairs).where(pairs.notna()) for name, table in evidence.items()}
    total = sum(_share(name) * standardised(table).fillna(0.0) for name, table in known.items())
    return standardised(pd.DataFrame(total).where(pairs.notna()))


def _joined_row(
    evidence: Mapping[str, pd.DataFrame], target: str, languages: pd.Index, sources: pd.Index
) -> pd.DataFrame:
    """Return what `_joined` adds up of a target, a column each, standardised over the known sources."""
    known = {name: table.loc[target] if target in table.index else pd.Series() for name, table in evidence.items()}
    rows = {name: row.reindex(languages).astype(float) for name, row in known.items()}
    parts = {name: _share(name) * standardised_by(row, sources).fillna(0.0) for name, row in rows.items()}
    table = pd.DataFrame(parts, index=languages)
    return table / spread(table.sum(axis=1)[sources])


def _weight(near: pd.DataFrame, donors: pd.DataFrame, scores: pd.DataFrame) -> float:
    """Return the least weight of the donors with which index and scores correlate about as well as with the best.

    About as well is within one standard error over the targets (Breiman et al. 1984): correlation hardly changes over a
    range of weights, and the first places are the better the more similarity counts.
    """
    first, second, gold = (table.to_numpy(float) for table in (near, donors, scores))
    by_weight = {weight: _agreements(first + weight * second, gold) for weight in WEIGHTS}
    best = max(by_weight.values(), key=lambda agreements: agreements.mean())
    enough = best.mean() - best.std(ddof=1) / len(best) ** 0.5
    return next(weight for weight, agreements in by_weight.items() if agreements.mean() >= enough)


def _agreements(index: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the Pearson correlation of index and scores over the sources, for each target."""
    known = np.isfinite(index + scores)
    products = standardised_rows(np.where(known, index, np.nan)) * standardised_rows(np.where(known, scores, np.nan))
    return np.nansum(products, axis=1) / np.maximum(known.sum(axis=1), 1)


def _known_scores(
    similarity: pd.DataFrame, scores: pd.DataFrame, target: str, candidates: Sequence[str]
) -> pd.DataFrame:
    """Return the scores of other targets, of pairs whose similarity is known; targets with two candidates or more."""
    pairs = without_itself(similarity.reindex(index=scores.index, columns=scores.columns))
    known = scores.where(pairs.notna()).drop(index=target, errors="ignore").dropna(axis="columns", how="all")
    among = known.columns[known.columns.isin([*candidates, target])]
    known = known[among] if len(among.drop(target, errors="ignore")) >= MANY else known
    return known[known.notna().sum(axis=1) > 1]
