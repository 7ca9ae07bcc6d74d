"""Sources for a language without masks, by what needs none: sounds and grammar, descent, and how good a source is for
others. It gives an order and says how well such an order does; what score to expect it can't say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xsns_hf.dataset.published import task_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.expectation.donors import donor_strength, donor_strength_elsewhere, without_itself
from xsns_hf.expectation.levels import Scale
from xsns_hf.expectation.standard import standardised, standardised_by
from xsns_hf.gold import Gold
from xsns_hf.languages.codes import identify, name
from xsns_hf.languages.families import kinship
from xsns_hf.languages.uriel import lineages, row_of, structure
from xsns_hf.ranking.advice import ENGLISH
from xsns_hf.ranking.headline import task_in_words
from xsns_hf.ranking.rank import Ranking, order_sources
from xsns_hf.ranking.wording import listed
from xsns_hf.tasks import TaskName

HALF = 0.5
"""What descent counts, where sounds and grammar count one, and donor strength as much as both together. It is set by
hand; how well the order does with it is said with each answer, see `Check`."""

USUAL: TaskName = "pos"
"""The task that the order is checked on where none is asked about."""

MOST_NAMED = 5


@dataclass(frozen=True)
class Relatives:
    """The languages with masks that are the nearest to a target in the family tree.

    Attributes:
        languages: canonical codes, the most alike in sounds and grammar first; none if it has no relatives here.
        branch: the narrowest family or branch that they share with it.
    """

    languages: list[str]
    branch: str

    def sentence(self) -> str:
        """Say which they are."""
        if not self.languages:
            return "No relative of it has masks here."
        names = [name(code) for code in self.languages]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        named = ", ".join(names[:MOST_NAMED]) + more if more else listed(names)
        return f"Nearest relative{'s' * (len(names) > 1)} with masks: {named} ({self.branch})."


@dataclass(frozen=True)
class Check:
    """How far below the best source the first of an order is, where scores are known.

    Attributes:
        task: whose scores.
        targets: number of languages.
        lost: points by the order, mean over the targets; of each, its own scores aren't looked at.
        by_masks: points by the similarity of sub-networks.
        english: points of English; None where it is no source.
    """

    task: str
    targets: int
    lost: float
    by_masks: float
    english: float | None

    def sentence(self) -> str:
        """Say how well such an order does."""
        english = "" if self.english is None else f", English {self.english:.1f}"
        return (
            f"How far to trust this: for {self.targets} languages whose {task_in_words(self.task)} scores are known, "
            f"the first source of such an order is {self.lost:.1f} points below the best one on average; the most "
            f"similar sub-network is {self.by_masks:.1f}{english}."
        )


@dataclass(frozen=True)
class WithoutMasks:
    """What can be said of a language that has no masks.

    Attributes:
        target: canonical code.
        ranking: the sources, best first; their similarity is the cosine of sounds and grammar, or of descent where
            those are unknown. None where nothing is known of the target.
        strength: how many points better than others each source is for targets in general, where that is known of the
            task; None without a task or scores of it.
        relatives: the nearest ones.
        check: how well such an order does; None where no scores are known.
    """

    target: str
    ranking: Ranking | None
    strength: pd.Series | None
    relatives: Relatives
    check: Check | None

    @property
    def ordered_by(self) -> str:
        """What the order is by, in words."""
        donors = "" if self.strength is None else ", and how good sources are for other targets"
        return f"sounds, grammar and descent (URIEL){donors}"

    @property
    def advice(self) -> list[str]:
        """What to take until there are masks, and how far to trust that, in sentences."""
        if self.ranking is None:
            unknown = f"Nothing is known of the sounds, the grammar and the descent of {name(self.target)}"
            return [f"{unknown} (URIEL, Littell et al. 2017), so no source can be named without some text of it."]
        names = listed([source.name for source in self.ranking.candidates[:3]])
        first = f"By sounds, grammar and descent the most alike: {names}."
        if self.strength is not None:
            first = f"By sounds, grammar and descent, and by how good they are as sources for others: {names}."
        return [first, self.relatives.sentence(), *([self.check.sentence()] if self.check else [])]

    def to_frame(self) -> pd.DataFrame:
        """Return a row per source, best first: language, name, alike, and with a task strength, NaN where unknown."""
        sources = self.ranking.sources if self.ranking else []
        frame = pd.DataFrame(
            [(s.language, s.name, s.similarity) for s in sources], columns=["language", "name", "alike"]
        )
        if self.strength is None:
            return frame
        return frame.assign(strength=self.strength.reindex(frame["language"]).round(2).to_numpy())


def rank_without_masks(
    target: str,
    masks: RecipeMasks,
    candidates: Sequence[str] | None = None,
    task: str | None = None,
) -> WithoutMasks:
    """Return what is known of sources for a language that has no masks.

    Args:
        target: in any form that `identify` knows.
        masks: those whose languages are the sources, and which the order is checked against.
        candidates: languages with labelled data instead, which need no masks either.
        task: reckon also with how good sources are for other targets, where scores of it are known.

    Raises:
        LanguageError: an unknown language.
    """
    code = identify(target)
    wanted = {*masks.languages} if candidates is None else {identify(candidate) for candidate in candidates}
    languages = sorted({*masks.languages, *wanted, code})
    gold = task_gold(masks.repository, task or USUAL)
    scores = _scores(gold, languages, code) if gold else None
    known = scores if task else None
    alike = likeness(languages)
    strength = None if known is None else donor_strength(known).where(known.notna().any()).dropna()
    order = alike.loc[code] if strength is None else _with_donors(alike, strength).loc[code]
    ranking = _ranking(code, order[sorted(wanted - {code})], masks.name)
    check = None if scores is None else _check(alike, masks, scores, task)
    points = None if strength is None else strength / Scale.of(known).point
    return WithoutMasks(code, ranking, points, _relatives(code, masks.languages, alike.loc[code]), check)


def likeness(languages: Sequence[str]) -> pd.DataFrame:
    """Return how alike languages are in sounds, grammar and descent, targets × sources, standardised for each target.

    NaN on the diagonal, and where neither sounds and grammar nor descent are known.
    """
    sounds, descent = standardised(structure(languages, languages)), standardised(kinship(languages))
    alike = sounds.fillna(0.0) + HALF * descent.fillna(0.0)
    return standardised(alike.where(sounds.notna() | descent.notna()))


def _scores(gold: Gold, languages: Sequence[str], target: str) -> pd.DataFrame | None:
    """Return the scores of other targets of which there are several; None if there are none."""
    scores = without_itself(gold.matrix().reindex(index=languages, columns=languages)).drop(index=target)
    scores = scores[scores.notna().sum(axis=1) > 1]
    return None if scores.empty else scores


def _with_donors(alike: pd.DataFrame, strength: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Return likeness and donor strength together; a source of which that isn't known is taken to be as good as those
    three of which it is that are the most like it.

    Args:
        alike: see `likeness`.
        strength: of the sources; or targets × sources, so that no target's own scores are looked at.
    """
    if isinstance(strength, pd.DataFrame):
        return alike + standardised(strength).fillna(0.0)
    known = standardised_by(strength, strength.index)
    nearest = np.argsort(-alike[known.index].fillna(-np.inf).to_numpy(), axis=1, kind="stable")[:, :3]
    like = pd.Series(known.to_numpy()[nearest].mean(axis=1), index=alike.index)
    return alike + known.reindex(alike.columns).fillna(like)


