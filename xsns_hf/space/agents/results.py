"""What the tools find, as records: from the same answers that the page shows."""

from collections.abc import Sequence

import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.errors import XsnsError
from xsns_hf.explanation.overlap import beside_chance, plain, summed
from xsns_hf.languages.codes import name
from xsns_hf.ranking.without_masks import WithoutMasks
from xsns_hf.space.agents.records import (
    AllMasks,
    Language,
    Languages,
    Masks,
    Overlap,
    Part,
    Ranked,
    Set,
    Sets,
    Similarity,
    Source,
)
from xsns_hf.space.answering.answers import Answer, NoMasks, answer, languages_of
from xsns_hf.space.answering.answers import similarity as similarity_of
from xsns_hf.space.answering.card import dataset_page
from xsns_hf.space.answering.query import Query, language
from xsns_hf.space.answering.without_masks import answer_without_masks
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.looking import Looker
from xsns_hf.space.visitors import Visitors

MOST_COMPLETING = 12
"""The most similar candidates, of which all triples are tried: some seconds for masks of 85 million parameters."""

READING = (
    "ratio says how many times as many parameters two languages share as two random masks would: it tells "
    "the layers that they use alike, while a high jaccard may be due to a layer that is selected nearly whole."
)


class Results:
    """What can be found out about a shelf's masks. Each takes its turn: who finds too many others is told so."""

    def __init__(self, shelf: Shelf, visitors: Visitors):
        """Take the masks.

        Args:
            shelf: those on offer.
            visitors: whose turn it is.
        """
        self._shelf, self._calls, self._looker = shelf, visitors.calls, Looker(visitors.looks)

    def ranked(self, query: Query) -> Ranked:
        """Return the sources for a target; of one without masks, those that URIEL knows of.

        Raises:
            XsnsError: see `answer`.
        """
        with self._calls.turn():
            try:
                return _ranked(answer(query, self._shelf))
            except NoMasks as missing:
                return _ranked_without(answer_without_masks(missing), missing, self._shelf.notes())

    def sets(self, query: Query) -> Sets:
        """Return sets of sources for a target.

        Raises:
            XsnsError: see `answer`; of a target without masks, too.
        """
        with self._calls.turn():
            given = answer(query, self._shelf)
        completing, notes = self._completing(given)
        return Sets(
            target=given.query.target,
            masks=given.masks.repository.name,
            recipe=given.masks.name,
            take_one_of=_take_one_of(given),
            together=_set(
                [source.language for source in given.together],
                "The first three of the ranking, which the paper trains on together (§6.4).",
            ),
            complementary=completing,
            notes=[*given.notes, *notes],
        )

    def similarity(self, source: str, target: str, masks: str, recipe: str) -> Similarity:
        """Return how alike two sub-networks are.

        Raises:
            XsnsError: an unknown language or masks, or there are none of a language.
        """
        with self._calls.turn():
            return Similarity(**similarity_of(source, target, self._shelf.choose(masks, recipe)))

    def overlap(self, source: str, target: str, masks: str, recipe: str) -> Overlap:
        """Return where two sub-networks overlap.

        Raises:
            XsnsError: likewise; or the masks can't be looked into.
        """
        codes = language(source), language(target)
        if codes[0] == codes[1]:
            raise XsnsError(f"{name(codes[0])} shares all of its sub-network with itself: name two languages.")
        chosen = self._shelf.choose(masks, recipe)
        rows = self._looker.shared(*codes, chosen)
        return Overlap(
            source=codes[0],
            target=codes[1],
            masks=chosen.repository.name,
            recipe=chosen.name,
            jaccard=_parts(rows, [])[0].jaccard,
            layers=_parts(rows, ["stack", "layer"]),
            modules=_parts(rows, ["module"]),
            advice=[READING],
        )

    def languages(self, masks: str, recipe: str) -> Languages:
        """Return the languages that masks are of.

        Raises:
            XsnsError: there are no such masks.
        """
        with self._calls.turn():
            chosen = self._shelf.choose(masks, recipe)
            listed = [Language(**row) for row in languages_of(chosen)]
            return Languages(masks=chosen.repository.name, recipe=chosen.name, languages=listed)

    def masks(self) -> AllMasks:
        """Return the masks on offer.

        Raises:
            XsnsError: there are none, or none can be read.
        """
        with self._calls.turn():
            return AllMasks(masks=[_masks(choice) for choice in self._shelf.choices()], notes=self._shelf.notes())

    def _completing(self, given: Answer) -> tuple[Set | None, list[str]]:
        """Return the three sources that cover most of the target's sub-network; else None, and why."""
        similar = sorted(given.ranking.sources, key=lambda source: -source.similarity)[:MOST_COMPLETING]
        try:
            found = self._looker.covering(given.query.target, [source.language for source in similar], given.masks)
        except XsnsError as error:
            return None, [f"Which three complete each other can't be told. {error}"]
        codes, shares = [row["language"] for row in found], [row["covered"] for row in found]
        why = (
            f"Of the {len(similar)} most similar they cover most of the target's sub-network together: "
            f"{100 * shares[-1]:.0f} %."
        )
        return _set(codes, why, shares), []


