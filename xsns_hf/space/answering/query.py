"""A question to the Space: which target, which masks, which candidates. It's also a link."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from xsns_hf.errors import LanguageError, XsnsError
from xsns_hf.languages.codes import identify

TOP = 10
"""Sources shown unless asked otherwise."""

MOST_CANDIDATES = 500
LONGEST_NAME = 100
"""What a list of candidates may hold, and characters of a language's name: beyond, it isn't one."""


@dataclass(frozen=True)
class Query:
    """A question as a visitor asks it; nothing of it is checked yet.

    Attributes:
        target: the language to transfer to, in any form that `identify` knows.
        masks: mask dataset, as the Space's list has it; the empty string stands for the first one that fits.
        recipe: name of the recipe; likewise.
        task: one of the paper's tasks, or the empty string.
        candidates: languages with labelled data; none stands for the task's pool, or for all with masks.
        top: number of sources to show.
        predictor: how to rank, see `answers.predictors`.
    """

    target: str = ""
    masks: str = ""
    recipe: str = ""
    task: str = ""
    candidates: tuple[str, ...] = ()
    top: int = TOP
    predictor: str = "xsns"

    @classmethod
    def of_link(cls, parameters: Mapping[str, str]) -> "Query":
        """Read the parameters of a link; those that it hasn't keep their defaults."""
        texts = {key: parameters.get(key, "") for key in ("target", "masks", "recipe", "task")}
        top = parameters.get("top", "")
        return cls(
            **texts,
            candidates=separate(parameters.get("candidates", "")),
            top=int(top) if top.isdecimal() and len(top) < 6 else TOP,
            predictor=parameters.get("predictor", cls.predictor),
        )

    def link(self) -> str:
        """Return the parameters of a link that asks this, with its question mark; defaults are left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["candidates"] = ",".join(self.candidates)
        defaults = {field.name: field.default for field in fields(self)} | {"candidates": ""}
        asked = {key: value for key, value in values.items() if value != defaults[key]}
        return "?" + urlencode(asked, safe=",") if asked else "?"


def separate(text: str) -> tuple[str, ...]:
    """Return the entries of a list of languages, with commas, semicolons or new lines between."""
    return tuple(entry.strip() for entry in re.split(r"[,;\n]", text) if entry.strip())


def language(text: str) -> str:
    """Return the canonical code of a language that a visitor named.

    Raises:
        LanguageError: it's none; what is too long or no text is refused before anything is looked up.
    """
    if not text.strip():
        raise LanguageError("Choose a target language first: type its name or its code.")
    if len(text) > LONGEST_NAME:
        raise LanguageError(f"{text[:20]!r}… is too long for the name of a language: give a name or an ISO 639 code.")
    if not text.strip().isprintable():  # halves of surrogate pairs, say, which no look-up takes
        raise LanguageError(f"{text[:20]!r} is not a language we know: give a name or an ISO 639 code.")
    return identify(text)


def languages(texts: tuple[str, ...]) -> list[str]:
    """Return the canonical codes of a list of candidates, each once.

    Raises:
        XsnsError: one isn't a language, or the list is too long.
    """
    if len(texts) > MOST_CANDIDATES:
        raise XsnsError(f"{len(texts):,} candidates are too many: list at most {MOST_CANDIDATES}.")
    return list(dict.fromkeys(language(text) for text in texts))
