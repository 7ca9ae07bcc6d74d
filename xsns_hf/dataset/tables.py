"""The tables of a mask repository as one commit has them: the index, and all else by the hashes that it records."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.layout_door import check_layout
from xsns_hf.dataset.names import CARD, LAYOUT, SCORES, SIMILARITY
from xsns_hf.dataset.sealing import changed, hashes_in
from xsns_hf.dataset.sieve import Notes
from xsns_hf.dataset.similarities.file import is_large, parts_of, read_part, read_parts, size_of_part
from xsns_hf.dataset.squares import Squares, number_of_pairs, squares_of, within
from xsns_hf.dataset.stores.base import INDEX, Content, Store, missing
from xsns_hf.masks.layout import ParameterLayout


@dataclass
class State:
    """A whole repository but for its masks, which a change starts from.

    Attributes:
        index, scores: the tables (columns: as in `schema`).
        squares: the similarities.
        layout: of all masks, without tensors if there are none.
        files: the other tables' files by name, as they are.
        card: the text of the card, if there is one.
    """

    index: pd.DataFrame
    squares: Squares
    scores: pd.DataFrame
    layout: ParameterLayout
    files: Mapping[str, bytes] = field(default_factory=dict)
    card: str | None = None


class Tables:
    """The tables of a repository, each read when it is first asked for; not to be changed."""

    def __init__(self, store: Store, notes: Notes | None = None):
        """Take a store, of which nothing is read yet.

        Args:
            store: the files.
            notes: takes what is left out of tables, and why; without it, nothing may be.
        """
        self.store, self.notes = store, notes

    @cached_property
    def index_file(self) -> Content | None:
        """What the index's file holds, None if there is none."""
        return self.store.read(INDEX)

    @cached_property
    def hashes(self) -> Mapping[str, str] | None:
        """The sha256 of the other tables by name; None in a repository of before there were any.

        Raises:
            XsnsError: see `hashes_in`.
        """
        return hashes_in(self.index_file, self.store.name) if self.index_file else None

    @cached_property
    def index(self) -> pd.DataFrame:
        """The index, a row per sub-network (columns: `schema.INDEX`).

        Raises:
            XsnsError: it isn't as it was written, or can't be read.
        """
        bound = self.hashes is not None
        index = schema.read_index(self.index_file, self.notes)
        if not bound and self.index_file and index["file_sha256"].notna().any():
            raise changed(self.index_file, self.store.name)
        return index

    @cached_property
    def squares(self) -> Squares:
        """The similarities of the indexed sub-networks."""
        return self._squares(self.content(SIMILARITY))

    def _squares(self, content: Content | None) -> Squares:
        if content is not None and self.hashes is not None and is_large(number_of_pairs(self.index)):
            with suppress(ValueError):  # then the rows say what is wrong
                return read_parts(content.data, self.index)
        return within(squares_of(schema.read_similarity(content, self.notes)), self.index)

    def to_target(self, recipe: str, target: str) -> pd.DataFrame | None:
        """Return the similarities to a target, read without the others: float64 [sources, seeds].

        None where the whole file is read: it is small or has been read already, or the part isn't as the index records
        it; then the whole file says what is wrong.
        """
        of_recipe = self.index[self.index["recipe"] == recipe]
        rows = of_recipe[of_recipe["language"] == target]
        part = parts_of(rows).get(target)
        if "squares" in self.__dict__ or self.hashes is None or not part or not is_large(number_of_pairs(self.index)):
            return None
        by_seed = of_recipe[of_recipe["seed"].isin(rows["seed"])].groupby("seed")["language"]
        languages = {int(str(seed)): sorted(codes) for seed, codes in by_seed}
        for data in self.store.parts(SIMILARITY, part.at, size_of_part(languages)):
            with suppress(ValueError):
                return read_part(data, part, recipe, target, languages)
        return None

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The gold scores that are published with the masks (columns: `schema.SCORES`), perhaps none."""
        return schema.read_scores(self.content(SCORES), self.notes)

    @cached_property
    def layout(self) -> ParameterLayout:
        """The layout that all masks share, with the arrangement of their bits; empty if there are none."""
        return self._layout(self.content(LAYOUT))

    def _layout(self, content: Content | None) -> ParameterLayout:
        layout = schema.read_layout(content)
        if content is not None:
            check_layout(str(content), layout, self.index)
        return layout

    def content(self, name: str) -> Content | None:
        """Return what a table's file holds; None if the repository has none.

        Raises:
            MasksMissing: the index knows it, and it isn't there.
            Damaged: it isn't the one that the index records.
        """
        if self.hashes is None:
            return self.store.read(name)
        if name not in self.hashes:
            return None
        content = self.store.read(name, self.hashes[name])
        if content is None:
            raise missing(name, self.store.name)
        return content

    def state(self) -> State:
        """Return all tables, read now.

        Raises:
            XsnsError: one isn't as it was written, or can't be read.
        """
        found = {name: self.content(name) for name in (SIMILARITY, LAYOUT, SCORES)}
        files = {name: content.data for name, content in found.items() if content}
        scores = schema.read_scores(found[SCORES], self.notes)
        squares, layout = self._squares(found[SIMILARITY]), self._layout(found[LAYOUT])
        return State(self.index, squares, scores, layout, files, text_of(self.store.file(CARD)))


def text_of(path: Path | None) -> str | None:
    """Return the text of a card, None if there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path else None
