"""Ranking: candidate source languages for a target, most similar sub-network first (§3), and how sure that is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.stores.ready import READY
from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.languages.codes import identify, name
from xsns_hf.recipe import Layers


@dataclass(frozen=True)
class Source:
    """A candidate source language for a target.

    Attributes:
        language: canonical code.
        name: English name.
        similarity: Jaccard coefficient of its sub-network and the target's, mean over seeds.
        std: standard deviation over seeds; None with a single seed.
        as_good_as_best: whether these masks don't tell it apart from the most similar candidate: its distance to that
            one is within the distance's own spread over seeds, so that another sample of text might turn the order
            round; None with a single seed. It says nothing of scores.
    """

    language: str
    name: str
    similarity: float
    std: float | None
    as_good_as_best: bool | None


@dataclass(frozen=True)
class Ranking:
    """Candidate sources for a target, best first.

    Attributes:
        target: canonical code.
        recipe: name of the masks' recipe.
        seeds: number of seeds that the means are over.
        sources: the candidates.
        missing: candidates that were asked for but have no masks.
        rest: the other candidates, where only the best so many were asked for.
    """

    target: str
    recipe: str
    seeds: int
    sources: list[Source]
    missing: list[str]
    rest: list[Source] = field(default_factory=list)

    @property
    def candidates(self) -> list[Source]:
        """All candidates, best first, however many were asked for."""
        return [*self.sources, *self.rest]

    @property
    def most_similar(self) -> Source:
        """The candidate whose sub-network is the most similar, whatever the order."""
        return max(self.candidates, key=lambda source: source.similarity)

    def ordered(self, languages: Sequence[str]) -> "Ranking":
        """Return the ranking in another order, as long as this one.

        Args:
            languages: all candidates, best first.
        """
        by_code = {source.language: source for source in self.candidates}
        sources = [by_code[language] for language in languages]
        return replace(self, sources=sources[: len(self.sources)], rest=sources[len(self.sources) :])

    def to_dict(self) -> dict[str, Any]:
        """Return the target, the recipe and the sources as plain records."""
        return {"target": self.target, "recipe": self.recipe, "sources": [asdict(s) for s in self.sources]}

    def to_frame(self) -> pd.DataFrame:
        """Return the sources as a table, a row each."""
        return pd.DataFrame([vars(source) for source in self.sources])


def rank_sources(
    target: str,
    masks: str | Path | MaskRepository = READY,
    *,
    recipe: str | None = None,
    candidates: Sequence[str] | None = None,
    top: int | None = None,
    layers: Layers = "all",
) -> Ranking:
    """Rank source languages for a target language by sub-network similarity.

    Reads the similarity and the index only, not the masks, unless `layers` asks for it.

    Args:
        target: the language to transfer to, in any form that `identify` knows.
        masks: a mask repository, or where it is, see `MaskRepository`; by default what ships with the package.
        recipe: name of the recipe; by default one that has the target, and the most of its candidates.
        candidates: languages with labelled data; by default all in the repository. The target itself is left out.
        top: return the best so many only. The best three are also the paper's choice for training on several
            sources at once (§6.4).
        layers: where the masks are compared, see `MaskRepository.masks`.

    Raises:
        LanguageError: an unknown language.
        MasksMissing: no such recipe, a target without masks, no candidate with masks, no seed that all have.
        XsnsError: nothing is to be shown.

    Example:
        >>> ranking = rank_sources("Finnish", "masks", candidates=["deu", "swe", "rus"])
        >>> sorted(source.language for source in ranking.sources)
        ['deu', 'rus', 'swe']
    """
    check_top(top)
    repository = masks if isinstance(masks, MaskRepository) else MaskRepository(masks)
    code = identify(target)
    return rank_in(masks_for(repository, recipe, layers, code, candidates), code, candidates, top)


def masks_for(
    repository: MaskRepository, recipe: str | None, layers: Layers, code: str, others: Sequence[str] | None
) -> RecipeMasks:
    """Return the masks of a recipe: the one asked for, else one that has a language, and the most of some others.

    Raises:
        XsnsError: as of `MaskRepository.masks`; or another language isn't known.
    """
    return repository.masks(recipe, layers, having=[[code], [identify(other) for other in others or ()]])


def check_top(top: int | None) -> None:
    """Make sure that something is to be shown.

    Raises:
        XsnsError: it isn't.
    """
    if top is not None and top < 1:
        raise XsnsError(f"The best {top} are nothing to show: ask for at least 1 with {parameter('top')}.")


def rank_in(masks: RecipeMasks, code: str, candidates: Sequence[str] | None, top: int | None) -> Ranking:
    """Rank by masks that are open already, see `rank_sources`.

    Args:
        masks: those of one recipe.
        code: of the target, canonical.
        candidates: as of `rank_sources`.
        top: likewise, at least 1.

    Raises:
        XsnsError: as `rank_sources`.
    """
    masks.require(code)
    known = {*masks.languages}
    wanted = {identify(candidate) for candidate in candidates} if candidates is not None else known
    pool = sorted((wanted & known) - {code})
    if not pool:
        raise MasksMissing(
            f"None of the candidates for {code} has masks for {masks.name} in {masks.repository.name}: "
            f"choose from {', '.join(sorted(known - {code})) or 'more languages, once they are extracted'}."
        )
    by_seed = _similarities(masks, code, pool)
    sources = order_sources(by_seed)
    missing, rest = sorted(wanted - known - {code}), sources[top:] if top else []
    return Ranking(code, masks.name, by_seed.shape[1], sources[:top], missing, rest)


def _similarities(masks: RecipeMasks, target: str, candidates: Sequence[str]) -> pd.DataFrame:
    """Return the similarity of each candidate (index) to a target by the seeds (columns) that all of them have."""
    by_seed = masks.to_target(target).reindex(candidates).dropna(axis="columns")
    if by_seed.shape[1] == 0:
        raise MasksMissing(
            f"{target} and its candidates have no seed in common in {masks.repository.name}: "
            "extract all languages for the same seeds."
        )
    return by_seed


def order_sources(by_seed: pd.DataFrame) -> list[Source]:
    """Return the sources of similarities to a target, best first; ties by code.

    Args:
        by_seed: float64 [candidates, seeds], canonical codes as its index; nothing missing.
    """
    means = by_seed.mean(axis=1)
    order = means.sort_values(ascending=False, kind="stable").index.tolist()
    several = by_seed.shape[1] > 1
    gaps = by_seed.loc[order[0]] - by_seed
    close = gaps.mean(axis=1) <= gaps.std(axis=1)
    stds = by_seed.std(axis=1)
    mean, std, alike = means.round(6).to_dict(), stds.round(6).to_dict(), close.to_dict()
    return [
        Source(
            language=language,
            name=name(language),
            similarity=mean[language],
            std=std[language] if several else None,
            as_good_as_best=alike[language] if several else None,
        )
        for language in order
    ]
