"""The page as those meet it who go back and forward, use a keyboard or a screen reader, or a narrow screen."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import opened, served
from playwright.sync_api import Page, expect

from xsns_hf.dataset.stores.ready import ready_names

pytestmark = [pytest.mark.xdist_group("space"), pytest.mark.thorough]

STILL = "* { transition: none !important; animation: none !important; }"
WRONG = ("serious", "critical")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Addresses of a page on the similarities that ship, and of one whose dataset can't be read."""
    nothing = str(tmp_path_factory.mktemp("empty"))
    with served(ready_names()) as ready, served([nothing]) as empty:
        yield {"ready": ready, "empty": empty}


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    """One page for all of these tests; a mistake in a script of ours fails them."""
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


def findings(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds wrong that is serious, of all or some of its rules."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    violations = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {node['target']} {node['html'][:150]} {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in WRONG
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(
    ("name", "link", "shown"),
    [
        ("ready", "", "#answer section"),
        ("ready", "?target=fin&task=pos", ".vega-embed svg"),
        ("ready", "?target=swh", ".vega-embed svg"),
        ("ready", "?target=quc", "#answer section"),
        ("empty", "?target=fin", "#answer section"),
    ],
    ids=["opening", "with a task", "without a task", "without masks", "no dataset"],
)
def test_nothing_keeps_anyone_out(page, pages, name, link, shown):
    page.goto("about:blank")  # so that nothing is left of the last one
    page.goto(pages[name] + link)
    page.add_style_tag(content=STILL)
    expect(page.locator(shown).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator(".pending")).to_have_count(0)  # gradio's: it's faint meanwhile
    if "task" in link:  # what folds out is the same everywhere: also the form that takes a text, and code
        folded = page.locator("button.label-wrap:not(.open)")
        while folded.count():
            folded.first.click()
        expect(page.locator(".cm-content").first).to_be_visible()
    assert findings(page) == []
    page.evaluate("document.body.classList.toggle('dark')")
    assert findings(page, ["color-contrast"]) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert findings(page, ["scrollable-region-focusable"]) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1100, "height": 900})


def test_back_and_forward_show_earlier_answers(page, pages):
    def is_answered(language: str, code: str) -> None:
        expect(page).to_have_title(re.compile(rf"\b{language}\b.* · X-SNS$"))
        expect(page.locator("#live")).to_contain_text(language)
        expect(page.get_by_label("Target language")).to_have_value(re.compile(rf"\({code}\)$"))
        assert f"?target={code}" in page.url
        expect(page.locator(".vega-embed svg").first).to_be_visible()

    page.goto("about:blank")
    page.goto(f"{pages['ready']}?target=Dutch&top=abc")
    is_answered("Dutch", "nld")
    expect(page.locator("#remarks")).to_contain_text("The link asks for 'abc' sources")
    steps = page.evaluate("history.length")
    page.get_by_label("Task", exact=True).click()
    page.get_by_role("option", name="Named entities").click()
    expect(page).to_have_url(re.compile("target=nld.*task=ner"))
    page.get_by_label("Target language").click()
    page.get_by_label("Target language").fill("hun")
    page.get_by_role("option", name="Hungarian").click()
    is_answered("Hungarian", "hun")
    assert page.evaluate("history.length") == steps + 2
    page.get_by_role("button", name="Share", exact=True).focus()
    page.go_back()
    is_answered("Dutch", "nld")
    expect(page.get_by_label("Task", exact=True)).to_have_value(re.compile("Named entities"))
    page.go_back()
    expect(page.get_by_label("Task", exact=True)).to_have_value(re.compile("^Any"))
    expect(page).to_have_url(re.compile("^((?!task).)*$"))
    page.go_forward()
    page.go_forward()
    is_answered("Hungarian", "hun")
    assert page.evaluate("history.length") == steps + 2
    expect(page.get_by_role("button", name="Share")).to_be_focused()  # no answer takes the focus


@pytest.mark.parametrize(
    ("parameters", "words"),
    [("target=fin&task=foo", "no task called 'foo'"), ("target=Klingonese", "not a language we know")],
)
def test_a_link_that_is_wrong_stays_to_be_mended(page, pages, parameters, words):
    page.goto(f"{pages['ready']}?{parameters}")
    expect(page.locator("#live")).to_contain_text(words)
    assert all(part in page.url for part in parameters.split("&"))


def test_a_link_can_be_shared(page, pages):
    page.goto(f"{pages['ready']}?target=fin")
    page.get_by_role("button", name="Share").click()
    expect(page.locator("#live")).to_have_text("The link is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
