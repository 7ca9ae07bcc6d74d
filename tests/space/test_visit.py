"""What a visitor does, on a page that answers from the similarities that ship: one server, one browser page."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import opened, served, take_by_typing
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.xdist_group("visit"), pytest.mark.thorough]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(["ready"]) as address:
        yield address


@pytest.fixture(scope="module")
def visitor(browser, address) -> Iterator[Page]:
    with opened(browser, 1280) as page:
        yield page


def headline(page: Page):
    return page.locator("#answer h2")


def test_opens_on_a_fact_examples_and_a_picture(visitor, address):
    visitor.goto(address)
    expect(headline(visitor)).to_contain_text("languages some other source beats English on part-of-speech tagging")
    expect(visitor.locator("#answer")).to_contain_text("87 languages in multilingual-e5-small")
    expect(visitor.locator("#overview .vega-embed svg")).to_be_visible()
    assert visitor.locator(".xsns-chips a").count() == 4
    assert visitor.get_by_label("Target language").get_attribute("placeholder")
    assert not re.search(r"text text|\bembedded\b", visitor.locator("main").inner_text())


def test_an_example_is_asked_at_once(visitor):
    visitor.get_by_role("link", name="Swahili · named entities").click()
    expect(headline(visitor)).to_contain_text("For Swahili named entity recognition: ")
    answer = visitor.locator("#answer")
    expect(answer).to_contain_text("English instead costs about 10 points")
    expect(answer).to_contain_text("Measured on Swahili itself, and not used here")
    expect(answer).to_contain_text("By similarity alone number 1 would be")
    expect(visitor.get_by_label("Target language")).to_have_value(re.compile("Swahili"))
    expect(visitor.locator("#overview")).to_be_hidden()
    expect(visitor.locator("#link textarea")).to_have_value(re.compile(r"/\?target=swh&task=ner$"))


def test_the_table_folds_out_is_sorted_and_saved(visitor):
    table = visitor.locator("#table")
    table.locator("summary").click()
    similarities = table.locator("tbody td:last-child")
    head = table.get_by_role("button", name="similarity")
    head.focus()
    visitor.keyboard.press("Enter")
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    shown = [float(text.split()[0]) for text in similarities.all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    head.click()
    shown = [float(text.split()[0]) for text in similarities.all_inner_texts()]
    assert shown == sorted(shown)
    with visitor.expect_download() as saved:
        table.get_by_role("link", name="Download the table").click()
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8"))))
    assert saved.value.suggested_filename == "sources.csv"
    assert len(rows) == 10
    assert {"language", "similarity", "expected", "measured"} <= set(rows[0])


def test_what_is_typed_as_labelled_is_taken_and_ranks_at_once(visitor):
    typed = visitor.locator("#candidates input")
    for text, code in (("German", "deu"), ("fren", "deu,fra")):
        typed.click()
        visitor.keyboard.type(text)
        visitor.keyboard.press("Enter")
        expect(visitor.locator("#link textarea")).to_have_value(re.compile(f"candidates={code}$"))
    expect(visitor.locator("#candidates")).to_contain_text("French · français (fra)")
    typed.click()
    visitor.keyboard.type("qwxz")
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_text("Not a language we know: 'qwxz'")).to_be_visible()
    expect(visitor.locator("#candidates .token")).to_have_count(2)
    expect(visitor.locator("#table tbody tr")).to_have_count(2)
    expect(visitor.locator("#table tbody")).to_be_visible()  # it was opened before
    expect(headline(visitor)).to_have_text(re.compile(r": (French or German|French|German|German or French)\.$"))


def test_enter_takes_the_first_match_as_target(visitor):
    visitor.get_by_label("Target language").click()
    take_by_typing(visitor, "Icelan")
    expect(headline(visitor)).to_contain_text("For Icelandic named entity recognition")


def test_without_a_task_similarity_is_said_in_words(visitor, address):
    visitor.goto(f"{address}/?target=Finnish")
    expect(headline(visitor)).to_have_text("Most alike to Finnish: Estonian.")
    expect(visitor.locator("#answer")).to_contain_text("English, the usual choice, is number")
    visitor.get_by_role("button", name="Use this dataset").click()
    expect(visitor.get_by_text("xsns rank fin --top 10")).to_be_visible()
    expect(visitor.get_by_text("masks = MaskDataset.ready()")).to_be_visible()


def test_a_task_takes_no_language_away(visitor, address):
    visitor.goto(f"{address}/?target=fin&task=pos")
    expect(visitor.locator("#table summary")).to_have_text("The numbers: 10 of 77 sources")
    expect(headline(visitor)).to_have_text("For Finnish part-of-speech tagging: Hungarian, Estonian or Swedish.")


def test_nothing_is_wider_than_a_phone(visitor):
    visitor.set_viewport_size({"width": 390, "height": 844})
    visitor.locator("#table summary").click()
    assert visitor.evaluate("document.documentElement.scrollWidth") <= 390
    for control in ("#target", "#task", "#candidates"):
        assert visitor.locator(control).bounding_box()["width"] > 250
