"""What is said of an answer where its link is passed on: a few words and its first sources."""

from collections.abc import Sequence
from dataclasses import dataclass

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.ranking.advice import ENGLISH
from xsns_hf.ranking.rank import Source
from xsns_hf.space.answering.answers import Answer
from xsns_hf.space.answering.opening import heading
from xsns_hf.space.catalogue import Shelf

QUESTION = "Which source language should I fine-tune on?"
ABOUT = (
    "You have labelled data in some languages, and none in yours. Sources ranked by how much of a multilingual model "
    "they share with it (X-SNS), from raw text alone."
)

MOST_SOURCES = 6
"""Sources that a card shows, English aside: what can be read of a picture as small as a stamp."""


@dataclass(frozen=True)
class Dot:
    """A source on a card.

    Attributes:
        name: of the language.
        value: its similarity, or the score to expect.
        lower: where what else it may be begins, in the same unit.
        upper: where that ends.
        rank: of all candidates, from 1.
        is_english: whether it is the usual choice.
    """

    name: str
    value: float
    lower: float
    upper: float
    rank: int
    is_english: bool


@dataclass(frozen=True)
class Card:
    """An answer as it is passed on; two that are equal look alike.

    Attributes:
        title: the answer in a few words.
        headline: how sure it is, in sentences.
        dots: its first sources, and English.
        axis: what their values are.
        footer: where they are from.
    """

    title: str = QUESTION
    headline: str = ABOUT
    dots: tuple[Dot, ...] = ()
    axis: str = ""
    footer: str = ""


def card_of(given: Answer) -> Card:
    """Return the card of an answer."""
    first, *sure = given.headline()
    return Card(first, " ".join(filter(None, sure)), tuple(_dots(given)), _axis(given), _footer([given.masks]))


def own_card(shelf: Shelf) -> Card:
    """Return the card of the page itself.

    Raises:
        XsnsError: there are no masks to answer from.
    """
    same = shelf.beside(shelf.choose())
    return Card(headline=heading(same), footer=_footer(same))


def _footer(same: Sequence[RecipeMasks]) -> str:
    languages = {code for masks in same for code in masks.languages}
    return f"{same[0].recipe.model_name} · {len(languages)} languages · X-SNS"


def _axis(given: Answer) -> str:
    seeds = given.ranking.seeds
    if given.query.predictor != "xsns":
        return given.query.predictor
    if given.suggestions.outlook is not None:
        return "expected score, with what holds 90 %"
    return f"similarity ± SD over {seeds} samples of text" if seeds > 1 else "similarity"


def _dots(given: Answer) -> list[Dot]:
    dots = []
    for rank, source in enumerate(given.ranking.sources, 1):
        is_english = source.language == ENGLISH
        if rank <= MOST_SOURCES or is_english:
            dots.append(Dot(source.name, *_values(given, source), rank, is_english))
    return dots


def _values(given: Answer, source: Source) -> tuple[float, float, float]:
    """Return a source's value, and between which others it may be."""
    if (outlook := given.suggestions.outlook) is None:
        spread = source.std or 0.0
        return source.similarity, source.similarity - spread, source.similarity + spread
    value, lower, upper = outlook.table.loc[source.language, ["expected", "lower", "upper"]]
    return float(value), float(lower), float(upper)
