"""Answers: what the Space says to a query. No gradio in here, and no ranking of its own."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from xsns_hf.dataset.published import published_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.scores import metrics_of
from xsns_hf.errors import MasksMissing, XsnsError
from xsns_hf.gold import Gold
from xsns_hf.languages.codes import name
from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.genealogy import Genealogy
from xsns_hf.predictors.geography import Geography
from xsns_hf.predictors.lang2vec import Lang2Vec
from xsns_hf.ranking.expected_scores import expected_scores
from xsns_hf.ranking.rank import Ranking, Source, order_sources, rank_sources
from xsns_hf.ranking.wording import certainty, in_points
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.query import Query, language, languages
from xsns_hf.tasks import TASKS, candidate_pool

TOGETHER = 3
"""Sources for training on several at once, as in the paper (§6.4)."""

MOST_SHOWN = 200
ENGLISH = "eng"

_URIEL: dict[str, type[Predictor]] = {kind.name: kind for kind in (Lang2Vec, Genealogy, Geography)}


def predictors() -> dict[str, str]:
    """Return the ways to rank: name and what it is."""
    return {"xsns": "Sub-network similarity (X-SNS)"} | {key: predictor.about for key, predictor in _URIEL.items()}


@dataclass(frozen=True)
class Answer:
    """The sources for a target.

    Attributes:
        query: as it was understood: canonical codes, with the dataset and recipe that were taken.
        masks: those taken.
        ranking: all candidates, best first.
        expected: the scores to expect (index: sources; columns expected, lower, upper), where scores are published
            with the masks for the task asked about.
        scores: those scores.
        notes: what the visitor should know beside.
    """

    query: Query
    masks: RecipeMasks
    ranking: Ranking
    expected: pd.DataFrame | None
    scores: Gold | None
    notes: list[str]

    @property
    def shown(self) -> list[Source]:
        """The best sources, as many as were asked for."""
        return self.ranking.sources[: self.query.top]

    @property
    def together(self) -> list[Source]:
        """The sources to train on together."""
        return self.ranking.sources[:TOGETHER]

    @property
    def english(self) -> tuple[int, Source] | None:
        """English and its rank, from 1, where it is a candidate."""
        ranked = enumerate(self.ranking.sources, 1)
        return next(((rank, source) for rank, source in ranked if source.language == ENGLISH), None)

    @property
    def learnt_from(self) -> str | None:
        """What the expected scores are learnt from, with its origin."""
        return f"{self.scores.name}, {self.scores.origin}" if self.scores else None

    def recommendation(self) -> str:
        """Say in a sentence what to take, and how sure that is."""
        if self.query.predictor == "xsns":
            return certainty(self.ranking)
        best = self.ranking.sources[0].name
        return f"Best source: {best}, by {self.query.predictor} alone, which says nothing of how sure that is."

    def several(self) -> str | None:
        """Say which sources to train on together, where there are enough."""
        if len(self.together) < TOGETHER:
            return None
        names = [source.name for source in self.together]
        return f"To train on three sources at once: {', '.join(names[:-1])} and {names[-1]}."

    def against_english(self) -> str:
        """Say where English stands, the source that everyone uses."""
        target, best = self.ranking.target, self.ranking.sources[0]
        if target == ENGLISH:
            return "English is the target itself."
        if self.english is None:
            return "English isn't among the candidates."
        rank, english = self.english
        if rank == 1:
            return f"English, the usual choice, is also the first of {len(self.ranking.sources)} here."
        text = f"English, the usual choice, is number {rank} of {len(self.ranking.sources)}"
        if english.as_good_as_best:
            return f"{text}, yet can't be told apart from {best.name}."
        if self.expected is not None:
            gain = self.expected.loc[best.language, "expected"] - self.expected.loc[ENGLISH, "expected"]
            points = f"{abs(gain):.1f} points" if in_points(self.expected) else f"{abs(gain):.3f}"
            return f"{text}; {best.name} is expected to score {points} {'more' if gain >= 0 else 'less'}."
        return f"{text}."

    def table(self) -> pd.DataFrame:
        """Return the sources shown, a row each, as plain values: what a CSV file holds."""
        rows = pd.DataFrame([vars(source) for source in self.shown])
        rows.insert(0, "rank", range(1, len(rows) + 1))
        if self.expected is not None:
            rows = rows.join(self.expected.round(4), on="language")
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain records, for programs."""
        table = self.table().astype(object)
        return {
            "target": self.ranking.target,
            "masks": self.query.masks,
            "recipe": self.ranking.recipe,
            "predictor": self.query.predictor,
            "seeds": self.ranking.seeds,
            "candidates": len(self.ranking.sources),
            "sources": table.where(table.notna(), None).to_dict("records"),
            "recommendation": self.recommendation(),
            "together": [source.language for source in self.together],
            "english": self.against_english(),
            "scores": self.learnt_from,
            "missing": self.ranking.missing,
            "notes": self.notes,
        }


