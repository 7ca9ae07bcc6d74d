"""The kinds of files that text comes in, and what is text in a row."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from xsns_hf.errors import Damaged
from xsns_hf.reading import MOST_BYTES, check_is_file, json_object, lines

TEXT_COLUMNS = (
    ("text",),
    ("sentence",),
    ("tokens",),
    ("premise",),
    ("sentence1", "sentence2"),
    ("question", "context"),
)
"""What is text in a row: the first of these sets of columns that it has, joined by spaces. Of a premise and hypothesis
that is the premise alone, of a pair of paraphrases both, as the paper's released code has it."""


MOST_ROWS = 5_000_000
"""Rows of a table at most."""

_BATCH = 1024
"""Rows of a table that are decoded at a time; fewer where each of them could be large."""

_MEMORY = 100_000_000
"""Bytes that a decoded batch may take."""


def text_lines(file: Path) -> list[str]:
    """Return the lines of a file in UTF-8, the blank ones too.

    Raises:
        OSError: it can't be read.
        Damaged: see `reading.lines`.
    """
    return list(lines(file))


def _of_txt(file: Path, column: str | None) -> list[str]:
    return text_lines(file)


def _of_conllu(file: Path, column: str | None) -> list[str]:
    return [line.partition("=")[2] for line in text_lines(file) if re.match(r"# *text *=", line)]


def _of_rows(file: Path, column: str | None) -> list[str]:
    """Return the rows' texts; XNLI has a premise three times in a row, which counts once."""
    texts = (joined(row, (column,)) if column else row_text(row) for row in ROWS[file.suffix](file))
    return [text for text, _ in groupby(texts)]


def _jsonl_rows(file: Path) -> list[dict[str, Any]]:
    numbered = enumerate(lines(file), 1)
    return [json_object(line, f"{file}, line {number}") for number, line in numbered if line.strip()]


def _parquet_rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a table, decoded little by little: a few bytes can stand for any number of long texts."""
    check_is_file(file)
    with pq.ParquetFile(file) as table:
        about = table.metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        if about.num_rows > MOST_ROWS or sum(group.total_byte_size for group in groups) > MOST_BYTES:
            raise Damaged(f"{file} has more than {MOST_ROWS:,} rows or {MOST_BYTES / 1e6:g} MB: give a part of it.")
        largest = max((group.total_byte_size for group in groups), default=0)  # of which one value may be the most
        rows, size = list[dict[str, Any]](), 0
        for batch in table.iter_batches(max(16, min(_BATCH, _MEMORY // max(1, largest)))):
            decoded = batch.to_pylist()
            rows += decoded
            size += sum(map(_size, decoded))
            if size > MOST_BYTES:
                raise Damaged(f"{file} has more than {MOST_BYTES / 1e6:g} MB, decoded: give a part of it.")
    return rows


def _size(value: Any) -> int:
    """Return about how many bytes a value takes."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return sum(map(_size, value))
    return sys.getsizeof(value)


def row_text(row: Mapping[str, Any]) -> str:
    """Return the text of a row, see `TEXT_COLUMNS`.

    Raises:
        KeyError: it has no text.
    """
    for columns in TEXT_COLUMNS:
        if all(row.get(column) is not None for column in columns):
            return joined(row, columns)
    raise KeyError(f"no {', '.join('+'.join(columns) for columns in TEXT_COLUMNS)}")


def text_columns(row: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the columns that are the text of rows like this one: of `TEXT_COLUMNS`, else the only one with a string;
    None if that can't be told.
    """
    for columns in TEXT_COLUMNS:
        if all(column in row for column in columns):
            return columns
    strings = [column for column, value in row.items() if isinstance(value, str)]
    return strings if len(strings) == 1 else None


def joined(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Return the texts of some columns, joined by spaces, as the tokens of each are; nothing where all are empty.

    Raises:
        KeyError: a column isn't there.
        TypeError: a column holds neither a text nor tokens.
    """
    return " ".join(filter(None, (_text(row[column], column) for column in columns)))


def _text(value: Any, column: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(token, str) for token in value):
        return " ".join(value)
    raise TypeError(f"{column} holds neither text nor tokens")


ROWS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
"""How the rows of each kind of file that has any are read."""

READERS: dict[str, Callable[[Path, str | None], list[str]]] = {
    ".txt": _of_txt,
    ".jsonl": _of_rows,
    ".conllu": _of_conllu,
    ".parquet": _of_rows,
}
"""How each kind of file is read; of rows, a column may be named that is the text."""
