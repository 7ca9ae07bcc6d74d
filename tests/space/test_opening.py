"""What the page opens on, how the same is asked elsewhere, and what is typed freely, without a browser."""

import pandas as pd
import pytest
from test_space import Page

from xsns_hf.gold import Gold
from xsns_hf.space.answering.commands import dataset_code, rank_command
from xsns_hf.space.answering.opening import against_english, example_label, examples, opening_html
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.handlers import Handlers
from xsns_hf.space.visitors import Visitors


@pytest.fixture(scope="module")
def ready() -> Shelf:
    return Shelf(["ready"])


def gold(rows: dict[tuple[str, str], float]) -> Gold:
    table = [{"source": one, "target": other, "seed": 0, "score": score} for (one, other), score in rows.items()]
    return Gold("test", pd.DataFrame(table), [])


def test_the_fact_is_counted_from_the_scores():
    targets = ["fin", "swe", "deu", "fra", "rus", "vie"]
    scores = {("eng", target): 70.0 for target in targets} | {("ekk", target): 60.0 for target in targets}
    scores |= {("ekk", "fin"): 80.0, ("ekk", "rus"): 74.0, ("fin", "fin"): 99.0}
    found = against_english(gold(scores))
    assert (found.better, found.targets, found.points) == (2, 6, 7.0)
    fractions = against_english(gold({pair: score / 100 for pair, score in scores.items()}))
    assert fractions.points == pytest.approx(7)
    assert against_english(gold({("ekk", target): 60.0 for target in targets})) is None
    assert against_english(gold({("eng", "fin"): 60.0, ("ekk", "fin"): 70.0})) is None


def test_examples_are_of_languages_that_there_are(ready, masks):
    assert [example_label(query) for query in examples(ready)][:2] == ["Swahili · named entities", "Estonian · tagging"]
    own = Shelf([str(masks)])
    assert {query.target for query in examples(own)} <= set(own.choose().languages)
    assert examples(own)
    page = Page(opening_html(own))
    assert "7 languages in " in page.text
    assert page.tags.count("a") == len(examples(own))


def test_the_same_elsewhere():
    query = Query("fin", task="pos", candidates=("deu", "swe"))
    assert rank_command(query, "ready") == "xsns rank fin --task pos --candidates deu,swe --top 10"
    assert rank_command(Query("fin"), "user/it's") == "xsns rank fin --masks 'user/it'\"'\"'s' --top 10"
    assert "from_pretrained('user/masks')" in dataset_code(query, "user/masks")
    assert "masks.rank('fin', task='pos', candidates=['deu', 'swe'])" in dataset_code(query, "ready")
    compile(dataset_code(query, "ready"), "code", "exec")


def test_what_is_typed_is_named_on_the_server(ready, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("xsns_hf.space.handlers.gr.Warning", told.append)
    handlers = Handlers(ready, Visitors())
    assert handlers.tidy(["German", "fren", "de", "suomi"])["value"] == ["deu", "fra", "fin"]
    assert "value" not in handlers.tidy(["deu", "fra"])
    assert not told
    assert handlers.tidy(["deu", "<b>qwxz", 7])["value"] == ["deu"]
    assert "‹b›qwxz" in told[0]
