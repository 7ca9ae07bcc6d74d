"""The READMEs: links that lead somewhere, commands that exist, and a front page that is read in three minutes."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from xsns_hf.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *ROOT.glob("xsns_hf/*/README.md"),
    *ROOT.glob("xsns_hf/assets/*/README.md"),
    *ROOT.glob("scripts/*/README.md"),
    ROOT / ".github" / "CONTRIBUTING.md",
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
STARTERS = ["accelerate launch", "hf jobs"]
"""Programs that may start an `xsns` command, which comes after their own options."""

COMMANDS = typer.main.get_command(app).commands


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(page: Path) -> list[str]:
    """Return what a page has for a shell, with continued lines joined."""
    text = re.sub(r"\\\n *", "", page.read_text("utf-8"))
    return re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def typed(page: Path, program: str) -> list[str]:
    """Return the lines of a page's blocks that begin with a program."""
    lines = [line.split("  #")[0].strip() for block in blocks(page) for line in block.splitlines()]
    return [line for line in lines if line.startswith(f"{program} ")]


def commands(page: Path) -> list[str]:
    """Return the `xsns` commands of a page: lines of its blocks, those that others start, and what is in backticks."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    started = [re.split(" -m xsns_hf | xsns ", line, maxsplit=1) for name in STARTERS for line in typed(page, name)]
    lines = [*typed(page, "xsns"), *(f"xsns {of_xsns}" for _, *rest in started for of_xsns in rest)]
    return [*lines, *re.findall(r"`(xsns [^`\n]+)`", text)]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_their_options_exist(page):
    for line in commands(page):
        name, *words = shlex.split(line.removeprefix("xsns "))
        assert name.strip("…") == "" or name in COMMANDS, line
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts} if name in COMMANDS else {}
        for word in words:
            assert not word.startswith("--") or word.split("=")[0] in known, f"{line}: {word}"


def test_the_front_page_is_read_in_three_minutes():
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 1200
