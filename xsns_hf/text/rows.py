"""Tables of `datasets` as text: which column says the language, which ones are text, and the sentences by language."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from xsns_hf.errors import LanguageError, TextError
from xsns_hf.languages.codes import identify, identify_or_none
from xsns_hf.text.formats import TEXT_COLUMNS

LANGUAGE_COLUMNS = ("language", "lang", "language_code", "lang_code", "lang_id", "iso", "iso_code", "locale")
"""What says the language of a row: the first of these columns that there is."""

_MORE_TEXT_COLUMNS = (("sentence",), ("content",))


def sentences_of_rows(
    table: Any,
    language_column: str | None = None,
    text_column: str | None = None,
    languages: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Return the texts of a table by canonical code, in the order of its rows.

    Args:
        table: a `datasets.Dataset` or `IterableDataset`, which is read as a whole.
        language_column: holds codes or names, or classes named by them; by default one of `LANGUAGE_COLUMNS`. Without
            such a column, there may be a column of text for each language, named by it.
        text_column: holds strings, or lists of tokens, which are joined by spaces; by default as in files.
        languages: canonical codes; by default all. The only one of a table without a column of languages.

    Raises:
        TextError: there is no such column, or none is known by its name.
        LanguageError: a row's language isn't known, and all are wanted.
    """
    columns = _columns(table)
    label = _language_column(columns, language_column)
    if label is None:
        if text_column is None and (named := _columns_of_languages(table, columns)):
            return {
                code: [row[column] for row in table.select_columns([column]) if row[column]]
                for code, column in named.items()
            }
        if len(languages) != 1:
            raise TextError(
                f"No column of {', '.join(columns)} is known to hold languages: name it with language_column=…, or "
                "give languages=… a single one if all rows are of it."
            )
        return {languages[0]: list(texts_of_rows(table, text_column))}
    wanted, by_code = set(languages), dict[str, list[str]]()
    table = table.select_columns([label, *_text_columns(columns, text_column)])  # the others may be large
    for named, rows in groupby(table, key=lambda row: row[label]):
        code = _code(table, label, named, wanted)
        if code is not None and (not wanted or code in wanted):
            by_code.setdefault(code, []).extend(texts_of_rows(rows, text_column, columns))
    return by_code


def texts_of_rows(rows: Any, text_column: str | None = None, columns: Sequence[str] | None = None) -> Iterator[str]:
    """Yield the texts of rows; several that are alike, one after the other, count once, as in XNLI.

    Args:
        rows: a table of `datasets`, or rows of one.
        text_column: as of `sentences_of_rows`.
        columns: of the table; needed for rows alone.

    Raises:
        TextError: there is no such column, or none is known by its name.
    """
    names = _text_columns(_columns(rows) if columns is None else columns, text_column)
    yield from (text for text, _ in groupby(_text(row, names) for row in rows))


def sentences_of_splits(splits: Mapping[str, Any], text_column: str | None = None) -> dict[str, list[str]]:
    """Return the texts by canonical code of tables that are named by languages, as a `DatasetDict` may have them.

    Raises:
        TextError: some aren't named by a language, two are named by the same one, or as `texts_of_rows` does.
    """
    unknown = [name for name in splits if identify_or_none(name) is None]
    if unknown:
        raise TextError(
            f"Not all splits are named by a language ({', '.join(unknown[:3])}): give one of them, such as "
            f"dataset[{unknown[0]!r}], that has a column of languages."
        )
    return {code: list(texts_of_rows(table, text_column)) for code, table in by_language(splits).items()}


def by_language(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with canonical codes for keys.

    Raises:
        LanguageError: a key is no language.
        TextError: two keys are the same one.
    """
    by_code: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in named.items():
        code = identify(name)
        if code in by_code:
            raise TextError(f"{names[code]!r} and {name!r} are both {code}: merge or remove one of them.")
        by_code[code], names[code] = value, name
    return by_code


def _columns(table: Any) -> list[str]:
    columns = table.column_names or list(next(iter(table), ()))  # a stream may not know them
    if not columns:
        raise TextError("The table of text has neither columns nor rows: give one that has.")
    return columns


def _language_column(columns: Sequence[str], named: str | None) -> str | None:
    if named is not None and named not in columns:
        raise TextError(f"There is no column {named!r} of languages: there are {', '.join(columns)}.")
    return named or next((name for name in LANGUAGE_COLUMNS if name in columns), None)


def _columns_of_languages(table: Any, columns: Sequence[str]) -> dict[str, str]:
    """Return by code the columns of text that are named by languages; none where a column is known to be the text."""
    if any(all(name in columns for name in names) for names in (*TEXT_COLUMNS, *_MORE_TEXT_COLUMNS)):
        return {}
    kinds = {name: getattr(kind, "dtype", None) for name, kind in (table.features or {}).items()}
    named = [name for name in columns if kinds.get(name) in {"string", "large_string"} and identify_or_none(name)]
    return by_language({name: name for name in named})


def _text_columns(columns: Sequence[str], named: str | None) -> tuple[str, ...]:
    if named is not None and named not in columns:
        raise TextError(f"There is no column {named!r} of text: there are {', '.join(columns)}.")
    if named is not None:
        return (named,)
    for names in (*TEXT_COLUMNS, *_MORE_TEXT_COLUMNS):
        if all(name in columns for name in names):
            return names
    raise TextError(f"No column of {', '.join(columns)} is known to hold text: name it with text_column=….")


def _text(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    values = [row[column] for column in columns if row[column] is not None]
    if not all(isinstance(value, str) or _is_tokens(value) for value in values):
        raise TextError(f"{', '.join(columns)} holds something other than text: name a column with text_column=….")
    return " ".join(value if isinstance(value, str) else " ".join(value) for value in values)


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(token, str) for token in value)


def _code(table: Any, column: str, label: Any, wanted: Collection[str]) -> str | None:
    """Return the canonical code of what a column of languages holds; None of what is none, if it can't be wanted."""
    names = getattr((table.features or {}).get(column), "names", None)  # of classes
    text = str(names[label] if names and isinstance(label, int) and 0 <= label < len(names) else label)
    code = identify_or_none(text)
    if code is None and not wanted:
        raise LanguageError(
            f"The column {column!r} holds {text!r}, which is no language that we know: correct it, or say with "
            "languages=… which to take."
        )
    return code
