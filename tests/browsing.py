"""A visitor of the Space, in a real browser."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from bench.measuring import free_port
from playwright.sync_api import Browser, Page, expect, sync_playwright

from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.page import launch_options, make_space
from xsns_hf.space.visitors import Visitors

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
    with opened(browser) as page:
        yield page


@contextmanager
def opened(browser: Browser, width: int = 1100, permissions: Sequence[str] = ()) -> Iterator[Page]:
    """An empty page; a script that isn't ours, or a mistake in ours, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.grant_permissions(list(permissions))
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("dialog", lambda dialog: (mistakes.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    assert not mistakes, mistakes


@contextmanager
def served(datasets: Sequence[str]) -> Iterator[str]:
    """Serve a page on datasets, in this process; give its address."""
    shelf, visitors = Shelf(datasets), Visitors()
    space = make_space(shelf, visitors)
    options = launch_options(shelf, visitors) | {"server_port": free_port()}
    _, address, _ = space.launch(**options, prevent_thread_lock=True, quiet=True)
    yield address.rstrip("/")
    space.close(verbose=False)


def await_page(address: str, process: subprocess.Popen, log: Path) -> None:
    """Wait until a page is served, as long as its process runs."""
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"{address}/config", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise TimeoutError(log.read_text())


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


def contrast(page: Page, selector: str, property_: str = "color") -> float:
    """The contrast of an element's colour with what is behind it, as WCAG has it."""
    own, back = page.evaluate(
        """([selector, property]) => {
            const element = document.querySelector(selector);
            let ground = element;
            while (/, 0\\)$|transparent/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
            return [getComputedStyle(element)[property], getComputedStyle(ground).backgroundColor];
        }""",
        [selector, property_],
    )
    lights = []
    for colour in (own, back):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def rows_of(page: Page) -> list[list[str]]:
    """Return the cells of the table below the answer."""
    return [row.inner_text().split("\t") for row in page.locator("#table tbody tr").all()]


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def environment_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)