def answer(query: Query, shelf: Shelf) -> Answer:
    """Rank sources for a query's target.

    Raises:
        XsnsError: an unknown language, masks, task or way to rank; or there are no masks of target or candidates.
    """
    target = language(query.target)
    masks = shelf.choose(query.masks, query.recipe, target)
    if query.predictor not in predictors():
        raise XsnsError(f"There is no way to rank called {query.predictor[:80]!r}: use {', '.join(predictors())}.")
    _require(target, masks)
    ranking = rank_sources(target, masks.repository, recipe=masks.name, candidates=pool(query))
    if query.predictor != "xsns":
        ranking = _by_uriel(ranking, query.predictor)
    notes = shelf.notes()
    if ranking.missing:
        notes.append(f"No masks of {', '.join(name(code) for code in ranking.missing)}: they aren't ranked.")
    understood = replace(
        query,
        target=target,
        masks=masks.repository.name,
        recipe=masks.name,
        candidates=tuple(languages(query.candidates)),
        top=min(max(query.top, 1), MOST_SHOWN),
    )
    return Answer(understood, masks, ranking, *_expected(ranking, masks, understood), notes)


def pool(query: Query) -> list[str] | None:
    """Return the candidates: those listed, else the task's; None for all that there are masks of.

    Raises:
        XsnsError: one isn't a language, or there is no such task.
    """
    if query.task and query.task not in TASKS:  # nor is it ever a file of this machine
        raise XsnsError(f"There is no task called {query.task[:80]!r}: use {', '.join(TASKS)}, or none.")
    return languages(query.candidates) or (candidate_pool(query.task) if query.task else None)


def similarity(source: str, target: str, masks: RecipeMasks) -> dict[str, Any]:
    """Return how alike the sub-networks of two languages are, as a plain record.

    Raises:
        XsnsError: an unknown language, or one without masks.
    """
    codes = [language(source), language(target)]
    for code in codes:
        _require(code, masks)
    ranking = rank_sources(codes[1], masks.repository, recipe=masks.name, candidates=codes[:1])
    (ranked,) = ranking.sources
    return {
        "source": ranked.language,
        "target": ranking.target,
        "masks": masks.repository.name,
        "recipe": masks.name,
        "similarity": ranked.similarity,
        "std": ranked.std,
        "seeds": ranking.seeds,
    }


def languages_of(masks: RecipeMasks) -> list[dict[str, Any]]:
    """Return the languages that masks are of, by name: language, name, seeds, examples (|D|, mean over seeds)."""
    rows = [
        {
            "language": str(code),
            "name": name(str(code)),
            "seeds": int(rows["seed"].nunique()),
            "examples": round(float(rows["examples"].mean())),
        }
        for code, rows in masks.index.groupby("language")
    ]
    return sorted(rows, key=lambda row: row["name"])


def square(masks: RecipeMasks, target: str) -> pd.DataFrame:
    """Return the similarity of all pairs of languages, mean over seeds: a square table with ones on its diagonal.

    Languages that lack seeds which the others have are left out, so that nothing is missing; the target stays.
    """
    table = masks.similarity()
    while (missing := table.isna().sum().drop(target, errors="ignore")).any():
        table = table.drop(index=missing.idxmax(), columns=missing.idxmax())
    return table


def _require(code: str, masks: RecipeMasks) -> None:
    """Make sure that there are masks of a language; if not, say what a visitor can do about it."""
    if code not in masks.languages:
        raise MasksMissing(
            f"There are no masks of {name(code)} ({code}) here yet: bring some text of it, or choose one of the "
            f"{len(masks.languages)} languages that there are."
        )


def _by_uriel(ranking: Ranking, predictor: str) -> Ranking:
    """Rank the same candidates by typology, descent or distance; those that URIEL doesn't know are missing."""
    codes = [source.language for source in ranking.sources]
    scores = _URIEL[predictor](Inputs()).scores([ranking.target], codes).loc[ranking.target].dropna()
    if scores.empty:
        raise XsnsError(f"{predictor} knows nothing of {name(ranking.target)}: rank by sub-network similarity.")
    unknown = sorted(set(codes) - set(scores.index))
    return replace(ranking, seeds=1, sources=order_sources(scores.to_frame()), missing=ranking.missing + unknown)


def _expected(ranking: Ranking, masks: RecipeMasks, query: Query) -> tuple[pd.DataFrame | None, Gold | None]:
    """Predict scores, where some are published for the task and are enough to learn from; of several metrics the first.

    Returns:
        the scores to expect; those that they're learnt from.
    """
    metrics = metrics_of(masks.repository.scores(), query.task)
    if not metrics or query.predictor != "xsns":
        return None, None
    gold = published_gold(masks.repository, query.task, metrics[0])
    try:
        return expected_scores(ranking, masks, gold), gold
    except XsnsError:  # they are too few, or such that nothing can be learnt from them
        return None, None
