"""Whatever text comes in, as a `Corpus`: the one place that tells its kinds apart."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xsns_hf.errors import TextError
from xsns_hf.languages.codes import identify
from xsns_hf.text.catalogue import SOURCES
from xsns_hf.text.choice import Choice
from xsns_hf.text.corpus import Corpus, Sentences, lacking, slug
from xsns_hf.text.folder import SAMPLE, sample_corpus
from xsns_hf.text.hub import hub_corpus
from xsns_hf.text.local import local_text
from xsns_hf.text.opening import TextRequest
from xsns_hf.text.rows import by_language, sentences_of_rows, sentences_of_splits

IN_MEMORY = "text"
"""Name of text that has none of its own."""


def corpus_of(
    text: Any,
    languages: Sequence[str] | None = None,
    *,
    name: str | None = None,
    language_column: str | None = None,
    column: str | None = None,
) -> Corpus:
    """Return text of any kind as a corpus.

    Args:
        text: a folder with a file per language, or other files, see `local_text`; sentences by language; a
            `datasets.Dataset` with a column of languages or a column per language; a `datasets.DatasetDict` with a
            split per language; `sample`, or the name of a known corpus or of a dataset on the Hub, see `TextRequest`;
            or a corpus, which is returned as it is.
        languages: which are wanted, in any form that `identify` takes. A corpus on the Hub needs to be told; of other
            text all are taken by default.
        name: of the corpus in recipes; by default the folder's, the known one, or `text`.
        language_column: of a dataset, see `sentences_of_rows`.
        column: of a dataset, likewise.

    Raises:
        LanguageError: what is said to be a language isn't one.
        TextError: there is no text of that kind, or none of a wanted language.
        HubError: it can't be fetched.
    """
    codes = list(dict.fromkeys(map(identify, languages or ())))
    corpus = _opened(text, codes, name, language_column, column)
    for code in codes:
        if code not in corpus.languages:
            raise lacking(corpus, code)
    return corpus


def corpus_for(text: Any, languages: Sequence[str]) -> Corpus:
    """Return text of any kind as a corpus, which needn't have all of some languages.

    Args:
        text: as of `corpus_of`.
        languages: canonical codes; of a corpus on the Hub, those that it has are fetched.

    Raises:
        XsnsError: as `corpus_of` does.
    """
    if isinstance(text, str) and text in SOURCES and not Path(text).is_dir():
        return hub_corpus(text, [code for code in languages if code in SOURCES[text].configs])
    return corpus_of(text)


def _opened(
    text: Any, codes: Sequence[str], name: str | None, language_column: str | None, column: str | None
) -> Corpus:
    if isinstance(text, str | Path):
        return _named(text, codes, name, Choice(column=column, language_column=language_column))
    if _is_a(text, "DatasetDict", "IterableDatasetDict"):
        return _in_memory(sentences_of_splits(text, column), name)
    if _is_a(text, "Dataset", "IterableDataset"):
        return _in_memory(sentences_of_rows(text, language_column, column, codes), name)
    if isinstance(text, Mapping):
        return _in_memory(_checked(by_language(text)), name)
    if all(hasattr(text, part) for part in ("languages", "sentences", "licences", "rows")):
        return text
    raise TextError(
        f"Text can't be a {type(text).__name__}: give a folder, sentences by language ({{'fin': […]}}), a "
        "datasets.Dataset or DatasetDict, or the name of a corpus."
    )


def _named(text: str | Path, codes: Sequence[str], name: str | None, choice: Choice) -> Corpus:
    """Open a folder or file, the sample text, or what is on the Hub."""
    if isinstance(text, Path) or Path(text).exists():
        return local_text(Path(text), codes, choice, name)
    if text == SAMPLE:
        return sample_corpus()
    request = TextRequest(corpus=text, languages=codes, choice=choice, name=name)
    request.check()
    return request.open()


def _is_a(text: Any, *kinds: str) -> bool:
    """Return whether text is of a class of `datasets`, which is imported already if it is."""
    datasets = sys.modules.get("datasets")
    return datasets is not None and isinstance(text, tuple(getattr(datasets, kind) for kind in kinds))


def _checked(by_code: Mapping[str, Any]) -> dict[str, list[str]]:
    """Make sure that each language has sentences."""
    lists = {code: [] if isinstance(lines, str) else list(lines) for code, lines in by_code.items()}
    for code, lines in lists.items():
        if isinstance(by_code[code], str) or not all(isinstance(line, str) for line in lines):
            raise TextError(f"The text of {code} isn't a list of sentences: give one, each a string.")
        try:
            "".join(lines).encode()
        except UnicodeEncodeError as error:
            raise TextError(f"The text of {code} holds half a letter (a lone surrogate): leave it out.") from error
    return lists


def _in_memory(by_code: Mapping[str, Sequence[str]], name: str | None) -> Sentences:
    empty = [code for code, lines in by_code.items() if not any(line.strip() for line in lines)]
    if empty or not by_code:
        raise TextError(f"There is no text of {', '.join(empty) or 'any language'}: give sentences, or leave it out.")
    return Sentences(slug(name or IN_MEMORY), by_code)
