"""Text in files: a folder with one per language, and the sample that ships with the package."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from xsns_hf.errors import Damaged, LanguageError, TextError, parameter
from xsns_hf.languages.codes import identify
from xsns_hf.text.corpus import lacking, one_a_line, slug
from xsns_hf.text.formats import READERS, ROWS

SAMPLE = "sample"
"""Name of the text that ships with the package."""

SAMPLE_TEXT = Path(__file__).parents[1] / "assets" / "text"
"""Its folder."""


_UNREADABLE = (OSError, ValueError, TypeError, OverflowError, pa.ArrowException)
"""What pyarrow raises for a table that is none, or one that Python can't hold."""


@dataclass(frozen=True)
class Files:
    """A `Corpus` of files, one for each language: .txt, .jsonl, .conllu or .parquet, see `text_folder`.

    Attributes:
        name: what recipes call it, [a-z0-9-].
        files: the file of each language, by canonical code.
        licences: SPDX expression for the text of each language, where it is known.
        sources: the dataset on the Hub that the text of each language is from, where that is known.
        column: which column of rows is the text; by default one of `TEXT_COLUMNS`.
    """

    name: str
    files: Mapping[str, Path]
    licences: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    column: str | None = None

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
        return _read_sentences(self._file(language), self.column)

    def rows(self, language: str) -> list[dict[str, Any]]:
        """Return the rows of a language, in the order of its file.

        Raises:
            XsnsError: the corpus lacks the language, or its file is plain text or can't be read.
        """
        file = self._file(language)
        if file.suffix not in ROWS:
            raise TextError(f"{file} holds no labels: give a <code>.jsonl or <code>.parquet with them.")
        return rows_of(file)

    def place(self, language: str) -> str:
        """Return the path of a language's file."""
        return str(self._file(language))

    def _file(self, language: str) -> Path:
        code = identify(language)
        if code not in self.files:
            raise lacking(self, code)
        return self.files[code]


def text_folder(path: Path | str, name: str | None = None, column: str | None = None) -> Files:
    """Open a folder with a file per language; those of other kinds are ignored.

    `<code>.txt` has a sentence a line; `<code>.jsonl` and `<code>.parquet` have a row each, with the columns of
    `TEXT_COLUMNS`; of `<code>.conllu`, the `# text` lines are taken.

    Args:
        path: the folder; the files are named by any code that `identify` takes (`fi.txt`, `eng_Latn.txt`).
        name: the corpus's name in recipes, made into [a-z0-9-]; by default the folder's.
        column: which column of `.jsonl` and `.parquet` files is the text.

    Raises:
        XsnsError: no such folder, no text in it, a file named by no language, or two for the same one.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise TextError(f"there is no folder {folder}; give one that holds a <code>.txt per language.")
    files: dict[str, Path] = {}
    for file in sorted(file for file in folder.iterdir() if file.suffix in READERS):
        code = _language_of(file)
        if code in files:
            raise TextError(f"{files[code]} and {file.name} are both {code}; merge or remove one of them.")
        files[code] = file
    if not files:
        raise TextError(f"{folder} holds no text; put a <code>.txt per language there, such as swh.txt.")
    return Files(slug(name or folder.resolve().name), files, column=column)


def sample_corpus() -> Files:
    """Open the text that ships with the package: 400 sentences in each of some fifty languages."""
    licences = {row["language"]: row["licence"] for row in sample_sources()}
    return replace(text_folder(SAMPLE_TEXT, SAMPLE), licences=licences)


def sample_sources() -> list[dict[str, str]]:
    """Return a row per language of the sample text: language, name, sentences, source, licence, attribution."""
    with (SAMPLE_TEXT / "sources.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a .jsonl or .parquet file.

    Raises:
        Damaged: it can't be read.
    """
    try:
        return ROWS[file.suffix](file)
    except _UNREADABLE as error:
        raise Damaged(f"{file} can't be read ({_reason(error)}): give one row a line, as JSON.") from error


def _read_sentences(file: Path, column: str | None) -> list[str]:
    try:
        texts = READERS[file.suffix](file, column)
    except OSError as error:
        raise Damaged(
            f"can't read {file}: {error.strerror or _reason(error)}; restore the file or its permissions."
        ) from error
    except (KeyError, *_UNREADABLE) as error:
        raise Damaged(
            f"{file} isn't {file.suffix} with a text in each row ({_reason(error)}): name the column that is the "
            f"text with {parameter('column')}."
        ) from error
    sentences = one_a_line(texts)
    if not sentences:
        raise TextError(f"{file} holds no text; put a sentence on each line or remove the file.")
    return sentences


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _language_of(file: Path) -> str:
    try:
        return identify(file.stem)
    except LanguageError as error:
        raise LanguageError(f"{file} isn't named by a language, as swh.txt is: {error.sentence}") from error
