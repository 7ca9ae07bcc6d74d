"""Folders that `datasets.save_to_disk` wrote, as text."""

from collections.abc import Sequence
from pathlib import Path

from xsns_hf.errors import Damaged
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.text.choice import Choice, only_train
from xsns_hf.text.corpus import Sentences, slug
from xsns_hf.text.rows import sentences_of_rows, sentences_of_splits


def is_saved(folder: Path) -> bool:
    """Return whether `datasets.save_to_disk` wrote a folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_corpus(folder: Path, languages: Sequence[str], choice: Choice, name: str | None = None) -> Sentences:
    """Return the sentences of a folder that `datasets.save_to_disk` wrote.

    Args:
        folder: a dataset with a column of languages, or in one language; or a split for each language.
        languages: canonical codes; of a dataset in one language, that.
        choice: what is known of it.
        name: of the corpus; by default the folder's.

    Raises:
        XsnsError: the folder can't be read, or it can't be told which of it is text, or in which language.
    """
    from datasets import load_from_disk

    try:
        dataset = load_from_disk(str(folder))
    except Exception as error:  # whatever its layers raise
        reason = " ".join(str(error).split())[:200]
        raise Damaged(f"{folder} can't be read as a dataset ({reason}): save it again with save_to_disk.") from error
    name = slug(name or folder.resolve().name)
    splits = dataset if isinstance(dataset, dict) else {}
    if splits and not (choice.split or choice.language_column) and all(map(identify_or_none, splits)):
        return Sentences(name, sentences_of_splits(splits, choice.column))
    rows = splits[only_train(list(splits), choice, str(folder))] if splits else dataset
    return Sentences(name, sentences_of_rows(rows, choice.language_column, choice.column, languages))
