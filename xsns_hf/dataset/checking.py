"""Whether a mask repository is as its index says, and mending it: nothing is guessed, what can't be had again goes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.card import is_of
from xsns_hf.dataset.commands import extract_command
from xsns_hf.dataset.draft import Draft
from xsns_hf.dataset.layout_door import check_layout
from xsns_hf.dataset.mask_files import computed_similarity, file_of, files_of, find, read_masks, recorded
from xsns_hf.dataset.names import CARD, LAYOUT, SCORES, SIMILARITY
from xsns_hf.dataset.sealing import NewerFormat
from xsns_hf.dataset.squares import Squares, filled, lacking, square, within
from xsns_hf.dataset.stores.base import INDEX, Commit, Content, Store, is_mask_file, missing
from xsns_hf.dataset.stores.folder import PENDING, UNFINISHED
from xsns_hf.dataset.stores.opening import open_store
from xsns_hf.dataset.tables import State, Tables, text_of
from xsns_hf.dataset.watching import Watch, unseen
from xsns_hf.errors import Damaged, MasksMissing, XsnsError, some
from xsns_hf.languages.codes import name_and_code
from xsns_hf.native.own_files import sha256_of

_ANEW = "fetch it again, put an earlier revision back, or extract its languages into a new folder"


@dataclass
class Findings:
    """What is wrong with a repository, and what it would be if it were mended.

    Attributes:
        where: the repository.
        problems: a sentence each.
        remedies: commands that make again what can't be mended.
        masks: how many were verified.
        state: the mended tables.
        leftovers: files that nothing refers to.
        mended: whether the repository was mended.
    """

    where: str
    problems: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    masks: int = 0
    state: State | None = None
    leftovers: list[str] = field(default_factory=list)
    mended: bool = False

    @property
    def sound(self) -> bool:
        """Whether all is as it should be, now."""
        return self.mended or not self.problems


def check(where: str | Path, *, repair: bool = False, watch: Watch = unseen) -> Findings:
    """Verify the hash of every file and mask of a repository, and mend what isn't as it was.

    The layout and the index are had again from the mask files, which record both; similarities are computed again from
    the masks. Masks that are lost or damaged are taken out of the index. On the Hub the repair is one commit.

    Args:
        where: a folder, or `user/repo` on the Hub, of which everything is fetched.
        repair: whether to mend it.
        watch: shows progress.

    Raises:
        NewerFormat: a newer version made it.
        Damaged: it can't be mended.
        XsnsError: it can't be read, or changed.
    """
    store = open_store(where, mending=True)
    findings = _Examination(store, watch).findings()
    if repair and findings.problems:

        def change(staging: Path) -> Commit:
            nonlocal findings
            findings = _Examination(store, watch).findings()
            return _mended(store, staging, findings)

        store.prepare()
        store.update(change)
        findings.mended = True
    return findings


class _Examination:
    """One look at every file of a repository."""

    def __init__(self, store: Store, watch: Watch):
        self.store, self.watch, self.tables = store, watch, Tables(store)
        self.found = Findings(store.name)

    def findings(self) -> Findings:
        """Verify all, and return what is wrong, and what the tables would be if it were mended.

        Raises:
            Damaged: it can't be mended.
        """
        known = self._index()
        layout = self._layout(known)
        self.layout = schema.read_layout(layout)
        index = self._sound_masks(known)
        card = text_of(self.store.file(CARD))
        files = {LAYOUT: layout.data} if layout else {}
        state = State(index, self._similarity(index), self._scores(), self.layout, files, card)
        self.found.masks, self.found.state = len(index), state
        self._look_around(known, state)
        return self.found

    def _index(self) -> pd.DataFrame:
        """Return the index; if that isn't as it was, the one which the mask files record."""
        try:
            if self.tables.index_file is None:
                raise missing(INDEX, self.store.name)
            return self.tables.index
        except NewerFormat:
            raise
        except (Damaged, MasksMissing) as error:
            self._note(INDEX, error)
        masks = filter(is_mask_file, self.store.names())
        found = [rows for file in masks for rows in self._recorded(file)]
        if not found:
            raise Damaged(f"{self.store.name} has no sound {INDEX}, and no mask file that records its rows: {_ANEW}.")
        rows = pd.concat(found).sort_values("created", kind="stable")
        newest = rows.groupby(["recipe", "language"])["file"].transform("last")
        table = schema.from_frame(rows[rows["file"] == newest], schema.INDEX)
        return schema.sound_rows(self.store.name, table)

    def _recorded(self, file: str) -> list[pd.DataFrame]:
        """Return the rows of the index that a mask file records, in a list; an empty one if there are none."""
        try:
            path = self.store.file(file)
            found = recorded(path) if path else None
        except Damaged:
            return []
        return [found[0].assign(file=file, file_sha256=sha256_of(path), **schema.NOWHERE)] if found and path else []

    def _layout(self, index: pd.DataFrame) -> Content | None:
        """Return the layout's file; if that isn't as it was, the one which a mask file records."""
        try:
            content = self.tables.content(LAYOUT)
            if content is None and len(index):
                raise missing(LAYOUT, self.store.name)
            check_layout(LAYOUT, schema.read_layout(content), index)
            return content
        except (Damaged, MasksMissing) as error:
            self._note(LAYOUT, error)
        wanted = self._bound_hash(LAYOUT)
        for row in index.drop_duplicates("file").to_dict("records"):
            try:
                found = recorded(find(self.store, row))
            except (Damaged, MasksMissing):
                continue
            if found and wanted in (None, found[1].sha256):
                return found[1]
        raise Damaged(f"{self.store.name} has lost its {LAYOUT}, and no mask file records it: {_ANEW}.")

    def _bound_hash(self, file: str) -> str | None:
        """Return the hash by which the index knows a table; None if it knows none, or isn't as it was."""
        try:
            return (self.tables.hashes or {}).get(file)
        except Damaged:
            return None

    def _sound_masks(self, index: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the index whose masks are what it says."""
        sound = [index.head(0)]
        for _, rows in self.watch(index.groupby(["recipe", "language"]), "Verifying masks"):
            records = rows.to_dict("records")
            try:
                read_masks(find(self.store, records[0]), self.layout, records)
                sound.append(rows)
            except (Damaged, MasksMissing) as error:
                self._lose(records, error)
        return pd.concat([rows for rows in sound if len(rows)] or sound)

    def _lose(self, rows: list[dict[str, Any]], error: XsnsError) -> None:
        """Say that masks are lost, and how to make them again."""
        first = rows[0]
        problem = "are missing" if isinstance(error, MasksMissing) else "aren't those that the index records"
        masks = f"The masks of {name_and_code(first['language'])} in {file_of(first)[0]}"
        self.found.problems.append(f"{masks} {problem}.")
        source = first["corpus_source"] if isinstance(first["corpus_source"], str) else None
        recipe, language = schema.recipe_of(first), [first["language"]]
        self.found.remedies.append(extract_command(self.store.name, recipe, language, seeds=len(rows), source=source))

    def _similarity(self, index: pd.DataFrame) -> Squares:
        """Return the similarities of the indexed masks: as they are, if their hash is right, else computed again."""
        there = self._there(index)
        if there is not None and self.tables.hashes is not None:
            whole = filled(there, index)
            if not any(lacking(table).any() for table in whole.values()):
                return whole
        groups = self.watch(index.groupby(["recipe", "seed"]), "Computing similarities")
        computed = {(str(recipe), int(seed)): self._computed(rows) for (recipe, seed), rows in groups}
        if there is not None and not _same(filled(there, index), computed):
            self.found.problems.append(f"The similarities in {SIMILARITY} aren't those of the masks.")
        return computed

    def _there(self, index: pd.DataFrame) -> Squares | None:
        """Return the similarities of indexed masks that the repository has; None if they aren't as they were."""
        try:
            return within(self.tables.squares, index)
        except (Damaged, MasksMissing) as error:
            self._note(SIMILARITY, error)
            return None

    def _computed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Compute the similarities of one seed's masks, which are streamed, as a table of `Squares`."""
        table = computed_similarity(self.store, rows, self.layout)
        return square(table.index, table.to_numpy())

    def _scores(self) -> pd.DataFrame:
        """Return the gold scores; none if their file isn't as it was: nothing else records them."""
        try:
            return self.tables.scores
        except (Damaged, MasksMissing) as error:
            self._note(SCORES, error)
            self.found.remedies.append(f"xsns scores FILE --masks {self.store.name} --task TASK --origin ORIGIN")
            return schema.read_scores(None)

    def _look_around(self, known: pd.DataFrame, state: State) -> None:
        """Note what neither the index as it is nor as it will be refers to, and a card that doesn't list all files."""
        files, indexed = files_of(state.index), files_of(known)
        names = self.store.names()
        hidden = {file for file in names if file.startswith((PENDING, UNFINISHED))}
        self.found.leftovers = sorted(hidden | {file for file in names if is_mask_file(file)} - files)
        if stray := sorted({*self.found.leftovers} - indexed):
            self.found.problems.append(f"Files that nothing refers to: {some(stray)}.")
        if not is_of(state.card or "", known, state.scores):
            self.found.problems.append(f"{CARD} is missing or doesn't list all files.")

    def _note(self, file: str, error: XsnsError) -> None:
        problem = "is missing" if isinstance(error, MasksMissing) else "isn't as it was written"
        self.found.problems.append(f"{file} {problem}.")


def _same(one: Squares, other: Squares) -> bool:
    return all(np.array_equal(table.to_numpy(), other[key].to_numpy(), equal_nan=True) for key, table in one.items())


def _mended(store: Store, staging: Path, findings: Findings) -> Commit:
    """Write the tables and the card as they should be."""
    assert findings.state is not None
    if findings.state.index.empty:
        raise Damaged(
            f"None of the masks in {store.name} can be read: fetch them again, or extract them into a new folder."
        )
    return Draft(store, staging, findings.state).rewrite("Mended", findings.leftovers)
