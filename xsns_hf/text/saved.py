"""Datasets in memory or in folders that `datasets.save_to_disk` wrote, as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xsns_hf.errors import Damaged, TextError, parameter
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.text.choice import Choice, columns_of, only_train
from xsns_hf.text.corpus import Sentences, slug
from xsns_hf.text.formats import joined
from xsns_hf.text.streaming import class_names, named

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def is_saved(folder: Path) -> bool:
    """Return whether `datasets.save_to_disk` wrote a folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_corpus(folder: Path, languages: list[str], choice: Choice, name: str | None = None) -> Sentences:
    """Read a folder that `datasets.save_to_disk` wrote, see `corpus_of`; by default it is called as the folder is.

    Raises:
        XsnsError: as `corpus_of` does, or the folder can't be read.
    """
    from datasets import load_from_disk

    try:
        dataset = load_from_disk(str(folder))
    except Exception as error:  # whatever its layers raise
        reason = " ".join(str(error).split())[:200]
        raise Damaged(f"{folder} can't be read as a dataset ({reason}): save it again with save_to_disk.") from error
    return corpus_of(dataset, languages, choice, name or folder.resolve().name, str(folder))


def corpus_of(
    dataset: "Dataset | DatasetDict", languages: list[str], choice: Choice, name: str, where: str = "The dataset"
) -> Sentences:
    """Return a dataset's sentences by language.

    Args:
        dataset: with a column that says the language of each row, or a split for each language, or in one language.
        languages: canonical codes; of a dataset in one language, that.
        choice: what is known of it; the language column is needed to tell languages by a column.
        name: of the corpus, made into [a-z0-9-].
        where: what to call the dataset in errors.

    Raises:
        XsnsError: it can't be told which of it is text, or in which language.
    """
    splits: Mapping[str, Any] = dataset if isinstance(dataset, dict) else {"train": dataset}
    by_code = {code: split for split in splits if (code := identify_or_none(split))}
    if choice.language_column is None and choice.split is None and isinstance(dataset, dict) and by_code:
        lines = {code: _texts(splits[split], choice, where) for code, split in by_code.items()}
        return Sentences(slug(name), lines)
    rows = splits[only_train(list(splits), choice, where)]
    if choice.language_column is not None:
        return Sentences(slug(name), _by_column(rows, choice, where))
    if len(languages) == 1:
        return Sentences(slug(name), {languages[0]: _texts(rows, choice, where)})
    raise TextError(
        f"It can't be told which language the rows of {where} are in: name the column that says it with "
        f"{parameter('language_column')} ({', '.join(rows.column_names)}), or the one language with "
        f"{parameter('languages')}."
    )


def rows_corpus(rows: list[dict], choice: Choice, name: str, where: str) -> Sentences:
    """Return rows by the languages that a column of theirs says, which must be chosen.

    Raises:
        XsnsError: as `corpus_of` does.
    """
    return Sentences(slug(name), _grouped(rows, choice, where, None))


def _by_column(dataset: "Dataset", choice: Choice, where: str) -> Mapping[str, list[str]]:
    names = class_names(dataset.features.get(str(choice.language_column)))
    return _grouped(dataset, choice, where, names)


def _grouped(rows: Iterable[dict], choice: Choice, where: str, names: list[str] | None) -> Mapping[str, list[str]]:
    column, found = str(choice.language_column), dict[str, list[str]]()
    for row, text in _read(rows, choice, where):
        code = identify_or_none(str(named(row.get(column), names or ())))
        if code:
            found.setdefault(code, []).append(text)
    if not found:
        raise TextError(f"No row of {where} is in a language that we know by its column {column}.")
    return found


def _texts(rows: "Dataset", choice: Choice, where: str) -> list[str]:
    return [text for _, text in _read(rows, choice, where)]


def _read(rows: Iterable[dict], choice: Choice, where: str) -> Iterator[tuple[dict, str]]:
    """Yield the rows with their text."""
    columns: Sequence[str] = ()
    for row in rows:
        columns = columns or columns_of(row, [choice.column] if choice.column else [], choice.language_column, where)
        try:
            yield row, joined(row, columns)
        except (KeyError, TypeError) as error:
            raise TextError(
                f"A row of {where} has no text ({error}): name the column that is the text with {parameter('column')}."
            ) from error
