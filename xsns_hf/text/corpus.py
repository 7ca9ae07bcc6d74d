"""The text D: for each language, the sentences that its sub-network is found from (§3 of the paper)."""

import hashlib
import json
import re
import textwrap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from xsns_hf.errors import TextError, XsnsError
from xsns_hf.languages.codes import identify, name


@dataclass(frozen=True)
class Example:
    """A sentence of a corpus.

    Attributes:
        line: number of the sentence among the language's sentences, from 0; blank lines don't count.
        text: the sentence, stripped.
    """

    line: int
    text: str


class Corpus(Protocol):
    """Raw text in some languages.

    Attributes:
        name: what recipes call it, [a-z0-9-].
        licences: SPDX expression for the text of each language, where it is known.
        sources: the dataset on the Hub that the text of each language is from, at its commit, where that is known.
    """

    @property
    def name(self) -> str:
        """What recipes call it, [a-z0-9-]."""

    @property
    def licences(self) -> Mapping[str, str]:
        """SPDX expression for the text of each language, where it is known."""

    @property
    def sources(self) -> Mapping[str, str]:
        """The dataset on the Hub that the text of each language is from, at its commit, where that is known."""

    @property
    def languages(self) -> list[str]:
        """The canonical codes, sorted."""

    def sentences(self, language: str) -> list[str]:
        """Return the sentences, stripped, in their order; blank ones are dropped.

        Args:
            language: anything that `identify` takes.

        Raises:
            XsnsError: not a language, none of the corpus, or text that can't be read.
        """

    def rows(self, language: str) -> list[dict[str, Any]]:
        """Return the labelled rows of a language, in their order.

        Raises:
            XsnsError: the corpus has no labels, or as `sentences` does.
        """

    def place(self, language: str) -> str:
        """Return where a language's text is, as messages say it."""


def revision(corpus: Corpus, language: str) -> str:
    """Return the sha256 of a language's sentences, as hex: it changes if and only if a sentence does.

    Raises:
        XsnsError: as `Corpus.sentences` does.
    """
    return hashlib.sha256("\n".join(corpus.sentences(language)).encode()).hexdigest()


def labelled_revision(corpus: Corpus, language: str) -> str:
    """Return the sha256 of the rows, labels and all, as hex.

    Raises:
        XsnsError: as `Corpus.rows` does.
    """
    return hashlib.sha256(json.dumps(corpus.rows(language), sort_keys=True).encode()).hexdigest()


def lacking(corpus: Corpus, language: str) -> TextError:
    """Return the error of a corpus that lacks a language."""
    languages = textwrap.shorten(", ".join(corpus.languages), 300, placeholder=" …")
    return TextError(f"corpus {corpus.name!r} has no text for {name(language)} ({language}); it has {languages}.")


@dataclass(frozen=True)
class Sentences:
    """A `Corpus` of sentences in memory.

    Attributes:
        name: what recipes call it.
        lines: the sentences of each language, by canonical code.
        licences: SPDX expression for the text of each language, where it is known.
        sources: the dataset on the Hub that the text of each language is from, where that is known.
    """

    name: str
    lines: Mapping[str, Sequence[str]]
    licences: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def languages(self) -> list[str]:
        """The canonical codes, sorted."""
        return sorted(self.lines)

    def sentences(self, language: str) -> list[str]:
        """Return the sentences, see `Corpus.sentences`."""
        code = identify(language)
        if code not in self.lines:
            raise lacking(self, code)
        return one_a_line(self.lines[code])

    def rows(self, language: str) -> list[dict[str, Any]]:
        """Raise a TextError: sentences have no labels."""
        raise TextError(f"{self.place(language)} holds no labels: give rows that have them.")

    def place(self, language: str) -> str:
        """Return where a language's text is."""
        return self.name


def one_a_line(texts: Iterable[str]) -> list[str]:
    """Return texts stripped, each on one line; blank ones are dropped."""
    return [line for line in (" ".join(re.split(r"[\r\n]+", text)).strip() for text in texts) if line]


def draw(corpus: Corpus, language: str, count: int, seed: int) -> list[Example]:
    """Draw sentences without replacement.

    What is drawn from a text depends on (seed, language) alone, and a smaller draw is the beginning of a larger.

    Args:
        corpus: where the sentences are.
        language: anything that `identify` takes.
        count: how many sentences, at least 1.
        seed: number of the draw, 0 or more.

    Returns:
        `count` examples, or all that there are if they're fewer.

    Raises:
        XsnsError: a count or seed out of range, or as `Corpus.sentences` does.
    """
    if count < 1 or seed < 0:
        raise XsnsError(f"can't draw {count} examples with seed {seed}; ask for 1 or more, with seed 0 or more.")
    sentences = corpus.sentences(language)
    return [Example(line, sentences[line]) for line in permutation(len(sentences), language, seed)[:count]]


def permutation(count: int, language: str, seed: int) -> list[int]:
    """Return the numbers from 0 to count − 1 in a random order that depends on (seed, language) alone."""
    random = np.random.default_rng([seed, zlib.crc32(identify(language).encode())])
    return random.permutation(count).tolist()


def slug(text: str) -> str:
    """Return a corpus's name as recipes have it, [a-z0-9-]."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "text"
