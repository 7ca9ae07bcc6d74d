"""Answers: what the Space says to a query. No gradio in here, and no ranking of its own."""

from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd

from xsns_hf.dataset.published import task_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import MasksMissing, XsnsError
from xsns_hf.gold import Gold
from xsns_hf.languages.codes import name
from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.genealogy import Genealogy
from xsns_hf.predictors.geography import Geography
from xsns_hf.predictors.lang2vec import Lang2Vec
from xsns_hf.ranking.advice import difference
from xsns_hf.ranking.headline import expected_headline, measured_in_words, place_of_english, similarity_headline
from xsns_hf.ranking.rank import Ranking, Source, order_sources, rank_sources
from xsns_hf.ranking.suggestions import Suggestions, suggest_in
from xsns_hf.ranking.wording import listed
from xsns_hf.space.answering.query import Query, language, languages
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.keeping import Kept
from xsns_hf.tasks import TASKS

TOGETHER = 3
"""Sources for training on several at once, as in the paper (§6.4)."""

MOST_SHOWN = 200

KEPT = 256
"""Answers that are kept of a dataset's copy: some tens of kilobytes each."""

_URIEL: dict[str, type[Predictor]] = {kind.name: kind for kind in (Lang2Vec, Genealogy, Geography)}

_kept: WeakKeyDictionary[RecipeMasks, "Kept[Query, Answer]"] = WeakKeyDictionary()
_golds: WeakKeyDictionary[MaskRepository, dict[str, Gold | None]] = WeakKeyDictionary()
"""What is known of the copies of datasets that are in memory, see `Shelf`."""


def predictors() -> dict[str, str]:
    """Return the ways to rank: name and what it is."""
    return {"xsns": "Sub-network similarity (X-SNS)"} | {key: predictor.about for key, predictor in _URIEL.items()}


class NoMasks(MasksMissing):
    """The target has no masks; the sentence says what a visitor can do about it.

    Attributes:
        query: as it was asked, with canonical codes.
        masks: those in which it was looked for.
    """

    def __init__(self, query: Query, masks: RecipeMasks):
        """Say so."""
        super().__init__(_no_masks(query.target, masks))
        self.query, self.masks = query, masks


