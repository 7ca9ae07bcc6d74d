"""The Space from code: named endpoints that take and return plain values. Language models have tools, see `agents`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from xsns_hf.errors import XsnsError
from xsns_hf.space.answering.answers import NoMasks, answer, languages_of
from xsns_hf.space.answering.answers import similarity as similarity_of
from xsns_hf.space.answering.query import TOP, Query, separate
from xsns_hf.space.answering.without_masks import record_without_masks
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.html import plain

P = ParamSpec("P")
R = TypeVar("R")

AT_ONCE = 4
"""Requests that are computed at the same time; others wait."""


class Endpoints:
    """What can be asked of a shelf's masks from code."""

    def __init__(self, shelf: Shelf):
        self.shelf = shelf

    def rank(
        self,
        target: str,
        candidates: list[str] | str = "",
        task: str = "",
        recipe: str = "",
        masks: str = "",
        top: int = TOP,
        predictor: str = "xsns",
    ) -> dict[str, Any]:
        """Rank source languages for fine-tuning a multilingual model that is to work on a target language.

        Args:
            target: Language to transfer to: an ISO 639 code or an English name, such as swh or Swahili.
            candidates: Languages with labelled data, codes or names: a list, or with commas between. Empty: all.
            task: One of ner, pos, nli, pi, qa, or empty: adds scores to expect, where some are known.
            recipe: Name of the masks' recipe; empty for the first one.
            masks: Name of the mask dataset; empty for the first one.
            top: Number of sources to return, the best ones.
            predictor: xsns (sub-network similarity), or where available lang2vec, genealogy, geography.

        Returns:
            The sources, best first, with similarity, spread over seeds and whether the masks tell them apart from the
            best, and scores to expect; a recommendation in words; the best three for training on several sources. Of a
            target without masks (`has_masks` is false): what is known by sounds, grammar and descent.
        """
        listed = tuple(map(str, candidates)) if isinstance(candidates, list) else separate(candidates or "")
        try:
            return answer(Query(target, masks, recipe, task, listed, int(top), predictor), self.shelf).to_dict()
        except NoMasks as missing:
            return record_without_masks(missing, self.shelf.notes())

    def similarity(self, source: str, target: str, recipe: str = "", masks: str = "") -> dict[str, Any]:
        """Say how similar the sub-networks of two languages are in a multilingual model (Jaccard coefficient, 0 to 1).

        Args:
            source: A language, as ISO 639 code or English name.
            target: Another language.
            recipe: Name of the masks' recipe; empty for the first one.
            masks: Name of the mask dataset; empty for the first one.

        Returns:
            The mean similarity over seeds and its standard deviation.
        """
        return similarity_of(source, target, self.shelf.choose(masks, recipe))

    def languages(self, recipe: str = "", masks: str = "") -> list[dict[str, Any]]:
        """List the languages that can be targets or sources.

        Args:
            recipe: Name of the masks' recipe; empty for the first one.
            masks: Name of the mask dataset; empty for the first one.

        Returns:
            Code, English name, number of seeds and of sentences of each language.
        """
        return languages_of(self.shelf.choose(masks, recipe))


def add_endpoints(shelf: Shelf) -> None:
    """Add /rank, /similarity and /languages to the page that is being built."""
    endpoints = Endpoints(shelf)
    for endpoint in (endpoints.rank, endpoints.similarity, endpoints.languages):
        gr.api(_worded(endpoint), api_name=endpoint.__name__, concurrency_limit=AT_ONCE, concurrency_id="endpoints")


def _worded(endpoint: Callable[P, R]) -> Callable[P, R]:
    """Turn a visitor's mistake into an error that the client shows as one sentence."""

    @wraps(endpoint)
    def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return endpoint(*args, **kwargs)
        except XsnsError as error:
            raise gr.Error(plain(str(error)), print_exception=False) from error
        except Exception as error:  # of an argument that isn't of its type, say; gradio would quote it
            raise gr.Error("No answer: check the types of the arguments.", print_exception=False) from error

    return answered


def snippet(query: Query, address: str) -> str:
    """Return Python code that asks the same through gradio_client.

    Args:
        query: what to ask.
        address: `user/space`, or where the page is served.
    """
    values = {
        "candidates": ", ".join(query.candidates),
        "task": query.task,
        "recipe": query.recipe,
        "masks": query.masks,
        "top": query.top,
        "predictor": query.predictor,
    }
    defaults = {"top": TOP, "predictor": "xsns"}
    asked = {key: value for key, value in values.items() if value != defaults.get(key, "")}
    arguments = "".join(f"    {key}={value!r},\n" for key, value in ({"target": query.target} | asked).items())
    return f"""from gradio_client import Client

client = Client({address!r})
answer = client.predict(
{arguments}    api_name="/rank",
)
for source in answer["sources"]:
    print(source["rank"], source["name"], source["similarity"])
"""
