"""The answer in a few words: what is named, what is counted, and what is said of it."""

import pandas as pd
import pytest
from test_advice import made

from xsns_hf.ranking.headline import (
    counted,
    expected_headline,
    measured_in_words,
    place_of_english,
    similarity_headline,
)
from xsns_hf.ranking.rank import Ranking, Source


def similar(*alike: str, seeds: int = 3, others: tuple[str, ...] = ("eng", "vie")) -> Ranking:
    """Return a ranking whose first sources can't be told apart."""
    several = seeds > 1
    sources = [
        Source(code, code.title(), 0.9 - place / 100, 0.01 if several else None, code in alike if several else None)
        for place, code in enumerate([*alike, *others])
    ]
    return Ranking("fin", "recipe", seeds, sources, [])


def test_those_expected_within_a_point_of_each_other():
    ranking, outlook = made([80, 79.5, 79.1, 60], [0.4, 0.3, 0.25, 0.05], [0.6, 0.5, 0.3, 0.1], [3, 2, 1, 0])
    outlook.table[["lower", "upper"]] = [60.0, 90.0]
    assert expected_headline(ranking, outlook, "ner") == [
        "For Finnish named entity recognition: German, Swedish or English.",
        "Take any: they are expected within a point of each other, at about 80 (90 %: 60 to 90).",
        "With 95 % one of them is the best of 4 sources.",
        "English is about as good, as on 9 other targets on average.",
    ]


def test_one_that_is_ahead_and_what_english_costs():
    ranking, outlook = made([80, 70, 60, 50], [0.9, 0.05, 0.03, 0.02], [0.9, 0.1, 0.1, 0.1], [3, 2, 1, 0])
    outlook.table[["lower", "upper"]] = [60.0, 90.0]
    first, level, held, english = expected_headline(ranking, outlook)
    assert first == "For Finnish: German."
    assert level == "It is expected to score about 80 (90 %: 60 to 90)."
    assert held == "With 90 % it is the best of 4 sources."
    assert english == "English instead costs about 20 points, as on 9 other targets on average."


def test_many_are_counted():
    ranking, outlook = made([80, 79, 70, 60], [0.3, 0.25, 0.23, 0.22], [0.3, 0.2, 0.2, 0.1], [3, 2, 1, 0])
    outlook.table[["lower", "upper"]] = [60.0, 90.0]
    _, level, held, _ = expected_headline(ranking, outlook)
    assert level.endswith("English about 10 points less.")
    assert held == "With 100 % the best of 4 is one of these or of 1 other."


@pytest.mark.parametrize("number", [100, 500])
def test_a_headline_names_three_ties_however_many_there_are(number):
    names = [f"q{number:03}" for number in range(number)]
    headline, _ = similarity_headline(similar(*names))
    assert headline == f"Most alike to Finnish: Q000; can't be told apart: Q001, Q002, Q003 and {number - 4} others."
    assert counted(["A", "B"]) == "A and B"


def test_similarity_says_how_sure_it_is():
    assert similarity_headline(similar("swe"))[0] == "Most alike to Finnish: Swe."
    assert "ahead of all others" in similarity_headline(similar("swe"))[1]
    assert "one sample of text only" in similarity_headline(similar("swe", seeds=1))[1]
    assert "only candidate" in similarity_headline(similar("swe", others=()))[1]
    assert similarity_headline(similar("swe"), "your language")[0] == "Most alike to your language: Swe."
    assert place_of_english(similar("swe")) == "English, the usual choice, is number 2 of 3."


def test_what_was_measured_is_said_as_measured():
    ranking, outlook = made([80, 79, 74, 60], [0.5, 0.4, 0.06, 0.04], [0.7, 0.6, 0.1, 0.1], [3, 2, 1, 0])
    measured = pd.Series({"vie": 90.0, "rus": 75.04, "swe": 71.0, "eng": 70.0})
    assert measured_in_words(measured, ranking, outlook) == (
        "Measured on Finnish itself, and not used here: of 3 sources Russian is the best with 75.0; Swedish has 71.0, "
        "English has 70.0."
    )
    assert measured_in_words(pd.Series({"vie": 90.0}), ranking, outlook) == ""
