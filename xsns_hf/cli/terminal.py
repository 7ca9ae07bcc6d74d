"""What is printed where a terminal or file can't take all letters: plain ones in their place."""

import codecs
import io
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from xsns_hf.safe_text import for_terminal

_PLAIN = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "…": "...", "±": "~", "×": "x", "·": "*", "→": "->", "≥": ">=", "≤": "<="}
    | {"’": "'", "‘": "'", "“": '"', "”": '"', "ø": "o", "Ø": "O", "æ": "ae", "ß": "ss", "ł": "l", "đ": "d", "ð": "d"}
    | {"þ": "th", "ı": "i", "œ": "oe", "ə": "e", "ʼ": "'", "ʻ": "'", "ǃ": "!", "ǀ": "|", "│": "|", "─": "-", "•": "*"}
)
_READABLE = "xsns-readable"


class SafeConsole(Console):
    """A console for which a text is just that: no markup, no colour, nothing that controls the terminal."""

    def __init__(self) -> None:
        super().__init__(highlight=False, emoji=False, markup=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """Return a text as it is printed, in a table's cell too."""
        return super().render_str(for_terminal(text, "\n"), **how)


def plain(text: str) -> str:
    """Return text in ASCII, as readable as may be: `Bokmal` for `Bokmål`; ? for what has no such form."""
    apart = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(letter if letter.isascii() else "?" for letter in apart if not unicodedata.combining(letter))


def _readable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


def take_all_letters() -> None:
    """Make what is printed readable, in place of an error, where it can't be as it is."""
    codecs.register_error(_READABLE, _readable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_READABLE)


def watched(items: Iterable[Any], what: str) -> Iterable[Any]:
    """Return items while a bar at the terminal says how many of them are done; without a terminal, only the items.

    Args:
        items: what there is to do, a list for a bar that knows its end.
        what: is being done.
    """
    from rich.progress import track

    watching = Console(stderr=True)
    return track(items, what, console=watching, transient=True, disable=not watching.is_terminal)
