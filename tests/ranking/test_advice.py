"""What is said of an outlook: which to take, whether it matters, what English costs, why the order differs."""

import pandas as pd
import pytest

from xsns_hf.expectation.choice import Choice
from xsns_hf.expectation.learning import Expectation
from xsns_hf.expectation.levels import Levels, Scale
from xsns_hf.gold import Gold
from xsns_hf.ranking.advice import advice, difference, learnt
from xsns_hf.ranking.expected_scores import Outlook
from xsns_hf.ranking.rank import Ranking, Source

CODES = ["deu", "swe", "eng", "rus"]


def made(
    expected: list[float],
    best: list[float],
    close: list[float],
    strength: list[float],
    *,
    top: float = 100,
    known=CODES,
    structure: list[float] | float = 0.0,
) -> tuple[Ranking, Outlook]:
    """Return a ranking by similarity (Russian, English, Swedish, German) and an outlook in the order of `CODES`."""
    sources = [Source(code, code, similarity / 10, None, None) for similarity, code in enumerate(CODES)]
    ranking = Ranking("fin", "recipe", 1, sources[::-1], [])
    values, similar = pd.Series(strength, CODES), range(len(CODES))
    levels = Levels(Scale(top), 1.0, 1.0, values, values)
    parts = pd.DataFrame({"similarity": similar, "structure": structure, "donor": values}, CODES)
    lost = expected[0] - pd.Series(expected, CODES)
    expectation = Expectation(parts.sum(axis=1), parts, values, 0.5, 9, Choice(1, 1), levels, 0.5, lost)
    table = pd.DataFrame({"expected": expected, "best": best, "close": close}, CODES)
    rows = pd.DataFrame({"source": known, "target": "est", "seed": 0, "score": 1.0})
    return ranking, Outlook(Gold("ner", rows, []), expectation, table)


def test_a_few_that_hold_the_best_and_what_english_costs():
    said = advice(*made([80, 79, 74, 60], [0.5, 0.4, 0.06, 0.04], [0.7, 0.6, 0.1, 0.1], [3, 2, 1, 0]))
    assert said[0] == "Take any of these two: German, Swedish. The best of 4 is among them with 90 % probability."
    assert said[1] == "English would cost about 6 points, as on 9 other targets on average."


@pytest.mark.parametrize("top", [1, 100])
def test_where_the_choice_hardly_matters(top):
    expected = [75 * top / 100, 74.9 * top / 100, 74.8 * top / 100, 74 * top / 100]
    said = advice(*made(expected, [0.3, 0.3, 0.3, 0.1], [0.9, 0.9, 0.9, 0.6], [3, 2, 1, 0], top=top))
    assert (
        "The choice hardly matters here: most sources come within a point of the best; "
        "English is about as good, as on 9 other targets on average."
    ) in said


def test_one_that_is_likely_the_best():
    assert advice(*made([80, 70, 60, 50], [0.9, 0.05, 0.03, 0.02], [0.9, 0.1, 0.1, 0.1], [3, 2, 1, 0]))[0] == (
        "Take German: it is the best of 4 sources with 90 % probability."
    )


def test_why_the_orders_differ():
    arguments = ([80, 79, 74, 60], [0.5, 0.4, 0.06, 0.04], [0.7, 0.6, 0.1, 0.1], [3, 2, 1, 0])
    assert difference(*made(*arguments)) == (
        "By similarity alone number 1 would be Russian; German is, since on other targets it scored about 3 points "
        "more than Russian."
    )
    assert difference(*made(*arguments, known=["deu"])).endswith("and nothing is known of Russian as a source.")
    ranking, outlook = made(*arguments)
    same = Outlook(outlook.gold, outlook.expectation, outlook.table[::-1])
    assert difference(ranking, same) == ""
    assert learnt(outlook) == (
        "Ordered by expectation from ner: similarity of sub-networks joined with that of sounds and grammar, and with "
        "weight 0.5 how good a source was for 9 other targets."
    )
    assert difference(*made(*arguments, structure=[5, 0, 0, 0])) == (
        "By similarity alone number 1 would be Russian; German is, since its sounds and grammar are more like those of "
        "Finnish."
    )
