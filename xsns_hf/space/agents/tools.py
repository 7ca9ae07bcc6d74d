"""The tools. Their docstrings and annotations are all that a language model reads of them."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import Field

from xsns_hf.space.agents import records
from xsns_hf.space.agents.results import Results
from xsns_hf.space.answering.query import MOST_CANDIDATES, TOP, Query, separate
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.visitors import Visitors

P = ParamSpec("P")
R = TypeVar("R")

Language = Annotated[str, Field(description="A language: an ISO 639 code or an English name, such as swh or Swahili.")]
Candidates = Annotated[
    list[str] | str,
    Field(
        description="The languages with labelled data to choose from, codes or names: a list, or a string with commas "
        f"between; {MOST_CANDIDATES} at most. Empty: all with masks."
    ),
]
AnyTask = Annotated[
    Literal["any", "pos", "ner", "nli", "pi", "qa"],
    Field(
        description="What is labelled: pos (part-of-speech tagging), ner (named entities), nli (natural language "
        "inference), pi (paraphrases), qa (question answering); any: nothing in particular, by similarity alone."
    ),
]
Masks = Annotated[str, Field(description="Name of a mask dataset, as xsns_list_masks has it; empty: the first.")]
Recipe = Annotated[str, Field(description="Name of its recipe, as xsns_list_masks has it; empty: the first.")]
By = Annotated[
    Literal["xsns", "lang2vec", "genealogy", "geography"],
    Field(
        description="What to rank by: xsns (sub-networks, and what scores to expect where they are known), lang2vec "
        "(sounds and grammar), genealogy (descent), geography (nearness). All but xsns are for comparison."
    ),
]


class Tools:
    """What can be asked of a shelf's masks."""

    def __init__(self, shelf: Shelf, visitors: Visitors):
        """Take the masks.

        Args:
            shelf: those on offer.
            visitors: whose turn it is.
        """
        self._results = Results(shelf, visitors)
        self._threads = CapacityLimiter(visitors.calls.most + visitors.looks.most)

    @property
    def all(self) -> list[Callable[..., Any]]:
        """The tools: coroutines that take checked arguments."""
        tools: list[Callable[..., Any]] = [
            self.xsns_rank_sources,
            self.xsns_best_sets,
            self.xsns_similarity,
            self.xsns_explain_overlap,
            self.xsns_list_languages,
            self.xsns_list_masks,
        ]
        return [self._in_thread(tool) for tool in tools]

    def _in_thread(self, tool: Callable[P, R]) -> Callable[P, Any]:
        @wraps(tool)
        async def answered(*args: P.args, **kwargs: P.kwargs) -> R:
            return await to_thread.run_sync(lambda: tool(*args, **kwargs), limiter=self._threads)

        return answered

    def xsns_rank_sources(
        self,
        target: Language,
        candidates: Candidates = "",
        task: AnyTask = "any",
        masks: Masks = "",
        recipe: Recipe = "",
        top: Annotated[int, Field(ge=1, le=200, description="How many sources to return, the best ones.")] = TOP,
        predictor: By = "xsns",
    ) -> records.Ranked:
        """Rank source languages: which language to fine-tune a multilingual model on, so that it works on a target
        language that has no labelled data (zero-shot cross-lingual transfer).

        The order is by the score to expect where scores of the task are known, else by how much the sub-networks
        that two languages excite in the model overlap (X-SNS, Yun et al. 2023). `advice` says in sentences what to
        take, how sure that is and how much it matters. A target without masks is answered by sounds, grammar and
        descent instead, with `has_masks` false.
        """
        return self._results.ranked(_query(target, candidates, task, masks, recipe, top, predictor))

    def xsns_best_sets(
        self,
        target: Language,
        candidates: Candidates = "",
        task: AnyTask = "any",
        masks: Masks = "",
        recipe: Recipe = "",
    ) -> records.Sets:
        """Name sets of source languages for a target: for training on one language, the few that hold the best one;
        for training on several at once, the three best, and the three whose sub-networks complete each other.

        The last looks into the masks, where they are there, and may take a minute.
        """
        return self._results.sets(_query(target, candidates, task, masks, recipe))

    def xsns_similarity(
        self, source: Language, target: Language, masks: Masks = "", recipe: Recipe = ""
    ) -> records.Similarity:
        """Say how similar the sub-networks of two languages in a multilingual model are (Jaccard coefficient, 0 to 1).

        Only similarities of the same masks and recipe can be compared.
        """
        return self._results.similarity(source, target, masks, recipe)

    def xsns_explain_overlap(
        self, source: Language, target: Language, masks: Masks = "", recipe: Recipe = ""
    ) -> records.Overlap:
        """Say where in the model two languages share their sub-networks: by layer and by module, beside chance.

        Looks into the masks, which may take a minute; of datasets with similarities only it can't.
        """
        return self._results.overlap(source, target, masks, recipe)

    def xsns_list_languages(self, masks: Masks = "", recipe: Recipe = "") -> records.Languages:
        """List the languages that have masks: those can be targets or sources."""
        return self._results.languages(masks, recipe)

    def xsns_list_masks(self) -> records.AllMasks:
        """List the masks that can be asked: of which model, from which text, of how many languages."""
        return self._results.masks()


def _query(
    target: str,
    candidates: list[str] | str,
    task: str,
    masks: str,
    recipe: str,
    top: int = TOP,
    predictor: str = Query.predictor,
) -> Query:
    """Return what is asked."""
    listed = separate(candidates) if isinstance(candidates, str) else tuple(candidates)
    return Query(target, masks, recipe, "" if task == "any" else task, listed, top, predictor)
