"""Rows of a table that a stranger may have made: those that hold are kept, the others are left out with a note."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from xsns_hf.errors import Damaged
from xsns_hf.safe_text import shortened

_STRANGE = "they weren't written by xsns_hf, or were changed"
LONGEST = 500
"""Characters of a text in a cell."""


class Notes(list[str]):
    """Sentences that say what was left out, told as they come."""

    def __init__(self, tell: Callable[[str], object] | None = None):
        """Begin without any.

        Args:
            tell: is called with each.
        """
        super().__init__()
        self._tell = tell

    def take(self, notes: Iterable[str]) -> None:
        """Take sentences, each once."""
        for note in notes:
            if note not in self:
                self.append(note)
                if self._tell:
                    self._tell(note)


class Sieve:
    """A table that loses the rows which don't hold.

    Attributes:
        frame: the rows that held so far.
        notes: a sentence for each reason for which rows were left out.
    """

    def __init__(self, name: str, table: pa.Table, may_lack: Iterable[str] = ()):
        """Leave out rows that lack a value.

        Args:
            name: of the file, as notes call it.
            table: its rows.
            may_lack: columns in which a value may be missing.
        """
        self.name, self.total = name, len(table)
        self.notes: list[str] = []
        lacking = np.zeros(len(table), bool)
        for column in set(table.column_names) - set(may_lack):
            if table[column].null_count:
                lacking |= table[column].is_null().to_numpy()
                self._note(int(lacking.sum()), f"which lack {column}")
        # An integer that is missing would make floats of its column.
        self.frame = (table.filter(pa.array(~lacking)) if lacking.any() else table).to_pandas()

    def keep(self, held: "np.ndarray | pd.Series", what: str, column: str | None = None) -> None:
        """Keep the rows that hold.

        Args:
            held: bool, for each row of `frame`.
            what: is wrong with the others, in words that follow "which".
            column: of which to quote a value.
        """
        held = np.asarray(held, bool)
        if held.all():
            return
        quoted = f" ({shortened(self.frame[column].iloc[int(np.argmin(held))])})" if column else ""
        self._note(int((~held).sum()), f"{what}{quoted}")
        self.frame = self.frame[held]

    def keep_texts(self, column: str, fits: Callable[[str], bool], what: str) -> None:
        """Keep the rows whose text fits, or is missing; each text is looked at once."""
        texts = self.frame[column]
        if isinstance(texts.dtype, pd.CategoricalDtype):
            codes, texts = texts.cat.codes.to_numpy(), texts.cat.categories
        else:
            codes, texts = pd.factorize(texts)
        fitting = np.array([fits(text) for text in texts.tolist()] + [True], bool)  # the last: missing
        self.keep(fitting[codes], what, column)

    def keep_numbers(self, column: str, least: float, most: float) -> None:
        """Keep the rows whose number is within bounds, which NaN and infinity aren't."""
        values = self.frame[column].to_numpy()
        self.keep((values >= least) & (values <= most), f"have {column} out of range", column)

    def keep_unique(self, key: Sequence[str]) -> None:
        """Keep one of rows that are the same, and none of rows of the same key that aren't."""
        if self.frame.duplicated(list(key)).any():
            self.keep(~self.frame.duplicated(), "repeat another")
            self.keep(~self.frame.duplicated(list(key), keep=False), f"say different things of the same {key[-1]}")

    def keep_agreeing(self, key: str | Sequence[str], columns: Sequence[str], what: str) -> None:
        """Keep the rows of a key only if all of them have the same in some columns."""
        keys = [key] if isinstance(key, str) else list(key)
        distinct = self.frame.drop_duplicates([*keys, *columns])
        if (again := distinct.duplicated(keys)).any():
            several = pd.MultiIndex.from_frame(self.frame[keys]).isin(pd.MultiIndex.from_frame(distinct[again][keys]))
            self.keep(~several, what)

    def sound(self) -> pd.DataFrame:
        """Return what is left.

        Raises:
            Damaged: nothing is, of what there was.
        """
        if self.total and self.frame.empty:
            reason = self.notes[0].partition(": ")[2].removesuffix(".")
            raise Damaged(
                f"{self.name} has no row that could be used: {reason}; use another dataset, or make the masks anew."
            )
        return self.frame.reset_index(drop=True)

    def _note(self, number: int, what: str) -> None:
        rows = "1 row is" if number == 1 else f"{number:,} rows are"
        self.notes.append(f"{self.name}: {rows} left out, {what}: {_STRANGE}.")


def is_text(text: str) -> bool:
    """Return whether a text may be shown as it is: not too long, without characters that control anything."""
    return 0 < len(text) <= LONGEST and text.isprintable()


def is_word(text: str) -> bool:
    """Return whether a text may be part of a command too, as the value of an option."""
    return is_text(text) and not text.startswith("-") and text == text.strip()
