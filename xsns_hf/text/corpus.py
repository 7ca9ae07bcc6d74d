"""The text D: for each language, the sentences that its sub-network is found from (§3 of the paper)."""

import csv
import hashlib
import json
import re
import textwrap
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify, name

TEXT_COLUMNS = (("text",), ("tokens",), ("premise",), ("sentence1", "sentence2"), ("question", "context"))
"""What is text in a row: the first of these sets of columns that it has, joined by spaces. Of a premise and hypothesis
that is the premise alone, of a pair of paraphrases both, as the paper's released code has it."""

SAMPLE_TEXT = Path(__file__).parents[1] / "assets" / "text"
"""The folder of the text that ships with the package."""


@dataclass(frozen=True)
class Example:
    """A sentence of a corpus.

    Attributes:
        line: number of the sentence among the language's sentences, from 0; blank lines don't count.
        text: the sentence, stripped.
    """

    line: int
    text: str


@dataclass(frozen=True)
class Corpus:
    """Raw text in some languages, a file each: .txt, .jsonl, .conllu or .parquet, see `text_folder`.

    Attributes:
        name: what recipes call it, [a-z0-9-].
        files: the file of each language, by canonical code.
        licences: SPDX expression for the text of each language, where it is known.
    """

    name: str
    files: Mapping[str, Path]
    licences: Mapping[str, str] = field(default_factory=dict)

    @property
    def languages(self) -> list[str]:
        """The canonical codes, sorted."""
        return sorted(self.files)

    def sentences(self, language: str) -> list[str]:
        """Return the sentences, stripped, in the order of the file; blank lines are dropped.

        Args:
            language: anything that `identify` takes.

        Raises:
            XsnsError: not a language, none of the corpus, or a file that can't be read, isn't UTF-8 or
                holds no text.
        """
        code = identify(language)
        if code not in self.files:
            there = textwrap.shorten(", ".join(self.languages), 300, placeholder=" …")
            raise XsnsError(f"corpus {self.name!r} has no text for {name(code)} ({code}); it has {there}.")
        return _read_sentences(self.files[code])

    def revision(self, language: str) -> str:
        """Return the sha256 of the sentences, as hex: it changes if and only if a sentence does.

        Args:
            language: anything that `identify` takes.

        Raises:
            XsnsError: as `sentences` does.
        """
        return hashlib.sha256("\n".join(self.sentences(language)).encode()).hexdigest()


def text_folder(path: Path | str, name: str | None = None) -> Corpus:
    """Open a folder with a file per language; those of other kinds are ignored.

    `<code>.txt` has a sentence a line; `<code>.jsonl` and `<code>.parquet` have a row each, with the columns of
    `TEXT_COLUMNS`; of `<code>.conllu`, the `# text` lines are taken.

    Args:
        path: the folder; the files are named by any code that `identify` takes (`fi.txt`, `eng_Latn.txt`).
        name: the corpus's name in recipes, made into [a-z0-9-]; by default the folder's.

    Raises:
        XsnsError: no such folder, no text in it, a file named by no language, or two for the same one.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise XsnsError(f"there is no folder {folder}; give one that holds a <code>.txt per language.")
    files: dict[str, Path] = {}
    for file in sorted(file for file in folder.iterdir() if file.suffix in READERS):
        code = _language_of(file)
        if code in files:
            raise XsnsError(f"{files[code]} and {file.name} are both {code}; merge or remove one of them.")
        files[code] = file
    if not files:
        raise XsnsError(f"{folder} holds no text; put a <code>.txt per language there, such as swh.txt.")
    return Corpus(slug(name or folder.resolve().name), files)


def sample_corpus() -> Corpus:
    """Open the text that ships with the package: 400 sentences in each of some fifty languages."""
    licences = {row["language"]: row["licence"] for row in sample_sources()}
    return replace(text_folder(SAMPLE_TEXT, "sample"), licences=licences)


def sample_sources() -> list[dict[str, str]]:
    """Return a row per language of the sample text: language, name, sentences, source, licence, attribution."""
    with (SAMPLE_TEXT / "sources.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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


def _read_sentences(file: Path) -> list[str]:
    try:
        found = READERS[file.suffix](file)
    except OSError as error:
        raise XsnsError(f"can't read {file}: {error.strerror}; restore the file or its permissions.") from error
    except UnicodeDecodeError as error:
        raise XsnsError(
            f"{file} isn't UTF-8 (byte {error.start}); convert it, "
            f"for example with: iconv -f ISO-8859-1 -t UTF-8 {file.name}"
        ) from error
    except (KeyError, TypeError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise XsnsError(f"{file} isn't {file.suffix} with a text in each row ({error}).") from error
    sentences = [line for line in (" ".join(re.split(r"[\r\n]+", line)).strip() for line in found) if line]
    if not sentences:
        raise XsnsError(f"{file} holds no text; put a sentence on each line or remove the file.")
    return sentences


def text_lines(file: Path) -> list[str]:
    """Return the lines of a file in UTF-8, the blank ones too.

    Only \\n and \\r end a line: str.splitlines() would also split at characters that occur inside sentences.

    Raises:
        OSError, UnicodeDecodeError: it can't be read.
    """
    return re.split(r"\r\n|[\r\n]", file.read_bytes().decode("utf-8").removeprefix("\ufeff"))


def _of_jsonl(file: Path) -> list[str]:
    return _texts(json.loads(line) for line in text_lines(file) if line.strip())


def _of_conllu(file: Path) -> list[str]:
    return [line.partition("=")[2] for line in text_lines(file) if re.match(r"# *text *=", line)]


def _of_parquet(file: Path) -> list[str]:
    return _texts(pq.read_table(file).to_pylist())


def _texts(rows: Iterable[Mapping]) -> list[str]:
    """Return the rows' texts; XNLI has a premise three times in a row, which counts once."""
    return [text for text, _ in groupby(map(row_text, rows))]


def row_text(row: Mapping) -> str:
    """Return the text of a row, see `TEXT_COLUMNS`.

    Raises:
        KeyError: it has no text.
    """
    for columns in TEXT_COLUMNS:
        if all(row.get(column) is not None for column in columns):
            values = (row[column] for column in columns)
            return " ".join(value if isinstance(value, str) else " ".join(value) for value in values)
    raise KeyError(f"no {', '.join('+'.join(columns) for columns in TEXT_COLUMNS)}")


READERS: dict[str, Callable[[Path], list[str]]] = {
    ".txt": text_lines,
    ".jsonl": _of_jsonl,
    ".conllu": _of_conllu,
    ".parquet": _of_parquet,
}
"""How each kind of file is read."""


def _language_of(file: Path) -> str:
    try:
        return identify(file.stem)
    except XsnsError as error:
        raise XsnsError(f"{file} isn't named by a language, as swh.txt is: {error}") from error


def slug(text: str) -> str:
    """Return a corpus's name as recipes have it, [a-z0-9-]."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "text"
