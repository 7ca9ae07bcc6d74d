"""What the page opens on: a fact from the scores that are known, the languages that there are, examples to ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.expectation.donors import without_itself
from xsns_hf.expectation.levels import Scale
from xsns_hf.gold import Gold
from xsns_hf.languages.codes import name
from xsns_hf.ranking.advice import ENGLISH
from xsns_hf.ranking.headline import task_in_words
from xsns_hf.safe_text import for_html
from xsns_hf.space.answering.answers import answer, gold_for
from xsns_hf.space.answering.card import dataset_link
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.html import note_html
from xsns_hf.tasks import TASKS

EXAMPLES = (("swh", "ner"), ("ekk", "pos"), ("fin", "pos"), ("ben", "qa"), ("isl", "pos"), ("gla", "pos"), ("hsb", ""))
"""Languages and tasks that are asked as examples, where they are there."""

MOST_EXAMPLES = 4

IN_SHORT = {"pos": "tagging", "ner": "named entities", "nli": "inference", "pi": "paraphrases", "qa": "questions"}
"""What tasks are called on an example."""

FEWEST_TARGETS = 5
"""Languages with scores from which on a fact is said of them."""

_kept: WeakKeyDictionary[MaskRepository, str] = WeakKeyDictionary()


@dataclass(frozen=True)
class AgainstEnglish:
    """How often some other source than English is the best.

    Attributes:
        better: number of targets on which one is.
        targets: of how many.
        points: by which the best one is ahead on these, on average.
    """

    better: int
    targets: int
    points: float


def against_english(gold: Gold) -> AgainstEnglish | None:
    """Count the targets that English isn't the best source for; None where too few have scores.

    Args:
        gold: scores of a task.
    """
    scores = without_itself(gold.matrix())
    if ENGLISH not in scores:
        return None
    gains = (scores.drop(columns=ENGLISH).max(axis=1) - scores[ENGLISH]).dropna()
    if len(gains) < FEWEST_TARGETS:
        return None
    better = gains[gains > 0] / Scale.of(scores).point
    return AgainstEnglish(len(better), len(gains), float(better.mean()) if len(better) else 0.0)


def opening_html(shelf: Shelf) -> str:
    """Return what stands where the answer will be, before the first question.

    Raises:
        XsnsError: there are no masks to answer from.
    """
    first = shelf.choose()
    if first.repository not in _kept:
        _kept[first.repository] = _html(shelf.beside(first), shelf)
    return _kept[first.repository] + "".join(map(note_html, shelf.notes()))


def examples(shelf: Shelf) -> list[Query]:
    """Return questions to begin with: of languages that there are, and tasks that scores are known of."""
    masks = shelf.choices()
    codes = {code for each in masks for code in each.languages}
    known = {task for task in TASKS if any(gold_for(each, task) for each in masks)}
    asked = [Query(code, task=task if task in known else "") for code, task in EXAMPLES if code in codes]
    others = sorted(codes - {query.target for query in asked} - {ENGLISH}, key=name)
    asked += [Query(code, task=task) for code, task in zip(others, [*sorted(known), "", ""], strict=False)]
    return [query for query in dict.fromkeys(asked) if _has_answer(query, shelf)][:MOST_EXAMPLES]


def example_label(query: Query) -> str:
    """Return what an example says: `Estonian · tagging`."""
    return " · ".join(filter(None, [name(query.target), IN_SHORT.get(query.task, query.task)]))


def heading(same: Sequence[RecipeMasks]) -> str:
    """Return what one is to know first of a repository's masks."""
    number = len({code for masks in same for code in masks.languages})
    return _fact(same[0]) or f"{number} languages, and how alike {same[0].recipe.model_name} takes them to be."


def _html(same: Sequence[RecipeMasks], shelf: Shelf) -> str:
    number = len({code for masks in same for code in masks.languages})
    models = ", ".join(dict.fromkeys(masks.recipe.model_name for masks in same))
    chips = "".join(
        f'<li><a href="{for_html(query.link())}">{for_html(example_label(query))}</a></li>' for query in examples(shelf)
    )
    return f"""
<section class="xsns-opening" aria-label="To begin with">
<h2>{for_html(heading(same))}</h2>
<p>{number} languages in {for_html(models)}, from {dataset_link(same[0])}. Choose yours above, or try:</p>
<ul class="xsns-chips">{chips}</ul>
</section>"""


def _fact(masks: RecipeMasks) -> str:
    """Say how often English isn't the best source, of the first task of which that is known; "" if of none."""
    for task in TASKS:
        gold = gold_for(masks, task)
        found = against_english(gold) if gold else None
        if found and found.better:
            return (
                f"For {found.better} of {found.targets} languages some other source beats English on "
                f"{task_in_words(task)}, the best one by {found.points:.0f} points on average."
            )
    return ""


def _has_answer(query: Query, shelf: Shelf) -> bool:
    """Return whether a question has an answer, and what is asked of a task has scores to expect."""
    try:
        given = answer(query, shelf)
    except XsnsError:
        return False
    return not query.task or given.suggestions.outlook is not None
