"""Text from the Hub: the corpora of the paper's tasks, general ones and any dataset, of which little is fetched."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import cached_assets_path

from xsns_hf.errors import TextError, parameter
from xsns_hf.languages.codes import name
from xsns_hf.tasks import TASKS, Task, load_task
from xsns_hf.text.any_dataset import further
from xsns_hf.text.catalogue import SOURCES, Source
from xsns_hf.text.corpus import slug
from xsns_hf.text.folder import Files
from xsns_hf.text.streaming import by_language, class_names, explained, load_rows, named, of_language, sentences

LIMIT = 4096
"""Sentences of a language that are fetched: the draws are made from these."""

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
    source, folder = SOURCES[corpus], _folder(f"{corpus}-{limit}")
    unlisted = [code for code in languages if code not in source.configs and not (folder / f"{code}.txt").exists()]
    return _fetched(corpus, further(source, unlisted) if unlisted else source, languages, folder, limit)


def dataset_corpus(source: Source, limit: int = LIMIT) -> Files:
    """Fetch the first sentences of each language of a dataset that no catalogue lists, as `hub_corpus` does.

    Args:
        source: as `find_source` gives it: what is fetched is of its commit.
        limit: the most sentences of a language.

    Raises:
        XsnsError: it can't be told what of it is text, it lacks a language, or it can't be fetched.
    """
    told = (source.split, *source.columns, source.language_column, *sorted(set(source.configs.values())))
    digest = hashlib.sha256(repr(told).encode()).hexdigest()[:8]
    folder = _folder(f"{slug(source.id)}-{source.revision}-{digest}-{limit}")
    sources = {code: f"{source.id}@{source.revision}:{config}" for code, config in source.configs.items()}
    return replace(_fetched(slug(source.id), source, list(source.configs), folder, limit), sources=sources)


def check_corpus(corpus: str, languages: Sequence[str]) -> None:
    """Make sure that a corpus is known and may have text in some languages; nothing is fetched.

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
    if SOURCES[corpus].pattern:  # the Hub knows
        return
    configs = SOURCES[corpus].configs
    missing = [f"{name(code)} ({code})" for code in languages if code not in configs]
    if missing:
        raise TextError(f"{corpus} has no text for {', '.join(missing)}: it has {', '.join(sorted(configs))}.")


def labelled_splits(task: Task, code: str, split: str) -> list[dict[str, Any]]:
    """Fetch the labelled rows of a language, the whole split, through the cache of `datasets`; labels become names.

    Args:
        task: whose corpus is in `SOURCES`.
        code: canonical code of one of its languages.
        split: as the Hub has it.

    Raises:
        XsnsError: they can't be fetched.
    """
    source = SOURCES[task.corpus]
    with explained(source.id, code):
        rows = load_rows(source, code, split, streaming=False)
        names = class_names(rows.features[task.label])
        found = list(of_language(rows, source, code))
    return [row | {task.label: named(row[task.label], names)} for row in found] if names else found


def _folder(subfolder: str) -> Path:
    return cached_assets_path(library_name="xsns_hf", namespace="corpora", subfolder=subfolder)


def _fetched(corpus: str, source: Source, languages: Sequence[str], folder: Path, limit: int) -> Files:
    files = {code: folder / f"{code}.txt" for code in languages}
    lacking = [code for code, path in files.items() if not path.exists()]
    if source.language_column and lacking:
        for code, texts in by_language(source, lacking, limit).items():
            _save(files[code], texts)
    else:
        for code in lacking:
            _save(files[code], list(islice(sentences(source, code), limit)))
    licences = {code: source.licence for code in languages if source.licence}
    return Files(corpus, files, licences)


def _save(path: Path, texts: list[str]) -> None:
    """Write a sentence a line, the whole file or nothing."""
    if not texts:
        raise TextError(f"The Hub gave no sentence for {path.stem}: use another corpus.")
    # Others may fetch the same into a cache that machines share, in a process of the same number.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder:
        unfinished = Path(folder) / path.name
        unfinished.write_text("\n".join(texts), encoding="utf-8")
        unfinished.replace(path)