@dataclass(frozen=True)
class Answer:
    """The sources for a target.

    Attributes:
        query: as it was asked, with canonical codes.
        masks: those taken.
        suggestions: all candidates, best first, and what to expect of them where scores of the task are known.
        measured: the scores of the target itself by source, best first, where it was tested; nothing is learnt from
            them.
        notes: what the visitor should know beside.
    """

    query: Query
    masks: RecipeMasks
    suggestions: Suggestions
    measured: pd.Series | None = field(compare=False)
    notes: list[str]

    @property
    def ranking(self) -> Ranking:
        """The ranking, in the order that is shown."""
        return self.suggestions.ranking

    @property
    def shown(self) -> list[Source]:
        """The best sources, as many as were asked for."""
        return self.ranking.sources[: self.query.top]

    @property
    def together(self) -> list[Source]:
        """The sources to train on together."""
        return self.ranking.sources[:TOGETHER]

    @property
    def learnt_from(self) -> str | None:
        """What the expected scores are learnt from, with its origin."""
        outlook = self.suggestions.outlook
        return ", ".join(filter(None, [outlook.gold.name, outlook.gold.origin])) if outlook else None

    def headline(self, target: str | None = None) -> list[str]:
        """Return what to take and how sure that is, in sentences of which the first is the headline.

        Args:
            target: what to call the target; by default its name.
        """
        if self.query.predictor != "xsns":
            best, way = self.ranking.sources[0].name, self.query.predictor
            called = target or name(self.ranking.target)
            return [f"Nearest to {called} by {way}: {best}.", "How sure that is can't be said."]
        if self.suggestions.outlook:
            return expected_headline(self.ranking, self.suggestions.outlook, self.query.task, target)
        return [*similarity_headline(self.ranking, target), place_of_english(self.ranking)]

    def more(self) -> list[str]:
        """Return what is to be said beside the headline, in sentences."""
        outlook = self.suggestions.outlook
        said = [self.suggestions.lack]
        if outlook is not None and self.measured is not None:
            said.append(measured_in_words(self.measured, self.ranking, outlook))
        if outlook is not None:
            said.append(difference(self.ranking, outlook))
        said.append(self.several())
        return [sentence for sentence in said if sentence]

    def several(self) -> str:
        """Say which sources to train on together, where there are enough."""
        if len(self.ranking.sources) <= TOGETHER:
            return ""
        return f"To train on three sources at once: {listed([source.name for source in self.together])}."

    def table(self) -> pd.DataFrame:
        """Return the sources shown, a row each, as plain values: what a CSV file holds."""
        rows = self.suggestions.to_frame().head(len(self.shown))
        rows.insert(0, "rank", range(1, len(rows) + 1))
        if self.suggestions.outlook is not None:
            numbers = rows.columns[rows.columns.get_loc("as_good_as_best") + 1 :]
            rows[numbers] = rows[numbers].round(4)
        if self.measured is not None:
            rows["measured"] = rows["language"].map(self.measured)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain records, for programs."""
        table = self.table().astype(object)
        outlook = self.suggestions.outlook
        return {
            "target": self.ranking.target,
            "has_masks": True,
            "task": self.query.task or None,
            "masks": self.masks.repository.name,
            "recipe": self.ranking.recipe,
            "predictor": self.query.predictor,
            "ordered_by": self.suggestions.ordered_by if self.query.predictor == "xsns" else self.query.predictor,
            "seeds": self.ranking.seeds,
            "candidates": len(self.ranking.sources),
            "sources": table.where(table.notna(), None).to_dict("records"),
            "recommendation": " ".join(filter(None, self.headline())),
            "advice": self.more(),
            "best_set": outlook.best_set if outlook else None,
            "together": [source.language for source in self.together],
            "scores": self.learnt_from,
            "missing": self.ranking.missing,
            "notes": self.notes,
        }


def answer(query: Query, shelf: Shelf) -> Answer:
    """Rank sources for a query's target; one that was answered lately from the same copy isn't computed again.

    Raises:
        NoMasks: there are none of the target.
        XsnsError: an unknown language, masks, task or way to rank; or there are no masks of the candidates.
    """
    understood = _understood(query)
    masks = _fitting(understood, shelf)
    if understood.target not in masks.languages:
        raise NoMasks(understood, masks)
    given = _kept.setdefault(masks, Kept(KEPT)).get(understood, lambda: _answered(understood, masks))
    return replace(given, notes=[*shelf.notes(), *given.notes])


def gold_for(masks: RecipeMasks, task: str) -> Gold | None:
    """Return the scores that are known of a task: published with masks, else shipped; None if there are none."""
    golds = _golds.setdefault(masks.repository, {})
    if task not in golds:
        golds[task] = task_gold(masks.repository, task)
    return golds[task]


def pool(query: Query) -> list[str] | None:
    """Return the candidates that are listed; None for all that there are masks of.

    Raises:
        XsnsError: one isn't a language, or there is no such task.
    """
    if query.task and query.task not in TASKS:  # nor is it ever a file of this machine
        raise XsnsError(f"There is no task called {query.task[:80]!r}: use {', '.join(TASKS)}, or none.")
    return languages(query.candidates) or None


def similarity(source: str, target: str, masks: RecipeMasks) -> dict[str, Any]:
    """Return how alike the sub-networks of two languages are, as a plain record.

    Raises:
        XsnsError: an unknown language, or one without masks.
    """
    source, target = language(source), language(target)
    for code in (source, target):
        if code not in masks.languages:
            raise MasksMissing(_no_masks(code, masks))
    found = _itself(masks) if source == target else _alike(source, target, masks)
    return {"source": source, "target": target, "masks": masks.repository.name, "recipe": masks.name} | found


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


def _understood(query: Query) -> Query:
    """Return a query with canonical codes and within limits.

    Raises:
        XsnsError: of what isn't known; see `answer`.
    """
    if query.predictor not in predictors():
        raise XsnsError(f"There is no way to rank called {query.predictor[:80]!r}: use {', '.join(predictors())}.")
    candidates = tuple(pool(query) or ())
    top = min(max(query.top, 1), MOST_SHOWN)
    return replace(query, target=language(query.target), candidates=candidates, top=top)


def _fitting(query: Query, shelf: Shelf) -> RecipeMasks:
    """Return the masks asked for; where the recipe is left open, those of the target and the most of its candidates.

    Raises:
        XsnsError: there are none such.
    """
    masks = shelf.choose(query.masks, query.recipe, query.target)
    if query.recipe:
        return masks
    others = _others(query, masks)

    def fit(some: RecipeMasks) -> tuple[bool, int]:
        return query.target in some.languages, len(others & {*some.languages})

    return max(shelf.beside(masks), key=fit, default=masks)


def _others(query: Query, masks: RecipeMasks) -> set[str]:
    """Return the languages that masks should have beside the target: the candidates, else those with scores."""
    if query.candidates or not query.task:
        return {*query.candidates}
    gold = gold_for(masks, query.task)
    return {*gold.sources} if gold else set()


def _answered(query: Query, masks: RecipeMasks) -> Answer:
    """Answer a query that is understood."""
    gold = gold_for(masks, query.task) if query.task else None
    learnt = gold if query.predictor == "xsns" else None
    task = (query.task or None) if query.predictor == "xsns" else None
    suggestions = suggest_in(masks, query.target, learnt, candidates=query.candidates or None, task=task)
    if query.predictor != "xsns":
        suggestions = Suggestions(_by_uriel(suggestions.ranking, query.predictor))
    missing = suggestions.missing
    notes = [f"No masks of {', '.join(map(name, missing))}: they aren't ranked."] if missing else []
    return Answer(query, masks, suggestions, _measured(gold, query.target), notes)


def _measured(gold: Gold | None, target: str) -> pd.Series | None:
    """Return the target's own scores by source, best first; None if it has none."""
    scores = gold.matrix() if gold else pd.DataFrame()
    if target not in scores.index:
        return None
    own = scores.loc[target].drop(target, errors="ignore").dropna()
    return None if own.empty else own.sort_values(ascending=False, kind="stable")


def _alike(source: str, target: str, masks: RecipeMasks) -> dict[str, Any]:
    ranking = rank_sources(target, masks.repository, recipe=masks.name, candidates=[source])
    (ranked,) = ranking.sources
    return {"similarity": ranked.similarity, "std": ranked.std, "seeds": ranking.seeds}


def _itself(masks: RecipeMasks) -> dict[str, Any]:
    """Return how alike a language is to itself, which needs no look at its masks."""
    return {"similarity": 1.0, "std": 0.0 if len(masks.seeds) > 1 else None, "seeds": len(masks.seeds)}


def _no_masks(code: str, masks: RecipeMasks) -> str:
    """Say that there are no masks of a language, and what a visitor can do about it."""
    return (
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
