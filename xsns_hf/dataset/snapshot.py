"""A mask repository's tables held in memory: for whoever asks many questions of it, such as the Space."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.recipe import Recipe


class Snapshot(MaskRepository):
    """A mask repository as it was when it was opened: its tables are read once."""

    def __init__(self, where: str | Path):
        """Open a repository and read its tables.

        Raises:
            XsnsError: there is none, or it can't be read.
        """
        super().__init__(where)
        self._index = super().index()
        self._similarity = super().similarity()
        try:
            self._scores = super().scores()
        except XsnsError:  # where the Hub can't be reached, nobody knows whether there are any; nor need one, to rank
            self._scores = schema.read_scores(None)

    def index(self) -> pd.DataFrame:
        """Return the index (columns: `schema.INDEX`); not to be changed."""
        return self._index

    def similarity(self) -> pd.DataFrame:
        """Return the similarities (columns: `schema.SIMILARITY`); not to be changed."""
        return self._similarity

    def scores(self) -> pd.DataFrame:
        """Return the gold scores (columns: `schema.SCORES`); not to be changed."""
        return self._scores

    def recipes(self) -> dict[str, Recipe]:
        """Return the recipes by name."""
        return self._recipes

    @cached_property
    def _recipes(self) -> dict[str, Recipe]:
        return super().recipes()
