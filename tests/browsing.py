"""A visitor of the Space, in a real browser."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60_000
"""Milliseconds that anything on the page may take on a busy machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium: install it, for instance with `apt-get install chromium`")
    assert program, "the whole test run needs a Chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """An empty page; a script that isn't ours, or a mistake in ours, fails the test."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("dialog", lambda dialog: (mistakes.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    assert mistakes == []


def ask(page: Page, address: str, target: str) -> None:
    """Type a language as a visitor does."""
    page.goto(address)
    page.get_by_label("Target language").click()
    expect(page.get_by_role("option").first).to_be_visible()
    take_by_typing(page, target)


def take_by_typing(page: Page, language: str) -> None:
    """Type into the list that has the focus, and take what is left of it: a busy page needs its time for that."""
    page.keyboard.type(language)
    expect(page.get_by_role("option").filter(has_not_text=language)).to_have_count(0)
    page.keyboard.press("Enter")


def bring(page: Page, address: str, text: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Bring some text of it").click()
    page.locator("#text textarea").fill(text)
    page.get_by_role("button", name="Find sources").click()