def _ranking(code: str, order: pd.Series, recipe: str) -> Ranking | None:
    """Return the candidates, best first, with the cosine of what is known; None if nothing is.

    Args:
        code: of the target.
        order: of the candidates, the higher the better; NaN where nothing is known.
        recipe: name of the masks' recipe.
    """
    best = order.dropna().sort_values(ascending=False, kind="stable").index
    if best.empty:
        return None
    cosine = structure([code], best).loc[code]
    if cosine.isna().all():
        cosine = kinship([code, *best]).loc[code, best]
    missing = [str(candidate) for candidate in order.index[order.isna()]]
    return Ranking(code, recipe, 1, order_sources(cosine.fillna(0.0).to_frame()), missing).ordered(list(best))


def _check(alike: pd.DataFrame, masks: RecipeMasks, scores: pd.DataFrame, task: str | None) -> Check | None:
    """Return how well an order does on the languages that have masks and scores of several sources."""
    similarity = masks.similarity()
    scores = scores.loc[scores.index.isin(similarity.index), scores.columns.isin(similarity.columns)]
    scores = scores[scores.notna().sum(axis=1) > 1]
    if scores.empty:
        return None
    own = alike.reindex_like(scores)
    order = _with_donors(own, donor_strength_elsewhere(scores).where(scores.notna())) if task else own
    best, point = scores.max(axis=1), Scale.of(scores).point

    def lost(order: pd.DataFrame) -> float:
        first = order.reindex_like(scores).fillna(order.min().min()).where(scores.notna(), float("-inf")).idxmax(axis=1)
        return float((best - [scores.loc[target, source] for target, source in first.items()]).mean() / point)

    usual = scores[ENGLISH].dropna() if ENGLISH in scores else pd.Series(dtype=float)
    english = None if usual.empty else float((best[usual.index] - usual).mean() / point)
    return Check(task or USUAL, len(scores), lost(order), lost(similarity), english)


def _relatives(code: str, languages: Sequence[str], alike: pd.Series) -> Relatives:
    """Return the languages that share the most branches with one."""
    own = row_of(code, lineages(), [])
    shared = {
        language: [branch for branch in own if branch in row_of(language, lineages(), [])]
        for language in languages
        if language != code
    }
    most = max(map(len, shared.values()), default=0)
    nearest = [language for language, branches in shared.items() if most and len(branches) == most]
    nearest.sort(key=lambda language: -float(alike[language]))
    return Relatives(nearest, shared[nearest[0]][-1] if nearest else "")
