"""A stranger's text does nothing where it is shown, and is still that text."""

import shlex
import subprocess
import unicodedata
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from xsns_hf.safe_text import (
    code_for_markdown,
    for_html,
    for_latex,
    for_markdown,
    for_shell,
    for_terminal,
    for_yaml,
    shortened,
)

CUNNING = ["\x1b[31mred\x1b]8;;http://x\x07", "\u202egnp.exe", "a\u200bb", "\ud800", "\x85\u2028\x00", " a ", "`", "|"]
CUNNING += ["<img src=x onerror=a()>", '" onload="a', "&lt;b&gt;", "a|b\n| c |", "[x](javascript:a)", "![](http://x)"]
CUNNING += ["`rm`", "``a`", "*a* _b_ ~~c~~ # $x$ \\", "\\input{/etc/passwd}", "$(rm -rf ~); `x` '\"", "% ^^41"]
CUNNING += ["': [", "- a: !!python/object:os.system"]
TEXT = st.one_of(st.sampled_from(CUNNING), st.text(), st.text("<>&\"'`|\\*_[]()~#$%^{}\n\x1b\u202e ab-:!@"))
PRINTABLE = TEXT.filter(str.isprintable)


class Reader(HTMLParser):
    """What a browser would make of HTML: its tags and its text."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def rendered(markdown: str) -> Reader:
    return Reader(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))


@given(TEXT)
def test_a_terminal_gets_nothing_that_controls_it(text):
    shown = for_terminal(text)
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown == text or not text.isprintable()
    shown.encode()


@given(st.one_of(TEXT, st.binary(), st.floats(), st.none()), st.integers(10, 80))
def test_a_quoted_text_is_short_and_plain(text, most):
    quoted = shortened(text, most)
    assert len(quoted) <= most
    assert quoted.isprintable()
    assert quoted.replace("…", "").isascii()


@given(TEXT)
def test_html_has_the_text_and_no_tags(text):
    page = Reader(f'<p title="{for_html(text)}">{for_html(text)}</p>')
    seen = for_terminal(text, "\n\u200c\u200d")
    assert page.tags == [("p", {"title": seen})]
    assert page.text == seen
    for_html(text).encode()


@given(TEXT)
def test_markdown_has_the_text_and_nothing_else(text):
    seen = " ".join(for_terminal(text).split())
    line = rendered(f"a {for_markdown(text)} z")
    assert [tag for tag, _ in line.tags] == ["p"]
    assert " ".join(line.text.split()) == f"a {seen} z".replace("  ", " ")
    cells = rendered(f"| x | y |\n|---|---|\n| {for_markdown(text)} | {code_for_markdown(text)} |")
    tags = [tag for tag, _ in cells.tags]
    assert tags.count("td") == 2
    assert not {*tags} & {"a", "img", "em", "strong", "script", "s"}


@given(TEXT.filter(lambda text: "|" not in text))
def test_code_in_markdown_is_the_text(text):
    line = rendered(f"a {code_for_markdown(text)} z")
    assert {tag for tag, _ in line.tags} <= {"p", "code"}
    assert " ".join(line.text.split()) == " ".join(f"a {for_terminal(text)} z".split())


@given(st.dictionaries(TEXT, st.one_of(TEXT, st.lists(TEXT, max_size=3), st.none(), st.booleans()), max_size=4))
def test_yaml_reads_as_what_was_written(fields):
    assert yaml.safe_load(for_yaml(fields)) == fields
    assert "\n---" not in f"\n{for_yaml(fields)}"


@given(TEXT)
def test_latex_can_not_be_made_to_do_anything(text):
    shown = for_latex(text)
    for command in ("textbackslash", "textasciitilde", "textasciicircum"):
        shown = shown.replace(f"\\{command}{{}}", "")
    for letter in "&%$#_{}":
        shown = shown.replace(f"\\{letter}", "")
    assert not {*shown} & {*"\\&%$#_{}~^"}
    assert shown.isprintable()


@given(st.lists(PRINTABLE, max_size=4))
def test_a_command_has_the_words(words):
    assert shlex.split(for_shell(words)) == words


@given(st.lists(TEXT, max_size=4))
def test_a_command_shows_all_that_it_does(words):
    assert for_shell(words).isprintable()


@pytest.mark.thorough
def test_bash_reads_words_that_can_not_be_shown():
    words = ["\x1b[31m", "a\nb", "\u202e'\\", "x\u200b y", "ä\x7f\x01"]
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {for_shell(words)}"], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words
