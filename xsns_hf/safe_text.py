"""Texts of strangers, made safe for where they are shown: one function for each place.

A name in a dataset, a label in a CSV or a message of the Hub may hold what moves a terminal's cursor, begins a tag,
ends a table's cell or runs a command. What prints, renders or writes such a text calls one of these.
"""

import html
import re
import shlex
from collections.abc import Iterable
from typing import Any

import yaml

_ESCAPED = re.compile(r"([\\`*\[\]<>#|~$]|(?<![^\W_])_|_(?![^\W_])|(?<!\w)@|&(?=#?\w+;))")
"""What Markdown takes for more than text within a line; an _ within a word is one, as in addresses."""

_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def for_terminal(text: str, keep: str = "") -> str:
    r"""Return text that does nothing but show: `\x1b[31m` for the character that makes the rest red.

    Characters that control, that change the direction of writing, or that have no width or form of their own are
    written as Python writes them; spaces of all kinds are spaces.

    Args:
        text: any.
        keep: characters that may stay, such as line feeds.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else _visible(letter) for letter in text)


def _visible(letter: str) -> str:
    return " " if letter.isspace() and letter not in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029" else _code(letter)


def _code(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def shortened(text: object, most: int = 60) -> str:
    """Return a stranger's text as a sentence may quote it: in quotes, in ASCII, not too long."""
    quoted = ascii(text[: 2 * most] if isinstance(text, str) else text)
    return quoted if len(quoted) <= most else f"{quoted[: most - 3]}…{quoted[-1]}"


def for_html(text: str) -> str:
    """Return text for HTML, between tags or as a value in quotes: no tag, no end of the quotes, nothing invisible."""
    return html.escape(for_terminal(text, "\n\u200c\u200d"))  # these join and part letters, as in Persian


def for_markdown(text: str) -> str:
    """Return text for a line or cell of Markdown; an address in it is still a link."""
    return _ESCAPED.sub(r"\\\1", for_terminal(text)).replace("\\&", "&amp;")


def code_for_markdown(text: str) -> str:
    """Return text as code within a line or cell of Markdown."""
    shown = for_terminal(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if shown[:1] in ("`", " ") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{space}{shown}{space}{fence}".replace("|", "\\|") if shown else ""


def for_yaml(fields: Any) -> str:
    """Return plain values as YAML, which reads as the same."""
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=False)


def for_latex(text: str) -> str:
    """Return text for LaTeX."""
    return "".join(_LATEX.get(letter, letter) for letter in for_terminal(text))


def for_shell(words: Iterable[str]) -> str:
    """Return a command that can be copied into a POSIX shell, each word quoted if need be.

    A word that can't be shown is written as bash and zsh read it, so that what is copied is what is seen.
    """
    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in words)


def _ansi_quoted(word: str) -> str:
    quoted = (letter if letter.isprintable() and letter not in "\\'" else _for_bash(letter) for letter in word)
    return f"$'{''.join(quoted)}'"


def _for_bash(letter: str) -> str:
    """Return a letter's bytes, as file names have them, in octal."""
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogatepass"))
