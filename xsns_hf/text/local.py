"""Text on this machine: a folder, a file, or a folder that `datasets.save_to_disk` wrote."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from xsns_hf.errors import TextError, parameter
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.reading import check_is_file
from xsns_hf.text.choice import Choice
from xsns_hf.text.corpus import Corpus, Sentences, slug
from xsns_hf.text.folder import Files, rows_of, text_folder
from xsns_hf.text.formats import READERS, ROWS
from xsns_hf.text.rows import sentences_of_rows
from xsns_hf.text.saved import is_saved, saved_corpus


def local_text(path: Path, languages: Sequence[str], choice: Choice, name: str | None = None) -> Corpus:
    """Open text on this machine.

    Args:
        path: a folder with a file per language, see `text_folder`; a file of one language, or of rows with a column
            that says theirs; or a folder that `datasets.save_to_disk` wrote, see `saved_corpus`.
        languages: canonical codes; of text in one language, which it is.
        choice: which column is the text, and which says the language.
        name: the corpus's name in recipes, made into [a-z0-9-]; by default the folder's or file's.

    Raises:
        XsnsError: there is no text, or it can't be told which language it is in.
    """
    choice.refuse("config", why=f"is of a dataset on the Hub, not of {path}: leave it out")
    if is_saved(path):
        return saved_corpus(path, list(languages), choice, name)
    choice.refuse("split", why=f"is of a dataset, which {path} isn't: leave it out")
    if path.exists() and not path.is_dir():
        check_is_file(path)
    if not path.is_file():
        choice.refuse("language_column", why=f"is of a file or dataset, and {path} is neither: leave it out")
        corpus = text_folder(path, name, choice.column)
        return _with_columns(corpus, choice)
    if path.suffix not in READERS:
        raise TextError(f"{path} is of no kind that can be read: give a {', '.join(READERS)} file.")
    if choice.language_column is not None:
        if path.suffix not in ROWS:
            raise TextError(f"{path} has no columns: give a {' or '.join(ROWS)} file.")
        return _with_languages(path, languages, choice, name)
    return _with_columns(Files(slug(name or path.stem), {_only(path, languages): path}, column=choice.column), choice)


def _with_languages(file: Path, languages: Sequence[str], choice: Choice, name: str | None) -> Sentences:
    """Return the text of rows with a column that says their language."""
    from datasets import Dataset

    try:
        table = Dataset.from_list(rows_of(file))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TextError(
            f"The rows of {file} hold values of several kinds in a column, or none that a table can hold ({reason}): "
            "correct it."
        ) from error
    by_code = sentences_of_rows(table, choice.language_column, choice.column, languages)
    return Sentences(slug(name or file.stem), by_code)


def _only(file: Path, languages: Sequence[str]) -> str:
    """Return the one language of a file: that which is asked for, else what its name says."""
    named = [*languages] or [code for code in [identify_or_none(file.stem)] if code]
    if len(named) == 1:
        return named[0]
    if named:
        raise TextError(
            f"{file} is one file, for one language: give a folder with a <code>.txt for each of several, or name the "
            f"column that says the language of a row with {parameter('language_column')}."
        )
    raise TextError(f"{file} isn't named by a language, as swh.txt is: say which it is with {parameter('languages')}.")


def _with_columns(corpus: Files, choice: Choice) -> Files:
    """Return a corpus, which must have columns if one is chosen."""
    if not any(file.suffix in ROWS for file in corpus.files.values()):
        choice.refuse("column", why=f"is of rows, of which {corpus.name} has none: leave it out")
    return corpus
