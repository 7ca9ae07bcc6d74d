"""The rows of an index while they change: those of a language are found, and replaced, without a look at the others."""

from functools import cached_property
from typing import Any

import pandas as pd

Key = tuple[str, str]
"""A recipe and a language."""

_OF_MASKS = ["recipe", "language", "seed", "threshold", "sha256", "file", "file_sha256"]


class Rows:
    """The rows of an index (columns: `schema.INDEX`), a recipe's and language's at a time."""

    def __init__(self, index: pd.DataFrame):
        """Start from an index, which isn't changed."""
        self._index = index
        self._at = index.groupby(["recipe", "language"]).indices if len(index) else {}
        self._put: dict[Key, pd.DataFrame] = {}

    def __len__(self) -> int:
        return len(self._index) + len(self._put)

    def of(self, recipe: str, language: str) -> pd.DataFrame:
        """Return the rows of a recipe and language."""
        rows = self._put.get((recipe, language))
        return self._index.iloc[self._at.get((recipe, language), [])] if rows is None else rows

    def of_masks(self, recipe: str, language: str) -> list[dict[str, Any]]:
        """Return what is needed of the rows of a recipe and language to read its masks."""
        rows = self._put.get((recipe, language))
        return self._records.get((recipe, language), []) if rows is None else rows[_OF_MASKS].to_dict("records")

    @cached_property
    def _records(self) -> dict[Key, list[dict[str, Any]]]:
        """What `of_masks` returns, of the index as it was: of all at once that is quick."""
        records: dict[Key, list[dict[str, Any]]] = {}
        for row in self._index[_OF_MASKS].to_dict("records"):
            records.setdefault((row["recipe"], row["language"]), []).append(row)
        return records

    def put(self, recipe: str, language: str, rows: pd.DataFrame) -> None:
        """Put rows in place of those of a recipe and language."""
        self._put[recipe, language] = rows

    def index(self) -> pd.DataFrame:
        """Return all rows."""
        replaced = [row for key in self._put for row in self._at.get(key, ())]
        kept = self._index.drop(index=self._index.index[replaced])
        return pd.concat([part for part in (kept, *self._put.values()) if len(part)] or [kept], ignore_index=True)
