"""The rows of an index while they change: those of a language are found, and replaced, without a look at the others."""

import pandas as pd


class Rows:
    """The rows of an index (columns: `schema.INDEX`), a recipe's and language's at a time."""

    def __init__(self, index: pd.DataFrame):
        """Start from an index, which isn't changed."""
        self._index = index
        self._at = index.groupby(["recipe", "language"]).indices if len(index) else {}
        self._put: dict[tuple[str, str], pd.DataFrame] = {}

    def __len__(self) -> int:
        return len(self._index) + len(self._put)

    def of(self, recipe: str, language: str) -> pd.DataFrame:
        """Return the rows of a recipe and language."""
        rows = self._put.get((recipe, language))
        return self._index.iloc[self._at.get((recipe, language), [])] if rows is None else rows

    def put(self, recipe: str, language: str, rows: pd.DataFrame) -> None:
        """Put rows in place of those of a recipe and language."""
        self._put[recipe, language] = rows

    def index(self) -> pd.DataFrame:
        """Return all rows."""
        replaced = [row for key in self._put for row in self._at.get(key, ())]
        kept = self._index.drop(index=self._index.index[replaced])
        return pd.concat([kept, *self._put.values()], ignore_index=True)
