"""What the Space says, without a browser: which masks it offers, its answers, its words."""

import json
import shutil
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import pandas as pd
import pytest
from conftest import LANGUAGES
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf import MaskRepository, XsnsError, rank_sources
from xsns_hf.gold import Gold
from xsns_hf.safe_text import for_terminal
from xsns_hf.space import html as markup
from xsns_hf.space.answering.answers import answer, languages_of, predictors, similarity
from xsns_hf.space.answering.card import card_html
from xsns_hf.space.answering.query import Query, language, languages, separate
from xsns_hf.space.answering.table import table_html
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.handlers import Handlers, query_of
from xsns_hf.space.visitors import Visitors

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE languages; --",
    "../../etc/passwd",
    "\x00\x01\x02",
    "a" * 10_000_000,
    "fin" * 1_000_000,
    "😀" * 50,
    "{{7*7}}",
]


@pytest.fixture
def shelf(masks) -> Shelf:
    return Shelf([str(masks)])


class Page(HTMLParser):
    """The tags and the text of some HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def test_ranks_as_the_library_does(shelf, masks):
    found = answer(Query("Finnish"), shelf)
    assert found.ranking == rank_sources("fin", masks)
    assert found.query.target == "fin"
    records = json.loads(json.dumps(found.to_dict()))  # plain values only
    assert [row["language"] for row in records["sources"]] == [s.language for s in found.ranking.sources]
    assert [row["rank"] for row in records["sources"]] == [1, 2, 3, 4, 5, 6]
    assert records["recommendation"].startswith(f"Most alike to Finnish: {found.ranking.sources[0].name}")
    assert records["together"] == [source.language for source in found.ranking.sources[:3]]
    assert "English" in records["recommendation"]
    assert records["masks"] == "masks"  # the folder's name, not where it is


def test_a_list_narrows_the_candidates_and_a_task_does_not(shelf):
    listed = answer(Query("fin", candidates=("Swedish", "de", "yor")), shelf)
    assert sorted(s.language for s in listed.ranking.sources) == ["deu", "swe"]
    assert listed.ranking.missing == ["yor"]
    assert "Yoruba" in listed.notes[0]
    assert "English isn't among the candidates." in listed.headline()
    task = answer(Query("fin", task="pi"), shelf)
    assert len(task.ranking.sources) == 6
    assert "No scores of pi are known" in task.more()[0]
    assert not any("usual choice" in said for said in answer(Query("eng"), shelf).headline())


def test_shows_as_many_sources_as_asked_for(shelf):
    found = answer(Query("fin", top=2), shelf)
    assert len(found.table()) == 2
    assert len(found.ranking.sources) == 6
    assert len(answer(Query("fin", top=-5), shelf).table()) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("predictor", sorted(set(predictors()) - {"xsns"}))
def test_ranks_by_typology_descent_and_distance(shelf, predictor):
    found = answer(Query("fin", predictor=predictor), shelf)
    assert found.ranking.seeds == 1
    assert len(found.ranking.sources) == 6
    assert found.suggestions.outlook is None
    assert predictor in found.headline()[0]
    assert found.query.predictor == predictor


def test_uriel_ranks_by_sense(shelf):
    assert answer(Query("deu", predictor="genealogy"), shelf).ranking.sources[0].language in {"eng", "swe"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (Query(""), "Choose a target language"),
        (Query("Klingonese"), "not a language we know"),
        (Query("yor"), "no masks of Yoruba (yor) here yet"),
        (Query("fin", masks="../masks"), "no masks called '../masks'"),
        (Query("fin", masks="user/other"), "no masks called"),
        (Query("fin", recipe="none"), "no masks of the recipe 'none'"),
        (Query("fin", task="cooking"), "no task called 'cooking'"),
        (Query("fin", predictor="dice"), "no way to rank called 'dice'"),
        (Query("fin", candidates=("Klingonese",)), "not a language we know"),
        (Query("fin", candidates=("yor",)), "None of the candidates"),
        (Query("fin", candidates=("fi",) * 501), "501 candidates are too many"),
    ],
)
def test_says_what_is_wrong(shelf, masks, query, words):
    with pytest.raises(XsnsError) as refused:
        answer(query, shelf)
    assert words in str(refused.value)
    assert str(masks.parent) not in str(refused.value)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_input_is_refused_briefly(shelf, text):
    for query in (Query(text), Query("fin", masks=text), Query("fin", recipe=text), Query("fin", candidates=(text,))):
        with pytest.raises(XsnsError) as refused:
            answer(query, shelf)
        assert len(str(refused.value)) < 500
        assert Page(markup.problem_html(str(refused.value))).tags == ["section", "h2", "p"]


@given(ANY_TEXT)
def test_words_from_outside_are_never_markup(text):
    page = Page(markup.problem_html(text) + markup.note_html(text) + markup.progress_html(text, 1, 2, 3.0))
    assert set(page.tags) <= {"section", "h2", "p", "progress"}
    assert for_terminal(text, "\n\u200c\u200d") in page.text


def test_the_answer_is_a_table_that_can_be_read_aloud(shelf):
    found = answer(Query("fin"), shelf)
    page = Page(table_html(found))
    assert page.tags.count("tr") == 7
    assert page.tags.count("th") == 3 + 6  # a head for each column and each row
    assert page.tags.count("button") == 3
    for source in found.ranking.sources:
        assert f"{source.similarity:.4f}" in page.text


@given(
    st.builds(
        Query,
        target=ANY_TEXT,
        masks=ANY_TEXT,
        recipe=ANY_TEXT,
        task=ANY_TEXT,
        candidates=st.lists(st.sampled_from(["fin", "Norwegian Bokmål", "zh-Hant", "Kʼicheʼ"])).map(tuple),
        top=st.integers(0, 99_999),
        predictor=ANY_TEXT.filter(bool),
    )
)
def test_a_link_asks_the_same(query):
    assert query_of(query.link()) == query


@pytest.mark.parametrize("top", ["-1", "x", "9" * 50, "", "١٢"])
def test_a_link_with_a_number_that_is_none(top):
    assert Query.of_link({"target": "fin", "top": top}).top in {10, 12}


def test_the_link_of_an_answer_leads_back_to_it(shelf):
    found = answer(Query("Finnish", task="pi", candidates=("de", "Swedish"), top=1), shelf)
    assert answer(query_of(found.query.link()), shelf) == found
    assert dict(parse_qsl(found.query.link()[1:]))["candidates"] == "deu,swe"


def test_languages_in_a_list():
    assert separate("fin, Norwegian Bokmål;\nswe,,") == ("fin", "Norwegian Bokmål", "swe")
    assert languages(("fi", "Finnish", "deu")) == ["fin", "deu"]
    with pytest.raises(XsnsError, match="too long"):
        language("x" * 101)


def test_similarity_and_languages(shelf, masks):
    chosen = shelf.choose()
    found = similarity("German", "fi", chosen)
    source = next(s for s in rank_sources("fin", masks).sources if s.language == "deu")
    assert (found["similarity"], found["std"], found["seeds"]) == (source.similarity, source.std, 2)
    rows = languages_of(chosen)
    assert sorted(row["language"] for row in rows) == LANGUAGES
    assert all(row["seeds"] == 2 and row["examples"] == 16 for row in rows)


def test_where_sub_networks_overlap(shelf, masks, tmp_path):
    handlers = Handlers(shelf, Visitors())
    found = handlers.looker.shared("deu", "fin", shelf.choose())
    assert set(found.reset_index()["module"]) >= {"attention", "feed-forward", "norm"}
    copy = tmp_path / "masks"
    shutil.copytree(masks, copy)
    shutil.rmtree(copy / "masks")
    bare = Shelf([str(copy)])
    assert answer(Query("fin"), bare).ranking.sources  # needs no masks
    plot, words = Handlers(bare, Visitors()).explain(answer(Query("fin"), bare).query.link(), "deu")
    assert plot is None
    assert "The ranking doesn't need the masks" in Page(words).text


def test_names_find_a_language_by_its_own_name_and_code():
    assert markup.label("swh") == "Swahili · Kiswahili (swh)"
    assert markup.label("wol") == "Wolof (wol)"


def test_expected_scores_where_some_are_published(masks, tmp_path):
    copy = tmp_path / "masks"
    shutil.copytree(masks, copy)
    rows = [
        {"source": one, "target": other, "seed": 0, "score": 50 + 10 * position + 3 * number + (number * position) % 2}
        for position, one in enumerate(LANGUAGES)
        for number, other in enumerate(LANGUAGES)
        if one != other
    ]
    gold = Gold("test", pd.DataFrame(rows), [])
    MaskRepository(copy).add_scores(gold, "pos", metric="accuracy", model="a model", origin="A. Author 2026")
    shelf = Shelf([str(copy)])
    found = answer(Query("fin", task="pos", candidates=("deu", "swe", "eng")), shelf)
    outlook = found.suggestions.outlook
    assert outlook is not None
    assert outlook.order == [source.language for source in found.ranking.sources]
    assert set(found.table().columns) >= {"expected", "lower", "upper", "measured"}
    assert list(found.measured) == sorted(found.measured, reverse=True)
    assert "fin" not in found.measured.index
    page = Page(card_html(found) + table_html(found))
    assert "For Finnish part-of-speech tagging: " in page.text
    assert "Measured on Finnish itself, and not used here: of 3 sources " in page.text
    assert "A. Author 2026" in page.text
    assert json.loads(json.dumps(found.to_dict()))["sources"][0]["expected"] > 0
    assert len(answer(Query("fin", task="pos"), shelf).ranking.sources) == 6
    by_descent = answer(Query("fin", task="pos", predictor="genealogy"), shelf)
    assert by_descent.suggestions.outlook is None
    assert by_descent.measured is not None


@pytest.mark.parametrize("text", ["\ud800", "Fin\x00nish", "\x1b[31m"])
def test_what_is_no_text_is_no_language(text):
    with pytest.raises(XsnsError, match="not a language we know"):
        language(text)
