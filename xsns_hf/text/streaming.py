"""Rows of datasets on the Hub, streamed, and the sentences in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from xsns_hf.errors import HubError, TextError, XsnsError, parameter
from xsns_hf.languages.codes import identify_or_none, name
from xsns_hf.text.catalogue import Source
from xsns_hf.text.choice import Choice, columns_of, only_train
from xsns_hf.text.formats import joined

SHORTEST = 20
"""Characters of a paragraph that counts as text, where a document is cut into paragraphs."""

PARQUET = "refs/convert/parquet"
"""The branch where the Hub keeps every public dataset as Parquet, whatever it was made of."""


def sentences(source: Source, code: str) -> Iterator[str]:
    """Stream the text of a language, a sentence (or paragraph, or pair) at a time.

    Raises:
        XsnsError: it can't be fetched, or it can't be told what of it is text.
    """
    with explained(source.id, code):
        rows = _Rows.of(source, code)
        for row in of_language(rows.rows, source, code):
            yield from _texts(row, rows.source)


def by_language(source: Source, languages: Sequence[str], limit: int) -> dict[str, list[str]]:
    """Stream a dataset that holds all languages together, once, until there is enough of some of them.

    Args:
        source: with a language column.
        languages: canonical codes.
        limit: the most sentences of a language.

    Raises:
        XsnsError: as `sentences` does; or a language isn't there.
    """
    column, found = str(source.language_column), {code: list[str]() for code in languages}
    with explained(source.id, *languages):
        rows = _Rows.of(source, languages[0])
        for row in rows.rows:
            code = identify_or_none(str(named(row[column], rows.names or ())))
            if code in found:
                found[code] += islice(_texts(row, rows.source), limit - len(found[code]))
                if all(len(texts) == limit for texts in found.values()):
                    break
    for code, texts in found.items():
        if not texts:
            raise TextError(f"{source.id} has no text for {name(code)} ({code}) by its column {column}.")
    return found


def load_rows(source: Source, code: str, split: str, *, streaming: bool) -> Any:
    """Return the rows of a language's configuration, as `datasets` gives them."""
    from datasets import load_dataset

    config = source.configs[code]
    if source.converted:
        place = f"hf://datasets/{source.id}@{PARQUET.replace('/', '%2F')}/{config}/{split}/*.parquet"
        return load_dataset("parquet", data_files={split: place}, split=split, streaming=streaming)
    return load_dataset(source.id, config, split=split, streaming=streaming, revision=source.revision)


def of_language(rows: Iterable[dict[str, Any]], source: Source, code: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a language, where a dataset holds all languages together by the beginnings of its ids."""
    return (row for row in rows if str(row.get("id", "")).startswith(source.prefixes.get(code, "")))


def class_names(feature: Any) -> list[str] | None:
    """Return the names that a dataset gives to the numbers of its classes: their order may be another than ours."""
    feature = getattr(feature, "feature", feature)  # of a list
    return getattr(feature, "names", None)


def named(label: Any, names: Sequence[str]) -> Any:
    """Return a label by its name, or the labels of a list; as it is where the names don't say."""
    if isinstance(label, list):
        return [named(part, names) for part in label]
    return names[label] if isinstance(label, int) and 0 <= label < len(names) else label


@contextmanager
def explained(dataset: str, *codes: str) -> Iterator[None]:
    """Turn what the clients raise in this context, which is whatever their layers do, into one sentence."""
    try:
        yield
    except XsnsError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise HubError(
            f"The text of {', '.join(map(name, codes))} can't be fetched from {dataset} on the Hub "
            f"({type(error).__name__}: {reason}): check the connection, log in if the dataset needs it, or give your "
            f"own text with {parameter('text')}."
        ) from error


@dataclass(frozen=True)
class _Rows:
    """Rows with what is known once the first of them is there.

    Attributes:
        source: theirs, with its text columns.
        rows: all of them.
        names: of the languages, where their column has numbers.
    """

    source: Source
    rows: Iterable[dict[str, Any]]
    names: Sequence[str] | None

    @classmethod
    def of(cls, source: Source, code: str) -> "_Rows":
        rows = load_rows(source, code, _split(source, code), streaming=True)
        names = class_names((rows.features or {}).get(source.language_column))
        following = iter(rows)
        first = next(following, None)
        if first is None:
            return cls(source, [], names)
        columns = columns_of(first, source.columns, source.language_column, source.id)
        return cls(replace(source, columns=columns), chain([first], following), names)


def _split(source: Source, code: str) -> str:
    """Return the split to read; of a dataset that the catalogue doesn't list, it is looked up."""
    if source.revision is None:
        return source.split
    from datasets import get_dataset_split_names

    config = source.configs[code]
    splits = get_dataset_split_names(source.id, config, revision=source.revision)
    return only_train(list(splits), Choice(split=source.split or None), f"{source.id}, configuration {config},")


def _texts(row: Mapping[str, Any], source: Source) -> Iterator[str]:
    text = joined(row, source.columns)
    if source.paragraphs:
        yield from (" ".join(line.split()) for line in text.split("\n") if len(line.strip()) >= SHORTEST)
    elif text.strip():
        yield " ".join(text.split())