def _ranked(given: Answer) -> Ranked:
    record, suggestions = given.to_dict(), given.suggestions
    return Ranked(
        target=given.query.target,
        target_name=name(given.query.target),
        masks=record["masks"],
        recipe=record["recipe"],
        model=given.masks.recipe.model_name,
        has_masks=True,
        ordered_by=record["ordered_by"],
        advice=[*filter(None, given.headline()), *given.more(), *suggestions.notes],
        best_set=suggestions.outlook.best_set if suggestions.outlook else [],
        sources=[Source(**row) for row in record["sources"]],
        candidates=record["candidates"],
        scores=record["scores"],
        missing=record["missing"],
        notes=given.notes,
    )


def _ranked_without(given: WithoutMasks, missing: NoMasks, notes: list[str]) -> Ranked:
    frame = given.to_frame().head(missing.query.top)
    sources = [
        Source(rank=rank, language=row.language, name=row.name, similarity=row.alike)
        for rank, row in enumerate(frame.itertuples(index=False), 1)
    ]
    ranking = given.ranking
    return Ranked(
        target=given.target,
        target_name=name(given.target),
        masks=missing.masks.repository.name,
        recipe=missing.masks.name,
        model=missing.masks.recipe.model_name,
        has_masks=False,
        ordered_by=given.ordered_by,
        advice=[f"There are no masks of {name(given.target)} here.", *given.advice],
        best_set=[],
        sources=sources,
        candidates=len(ranking.candidates) if ranking else 0,
        missing=ranking.missing if ranking else [],
        notes=notes,
    )


def _take_one_of(given: Answer) -> Set | None:
    outlook = given.suggestions.outlook
    return _set(outlook.best_set, " ".join(filter(None, given.headline()))) if outlook else None


def _set(codes: Sequence[str], why: str, covered: list[float] | None = None) -> Set:
    return Set(languages=list(codes), names=[name(code) for code in codes], covered=covered, why=why)


def _masks(masks: RecipeMasks) -> Masks:
    recipe = masks.recipe
    return Masks(
        masks=masks.repository.name,
        recipe=masks.name,
        model=recipe.model_name,
        text=recipe.corpus,
        objective=recipe.objective,
        languages=len(masks.languages),
        seeds=len(masks.seeds),
        sentences=recipe.examples,
        can_be_explained=not isinstance(masks.repository.store, Ready),
        link=dataset_page(masks),
    )


def _parts(rows: pd.DataFrame, by: list[str]) -> list[Part]:
    """Return the overlap of groups of rows, which are of layers and modules."""
    return [Part(**row) for row in plain(beside_chance(summed(rows, by)))]
