"""Text from the Hub: the corpora of the paper's tasks and general ones, streamed, so that little is fetched."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import cached_assets_path

from xsns_hf.errors import HubError, TextError, parameter
from xsns_hf.languages.codes import name
from xsns_hf.tasks import TASKS, Task, load_task
from xsns_hf.text.catalogue import SOURCES, Source
from xsns_hf.text.folder import Files

LIMIT = 4096
"""Sentences of a language that are fetched: the draws are made from these."""

SHORTEST = 20
"""Characters of a paragraph that counts as text, where a document is cut into paragraphs."""


PARQUET = "refs/convert/parquet"
"""The branch where the Hub keeps every public dataset as Parquet, whatever it was made of."""

TASK_TEXT: dict[str, str] = {task: load_task(task).corpus for task in TASKS}
"""The corpus of each of the paper's tasks (appendix A)."""


def hub_corpus(corpus: str, languages: Sequence[str], limit: int = LIMIT) -> Files:
    """Fetch the first sentences of some languages; what was fetched before is taken from the cache.

    Args:
        corpus: a name in `SOURCES`.
        languages: canonical codes.
        limit: the most sentences of a language.

    Raises:
        XsnsError: there is no such corpus, it lacks a language, or it can't be fetched.
    """
    check_corpus(corpus, languages)
    source = SOURCES[corpus]
    folder = cached_assets_path(library_name="xsns_hf", namespace="corpora", subfolder=f"{corpus}-{limit}")
    files = {code: folder / f"{code}.txt" for code in languages}
    for code, path in files.items():
        if not path.exists():
            _save(path, list(islice(_sentences(source, code), limit)))
    licences = {code: source.licence for code in languages if source.licence}
    return Files(corpus, files, licences)


def check_corpus(corpus: str, languages: Sequence[str]) -> None:
    """Make sure that a corpus is known and has text in some languages; nothing is fetched.

    Args:
        corpus: a name in `SOURCES`.
        languages: canonical codes.

    Raises:
        XsnsError: it isn't, or hasn't.
    """
    if corpus not in SOURCES:
        raise TextError(
            f"There is no corpus '{corpus}': use one of {', '.join(SOURCES)}, or {parameter('text')} with files."
        )
    configs = SOURCES[corpus].configs
    missing = [f"{name(code)} ({code})" for code in languages if code not in configs]
    if missing:
        raise TextError(f"{corpus} has no text for {', '.join(missing)}: it has {', '.join(sorted(configs))}.")


def labelled_splits(task: Task, code: str, split: str) -> list[dict]:
    """Fetch the labelled rows of a language, the whole split, through the cache of `datasets`; labels become names.

    Args:
        task: whose corpus is in `SOURCES`.
        code: canonical code of one of its languages.
        split: as the Hub has it.

    Raises:
        XsnsError: they can't be fetched.
    """
    source = SOURCES[task.corpus]
    with _explained(source.id, code):
        rows = _rows(source, code, split, streaming=False)
        names = _class_names(rows.features[task.label])
        of_language = list(_of_language(rows, source, code))
    return [row | {task.label: _named(row[task.label], names)} for row in of_language] if names else of_language


def _class_names(feature: Any) -> list[str] | None:
    """Return the names that a dataset gives to the numbers of its classes: their order may be another than ours."""
    feature = getattr(feature, "feature", feature)  # of a list
    return getattr(feature, "names", None)


def _named(label: Any, names: Sequence[str]) -> Any:
    if isinstance(label, list):
        return [_named(part, names) for part in label]
    return names[label] if isinstance(label, int) and label >= 0 else label


def _save(path: Path, sentences: list[str]) -> None:
    """Write a sentence a line, the whole file or nothing."""
    if not sentences:
        raise TextError(f"The Hub gave no sentence for {path.stem}: use another corpus.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text("\n".join(sentences), encoding="utf-8")
    unfinished.replace(path)


def _sentences(source: Source, code: str) -> Iterator[str]:
    """Stream the text of a language, a sentence (or paragraph, or pair) at a time."""
    with _explained(source.id, code):
        for row in _of_language(_rows(source, code, source.split, streaming=True), source, code):
            yield from _texts(row, source)


def _rows(source: Source, code: str, split: str, *, streaming: bool) -> Any:
    from datasets import load_dataset

    config = source.configs[code]
    if source.converted:
        place = f"hf://datasets/{source.id}@{PARQUET.replace('/', '%2F')}/{config}/{split}/*.parquet"
        return load_dataset("parquet", data_files={split: place}, split=split, streaming=streaming)
    return load_dataset(source.id, config, split=split, streaming=streaming)


def _of_language(rows: Iterable[dict], source: Source, code: str) -> Iterator[dict]:
    """Yield the rows of a language, where a dataset holds all languages together."""
    return (row for row in rows if str(row.get("id", "")).startswith(source.prefixes.get(code, "")))


@contextmanager
def _explained(dataset: str, code: str) -> Iterator[None]:
    """Turn what the clients raise in this context, which is whatever their layers do, into one sentence."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise HubError(
            f"The text of {name(code)} can't be fetched from {dataset} on the Hub ({type(error).__name__}: {reason}): "
            f"check the connection, log in if the dataset needs it, or give your own text with {parameter('text')}."
        ) from error


def _texts(row: Mapping, source: Source) -> Iterator[str]:
    values = [row[column] for column in source.columns]
    text = " ".join(value if isinstance(value, str) else " ".join(value) for value in values)
    if source.paragraphs:
        yield from (" ".join(line.split()) for line in text.split("\n") if len(line.strip()) >= SHORTEST)
    elif text.strip():
        yield " ".join(text.split())
