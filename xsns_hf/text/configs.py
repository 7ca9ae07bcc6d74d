"""Which configuration of a dataset is which language, by their names alone."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from xsns_hf.errors import TextError, parameter
from xsns_hf.languages.codes import identify_or_none

PLACEHOLDERS: Mapping[str, str] = {
    "639-1": "[a-z]{2}",
    "639-3": "[a-z]{3}",
    "code_Script": "[a-z]{2,3}[_-][A-Z][a-z]{3}",
    "code": ".+",
}
"""What may stand for the language in a pattern, between braces, and the form of it: `fi`, `fin`, `fin_Latn`, or any of
them and all else that `identify` takes."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLAIN = re.compile(r"[A-Za-z]{2,3}([._-][A-Z][a-z]{3})?|[^\W\d_]{4,}")
"""A code, with a script or without, or a name."""


def is_pattern(text: str) -> bool:
    """Return whether a configuration's name has a placeholder.

    Raises:
        TextError: it has one that there isn't, or several.
    """
    names = _PLACEHOLDER.findall(text)
    if len(names) > 1 or not set(names) <= PLACEHOLDERS.keys():
        raise TextError(
            f"{parameter('config', text)} is no pattern: it may have one of "
            f"{', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}, which stands for the language."
        )
    return bool(names)


def by_pattern(names: Iterable[str], pattern: str) -> dict[str, list[str]]:
    """Return the configurations of each language, by canonical code, whose names are as a pattern says.

    Raises:
        TextError: see `is_pattern`.
    """
    is_pattern(pattern)
    before, placeholder, after = re.split(_PLACEHOLDER, pattern, maxsplit=1)
    form = re.compile(f"{re.escape(before)}({PLACEHOLDERS[placeholder]}){re.escape(after)}")
    found = ((form.fullmatch(name), name) for name in names)
    return _grouped((match[1], name) for match, name in found if match)


def by_name(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the configurations of each language, by canonical code, as far as their names tell it.

    Names that are a code or the name of a language count before those that begin with one (`fi_tdt`) or end with one
    (`20231101.fi`); whether they begin or end so is told from all of them, since much else is a code of three letters.
    """
    plain = _grouped((name, name) for name in names if _PLAIN.fullmatch(name))
    beginning = _grouped((_beginning(name), name) for name in names)
    ending = _grouped((_ending(name), name) for name in names)
    return max(beginning, ending, key=_size) | plain


def _beginning(name: str) -> str:
    first, *others = re.split("[._-]", name)
    return f"{first}_{others[0]}" if others and re.fullmatch("[A-Z][a-z]{3}", others[0]) else first


def _ending(name: str) -> str:
    *others, last = re.split("[._-]", name)
    return f"{others[-1]}_{last}" if others and re.fullmatch("[A-Z][a-z]{3}", last) else last


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return configurations by language from pairs of what names the language, and the configuration."""
    found: dict[str, list[str]] = defaultdict(list)
    for text, name in pairs:
        code = identify_or_none(text)
        if code:
            found[code].append(name)
    return dict(found)


def _size(found: Mapping[str, list[str]]) -> int:
    return sum(map(len, found.values()))
