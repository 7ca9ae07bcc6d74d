"""What of a dataset or file is text, and in which language: options that go with `--corpus` and `--text`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xsns_hf.errors import TextError, parameter
from xsns_hf.text.formats import text_columns


@dataclass(frozen=True)
class Choice:
    """What is said of a text beside where it is; what isn't said is found out, or an error if it can't be.

    Attributes:
        config: configuration of a dataset on the Hub, or the pattern of their names, see `configs.PLACEHOLDERS`.
        split: which split of a dataset.
        column: which column is the text.
        language_column: which column says the language of a row, where languages are together.
    """

    config: str | None = None
    split: str | None = None
    column: str | None = None
    language_column: str | None = None

    @property
    def given(self) -> Mapping[str, str]:
        """What is said, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def refuse(self, *names: str, why: str) -> None:
        """Make sure that some of it isn't said.

        Args:
            names: which.
            why: the end of the sentence.

        Raises:
            TextError: one is.
        """
        for name in names:
            if name in self.given:
                raise TextError(f"{parameter(name, self.given[name])} {why}.")


def only_train(splits: list[str], choice: Choice, where: str) -> str:
    """Return the split to read: the one chosen, else `train`, else the only one.

    Args:
        splits: there are.
        choice: may name one.
        where: what to call the dataset.

    Raises:
        TextError: it isn't there, or none is named and there are several.
    """
    if choice.split in splits:
        return choice.split
    if choice.split is not None or (len(splits) != 1 and "train" not in splits):
        lacks = f"has no split {choice.split}" if choice.split else "has no split train"
        raise TextError(f"{where} {lacks}: choose one with {parameter('split')}: {', '.join(splits)}.")
    return "train" if "train" in splits else splits[0]


def columns_of(row: Mapping[str, Any], chosen: Sequence[str], language_column: str | None, where: str) -> Sequence[str]:
    """Return the columns that are the text of rows like this one: those chosen, else what `text_columns` finds.

    Args:
        row: the first one.
        chosen: columns, or none.
        language_column: the column that says the language, which must be there too.
        where: what to call the dataset or file.

    Raises:
        TextError: one isn't there, or none is chosen and it can't be told.
    """
    others = {column: value for column, value in row.items() if column != language_column}
    columns = chosen or text_columns(others)
    options = dict.fromkeys(columns or (), parameter("column"))
    if language_column is not None:
        options = {language_column: parameter("language_column")} | options
    for column, option in options.items():
        if column not in row:
            raise TextError(f"{where} has no column {column}: choose one with {option}: {', '.join(row)}.")
    if columns is None:
        raise TextError(
            f"It can't be told which column of {where} is the text: name it with {parameter('column')}: "
            f"{', '.join(row)}."
        )
    return columns
