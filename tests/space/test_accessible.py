"""The page as those meet it who go back and forward, use a keyboard or a screen reader, or a narrow screen."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from bench.measuring import free_port
from browsing import PATIENCE
from playwright.sync_api import Page, expect

from xsns_hf.dataset.stores.ready import ready_names
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.page import launch_options, make_space
from xsns_hf.space.visitors import Visitors

pytestmark = [pytest.mark.xdist_group("space"), pytest.mark.thorough]

STILL = "* { transition: none !important; animation: none !important; }"
WRONG = ("serious", "critical")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Addresses of a page on the similarities that ship, and of one whose dataset can't be read."""
    addresses, spaces = {}, []
    for name, datasets in (("ready", ready_names()), ("empty", [str(tmp_path_factory.mktemp("empty"))])):
        shelf, visitors = Shelf(datasets), Visitors()
        space = make_space(shelf, visitors)
        options = launch_options(shelf, visitors) | {"server_port": free_port(), "mcp_server": False}
        _, addresses[name], _ = space.launch(**options, prevent_thread_lock=True, quiet=True)
        spaces.append(space)
    yield addresses
    for space in spaces:
        space.close(verbose=False)


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    """One page for all of these tests; a mistake in a script of ours fails them."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    yield page
    context.close()
    assert not mistakes, mistakes


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
