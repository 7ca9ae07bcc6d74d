"""How sure a ranking is, and what score to expect, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.ranking.rank import Ranking

if TYPE_CHECKING:
    import pandas as pd


def listed(names: Sequence[str], joined_by: str = "and") -> str:
    """Return names as a sentence has them: `Swedish, Danish and Dutch`."""
    return f"{', '.join(names[:-1])} {joined_by} {names[-1]}" if len(names) > 1 else names[0]


def certainty(ranking: Ranking) -> str:
    """Return a sentence that says which source's sub-network is the most similar, and how sure that is."""
    best = ranking.most_similar
    others = [source for source in ranking.candidates if source is not best]
    if not others:
        return f"{best.name} is the only candidate: there is nothing to compare it with."
    if ranking.seeds == 1:
        return f"Best source: {best.name}. There is one sample of text only, so how sure that is can't be said."
    equals = [source.name for source in others if source.as_good_as_best]
    if equals:
        return f"Best source: {best.name}; {', '.join(equals)} can't be told apart from it over {ranking.seeds} seeds."
    return f"Best source: {best.name}, ahead of all others by more than the spread over {ranking.seeds} seeds."


def shipped(masks: RecipeMasks) -> str:
    """Say which similarities these are, and how to have one's own, if they ship with the package; else ""."""
    if not isinstance(masks.repository.store, Ready):
        return ""
    recipe, samples = masks.recipe, len(masks.seeds)
    return (
        f"Similarities that ship with xsns: {recipe.model_name}, {recipe.examples} sentences × {samples} of "
        f"{recipe.corpus}. For your own model: xsns extract --model NAME --text FOLDER --out masks"
    )


def in_points(expected: "pd.DataFrame") -> bool:
    """Return whether expected scores are in points, of a hundred, and not fractions."""
    return bool(expected["expected"].abs().max() > 2)


def expected_text(expected: "pd.DataFrame", source: str) -> str:
    """Return the score to expect from a source with its interval: `87.1 (80.2–94.0)`."""
    digits = 1 if in_points(expected) else 2
    columns = ("expected", "lower", "upper")
    score, lower, upper = (f"{expected.at[source, column]:.{digits}f}" for column in columns)
    return f"{score} ({lower}–{upper})"
