"""The kinds of files that text comes in, and what is text in a row."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq

TEXT_COLUMNS = (("text",), ("tokens",), ("premise",), ("sentence1", "sentence2"), ("question", "context"))
"""What is text in a row: the first of these sets of columns that it has, joined by spaces. Of a premise and hypothesis
that is the premise alone, of a pair of paraphrases both, as the paper's released code has it."""


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
