"""What is said of an answer where its link is passed on: a few words and its first sources."""

from dataclasses import dataclass

from xsns_hf.languages.codes import name, name_and_code
from xsns_hf.space.answers import ENGLISH, Answer

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
        title: what was asked.
        headline: the answer in a sentence.
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
    expected, recipe, seeds = given.expected, given.masks.recipe, given.ranking.seeds
    similarity = f"similarity ± SD over {seeds} samples of text" if seeds > 1 else "similarity"
    return Card(
        f"Sources for {name_and_code(given.ranking.target)}",
        given.recommendation(),
        tuple(_dots(given)),
        similarity if expected is None else "expected score, with what holds 90 %",
        f"{recipe.model_name} · {len(given.masks.languages)} languages · X-SNS",
    )


def _dots(given: Answer) -> list[Dot]:
    dots = []
    for rank, source in enumerate(given.ranking.sources, 1):
        is_english = source.language == ENGLISH
        if rank <= MOST_SOURCES or is_english:
            if given.expected is None:
                value, spread = source.similarity, source.std or 0.0
                lower, upper = value - spread, value + spread
            else:
                value, lower, upper = given.expected.loc[source.language, ["expected", "lower", "upper"]]
            dots.append(Dot(name(source.language), float(value), float(lower), float(upper), rank, is_english))
    return dots
