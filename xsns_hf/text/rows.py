"""Tables of `datasets` as text: which column says the language, which ones are text, and the sentences by language."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from xsns_hf.errors import LanguageError, TextError, parameter
from xsns_hf.languages.codes import identify, identify_or_none
from xsns_hf.text.formats import TEXT_COLUMNS, joined
from xsns_hf.text.streaming import class_names, named

LANGUAGE_COLUMNS = ("language", "lang", "language_code", "lang_code", "lang_id", "iso", "iso_code", "locale")
"""What says the language of a row: the first of these columns that there is."""

_TEXT_COLUMNS = (*TEXT_COLUMNS, ("content",))
"""What is text: as in files, or else this."""


def sentences_of_rows(
    table: Any,
    language_column: str | None = None,
    column: str | None = None,
    languages: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Return the texts of a table by canonical code, in the order of its rows.

    Args:
        table: a `datasets.Dataset` or `IterableDataset`, which is read as a whole.
        language_column: holds codes or names, or classes named by them; by default one of `LANGUAGE_COLUMNS`. Without
            such a column, there may be a column of text for each language, named by it.
        column: holds strings, or lists of tokens, which are joined by spaces; by default as in files, or the only one
            of strings.
        languages: canonical codes; by default all. The only one of a table without a column of languages.

    Raises:
        TextError: there is no such column, or none is known by its name.
        LanguageError: a row's language isn't known, and all are wanted.
    """
    columns = _columns(table)
    label = _language_column(columns, language_column)
    if label is None:
        if column is None and (by_name := _columns_of_languages(table, columns)):
            return {
                code: [row[name] for row in table.select_columns([name]) if row[name]] for code, name in by_name.items()
            }
        if len(languages) != 1:
            raise TextError(
                f"No column of {', '.join(columns)} is known to hold languages: name it with "
                f"{parameter('language_column')}, or give {parameter('languages')} a single one if all rows are of it."
            )
        return {languages[0]: list(texts_of_rows(table, column))}
    wanted, by_code = set(languages), dict[str, list[str]]()
    names = _text_columns(table, column, label)
    table = table.select_columns([label, *names])  # the others may be large
    for language, rows in groupby(table, key=lambda row: row[label]):
        code = _code(table, label, language, wanted)
        if code is not None and (not wanted or code in wanted):
            by_code.setdefault(code, []).extend(_texts(rows, names))
    return by_code


def texts_of_rows(table: Any, column: str | None = None) -> Iterator[str]:
    """Yield the texts of a table; several that are alike, one after the other, count once, as in XNLI.

    Args:
        table: of `datasets`.
        column: as of `sentences_of_rows`.

    Raises:
        TextError: there is no such column, or it can't be told which it is.
    """
    yield from _texts(table, _text_columns(table, column))


def _texts(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    yield from (text for text, _ in groupby(_text(row, columns) for row in rows))


def sentences_of_splits(splits: Mapping[str, Any], column: str | None = None) -> dict[str, list[str]]:
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
    return {code: list(texts_of_rows(table, column)) for code, table in by_language(splits).items()}


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
        choose = f"choose one with {parameter('language_column')}"
        raise TextError(f"There is no column {named} of languages: {choose}: {', '.join(columns)}.")
    return named or next((name for name in LANGUAGE_COLUMNS if name in columns), None)


def _columns_of_languages(table: Any, columns: Sequence[str]) -> dict[str, str]:
    """Return by code the columns of text that are named by languages; none where a column is known to be the text."""
    if any(all(name in columns for name in names) for names in _TEXT_COLUMNS):
        return {}
    return by_language({name: name for name in _strings(table) if identify_or_none(name)})


def _strings(table: Any) -> list[str]:
    """Return the columns that hold strings, where their kinds are known."""
    kinds = (table.features or {}).items()
    return [name for name, kind in kinds if getattr(kind, "dtype", None) in {"string", "large_string"}]


def _text_columns(table: Any, named: str | None, label: str | None = None) -> tuple[str, ...]:
    """Return the columns that are text: the named one, else those known by their names, or the only one of strings."""
    columns = _columns(table)
    if named is not None and named not in columns:
        raise TextError(
            f"There is no column {named} of text: choose one with {parameter('column')}: {', '.join(columns)}."
        )
    if named is not None:
        return (named,)
    for names in _TEXT_COLUMNS:
        if all(name in columns for name in names):
            return names
    strings = [name for name in _strings(table) if name != label]
    if len(strings) == 1:
        return (strings[0],)
    raise TextError(f"No column of {', '.join(columns)} is known to hold text: name it with {parameter('column')}.")


def _text(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    try:
        return joined(row, columns)
    except TypeError as error:
        raise TextError(
            f"{', '.join(columns)} holds something other than text: name a column with {parameter('column')}."
        ) from error


def _code(table: Any, column: str, label: Any, wanted: Collection[str]) -> str | None:
    """Return the canonical code of what a column of languages holds; None of what is none, if it can't be wanted."""
    text = str(named(label, class_names((table.features or {}).get(column)) or ()))
    code = identify_or_none(text)
    if code is None and not wanted:
        raise LanguageError(
            f"The column {column!r} holds {text!r}, which is no language that we know: correct it, or say with "
            f"{parameter('languages')} which to take."
        )
    return code
