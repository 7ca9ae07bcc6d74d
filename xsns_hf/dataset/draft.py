"""Adding sub-networks and scores to a mask repository: what of its files changes, and how."""

import dataclasses
import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset import schema, sealing
from xsns_hf.dataset.added import Added
from xsns_hf.dataset.card import render_card
from xsns_hf.dataset.fitting import check_fits
from xsns_hf.dataset.mask_files import file_of, files_of, find, read_masks, sound, write_masks
from xsns_hf.dataset.names import LAYOUT, SCORES, SIMILARITY
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.rows import Rows
from xsns_hf.dataset.scores import joined, without
from xsns_hf.dataset.similarities.comparing import completed
from xsns_hf.dataset.similarities.file import write_similarity
from xsns_hf.dataset.squares import filled
from xsns_hf.dataset.stores.base import INDEX, Commit, Store, repair_command
from xsns_hf.dataset.tables import State
from xsns_hf.errors import Damaged, MasksMissing, XsnsError, parameter
from xsns_hf.languages.codes import name
from xsns_hf.masks.layout import Arrangement, ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe


class Draft:
    """A change to a repository in the making: its tables in memory, changed files in a folder for `Store.update`.

    Attributes:
        added: what is new or replaced.
    """

    def __init__(
        self, store: Store, staging: Path, state: State, before: pd.DataFrame | None = None, *, picture: bool = True
    ):
        """Start from the repository as it is.

        Args:
            store: the repository's files.
            staging: an empty folder for the changed files.
            state: the repository's tables, or those that are to be in their place.
            before: the index that makes way; by default the state's.
            picture: whether to draw the card's picture.

        Raises:
            Damaged: the layout is missing, without which nothing can be added or compared.
        """
        self.store, self.staging = store, staging
        self.rows, self.squares, self.scores = Rows(state.index), state.squares, state.scores
        self.layout, self.files = state.layout, dict(state.files)
        self.added = Added()
        self._before = state.index if before is None else before
        self._tables, self._present = {*state.files}, state.card
        self._picture, self._checked = picture, set[Recipe]()
        if len(self._before) and not self.layout.tensors:
            raise Damaged(
                f"{store.name} has lost its layout.parquet, by which the bits of its masks are read: mend it with "
                f"{repair_command(store.name)}."
            )

    def put(self, records: Sequence[MaskRecord], *, replace: bool) -> None:
        """Add a language's masks; what the language has else stays.

        Args:
            records: the masks, all of one recipe and language.
            replace: whether other masks for the same seeds make way.

        Raises:
            XsnsError: see `check_fits`; or there are other masks and they aren't to be replaced.
        """
        recipe, language, first = records[0].recipe, records[0].language, records[0].mask
        self._check_fits(recipe, first.layout)
        if not self.layout.tensors:
            self.layout = ParameterLayout(first.layout.tensors, Arrangement.by_density(first.masks()))
            self._write(LAYOUT, schema.layout_table(self.layout))
        arranged = [dataclasses.replace(record, mask=record.mask.arranged(self.layout)) for record in records]
        new = {record.seed: record for record in self._new(recipe.name, language, arranged, replace=replace)}
        if not new:
            return
        there = self.rows.of(recipe.name, language)
        kept = there[~there["seed"].isin(list(new))]
        masks = {seed: record.mask for seed, record in new.items()}
        rows = pd.concat([kept, _frame([record.row() for record in new.values()])])
        self._write_masks(recipe.name, language, self._read(kept.to_dict("records")) | masks, rows)
        self.added.masks.extend((recipe.name, language, seed) for seed in new)

    def _check_fits(self, recipe: Recipe, layout: ParameterLayout) -> None:
        """Make sure that masks may be added, once for each recipe."""
        if recipe not in self._checked or layout.fingerprint != self.layout.fingerprint:
            check_fits(self.store.name, self.rows.index(), self.layout, recipe, layout)
            self._checked.add(recipe)

    def _write_masks(self, recipe: str, language: str, masks: Mapping[int, SubNetwork], rows: pd.DataFrame) -> None:
        """Write a language's file, and put its rows into the index."""
        file, sha256 = write_masks(self.staging, recipe, language, masks, rows=rows, layout=self.files[LAYOUT])
        for earlier in {*self.rows.of(recipe, language)["file"].dropna()} - {file}:
            (self.staging / earlier).unlink(missing_ok=True)  # of this very change
        self.rows.put(recipe, language, rows.assign(file=file, file_sha256=sha256))

    def put_scores(self, scores: pd.DataFrame, *, replace: bool) -> None:
        """Add gold scores; those of other tasks and metrics stay.

        Args:
            scores: the new ones (columns: `schema.SCORES`).
            replace: whether other scores of the same task and metric make way.

        Raises:
            XsnsError: there are other scores, and they aren't to be replaced; or there are no masks.
        """
        if not len(self.rows):
            raise MasksMissing(f"{self.store.name} holds no masks that scores could go with: extract some first.")
        self.scores, tasks = joined(self.store.name, self.scores, scores, replace=replace)
        self.added.scores.extend(tasks)

    def remove_scores(self, task: str, metric: str | None) -> None:
        """Remove the gold scores of a task, those by one metric or all.

        Raises:
            XsnsError: there are none.
        """
        self.scores = without(self.store.name, self.scores, task, metric)
        self.added.removed.append(task)

    def finish(self) -> Commit | None:
        """Write the tables and the card; return what was done, or None if nothing was."""
        done = str(self.added)
        if not done:
            return None
        index = self.rows.index()
        if lost := _keys(self._before) - _keys(index):
            recipe, language, seed = min(lost)
            raise XsnsError(
                f"This change would drop masks from {self.store.name} ({language}, seed {seed}, of {recipe}), which "
                "nobody asked for, so it isn't made: repeat the command, and report it if that doesn't help."
            )
        if self.added.masks:
            self._compare(index)
            index = self._write_similarity(index)
        if self.added.scores or self.added.removed:
            self._write_scores()
        return self._write_index(index, done[0].upper() + done[1:])

    def rewrite(self, message: str, leftovers: Collection[str] = ()) -> Commit:
        """Write all tables anew; return what the change is.

        Args:
            message: the change in a few words.
            leftovers: files to be removed.
        """
        (self.staging / LAYOUT).write_bytes(self.files[LAYOUT])  # to the bit, as mask files record it
        index = self._write_similarity(self.rows.index())
        self._write_scores()
        return dataclasses.replace(self._write_index(index, message), leftovers=leftovers)

    def _compare(self, index: pd.DataFrame) -> None:
        """Compute the similarities of new masks, and those that the repository lacks, as where their file was lost."""

        def read(recipe: str, language: str, seeds: Sequence[int]) -> Mapping[int, SubNetwork]:
            return self._read([row for row in self.rows.of_masks(recipe, language) if row["seed"] in seeds])

        self.squares = completed(filled(self.squares, index, self.added.masks), read)

    def _write_index(self, index: pd.DataFrame, message: str) -> Commit:
        """Write the index, which binds all other files, and the card; return what the change is."""
        index = self._bound(index).sort_values(["recipe", "language", "seed"])
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        table = schema.from_frame(index, schema.INDEX)
        schema.sound_rows(f"The new {INDEX} of {self.store.name}", table)  # what wouldn't be read isn't written
        sealing.write_index(self.staging / INDEX, table, hashes)
        self._write_card(index)
        return Commit(message, files_of(index) | {*self.files}, files_of(self._before) | self._tables)

    def _bound(self, index: pd.DataFrame) -> pd.DataFrame:
        """Return the index with the hashes of mask files of before it had any."""
        index = index.reset_index(drop=True)
        unbound = index[index["file_sha256"].isna()]
        if unbound.empty:
            return index
        names = unbound.apply(lambda row: file_of(row)[0], axis=1)
        hashes = self.store.hashes(set(names))
        known = names[names.isin(list(hashes))]
        index.loc[known.index, "file"] = known
        index.loc[known.index, "file_sha256"] = known.map(hashes)
        return index

    def _write_similarity(self, index: pd.DataFrame) -> pd.DataFrame:
        """Write the similarities; return the index with where each target's are."""
        parts = write_similarity(self.staging / SIMILARITY, self.squares)
        self.files[SIMILARITY] = (self.staging / SIMILARITY).read_bytes()
        found = [parts.get(key) for key in zip(index["recipe"], index["language"], strict=True)]
        return index.assign(
            similarity_at=[part.at if part else -1 for part in found],
            similarity_sha256=pd.Series([part.sha256 if part else None for part in found], index.index, object),
        )

    def _write_scores(self) -> None:
        """Write the scores; without any, the repository has no such table."""
        if len(self.scores):
            self._write(SCORES, schema.from_frame(self.scores, schema.SCORES))
        else:
            self.files.pop(SCORES, None)

    def _write(self, name: str, table: pa.Table) -> None:
        schema.write(self.staging / name, table)
        self.files[name] = (self.staging / name).read_bytes()

    def _write_card(self, index: pd.DataFrame) -> None:
        where = self.store.name.partition("@")[0]
        squares = self.squares if self._picture else {}
        card = render_card(index, squares, self.scores, where, self._mask_size(index), self._present)
        for path, content in card.items():
            (self.staging / path).write_bytes(content)

    def _mask_size(self, index: pd.DataFrame) -> float:
        """Return the mean bytes of the masks in the files that this draft writes; if it writes none, of all masks."""
        files = list(self.staging.rglob("masks/**/*.parquet"))
        if not files:
            return self.store.size("masks/") / len(index)
        masks = sum(pq.read_metadata(file).num_row_groups for file in files)
        return sum(file.stat().st_size for file in files) / masks

    def _new(self, recipe: str, language: str, records: Sequence[MaskRecord], *, replace: bool) -> Sequence[MaskRecord]:
        """Leave out the masks that are there already, unless they are to be replaced."""
        if replace:
            return records
        rows = self.rows.of(recipe, language)
        rows = rows[sound(self.store, rows)]  # a file that isn't what it was makes way
        present = dict(zip(rows["seed"], rows["sha256"], strict=True))
        new = [record for record in records if present.get(record.seed) != record.mask.sha256]
        others = sorted({record.seed for record in new} & present.keys())
        if others:
            raise XsnsError(
                f"{self.store.name} holds another mask of {name(language)} ({language}), seed {others[0]}, for "
                f"{recipe}: pass {parameter('replace', 'True')} to replace it, or name your text otherwise with "
                f"{parameter('corpus_name')}."
            )
        return new

    def _read(self, rows: Sequence[Mapping[str, Any]]) -> dict[int, SubNetwork]:
        """Read masks of a language, those changed in this draft from it."""
        if not rows:
            return {}
        staged = self.staging / file_of(rows[0])[0]
        return read_masks(staged if staged.is_file() else find(self.store, rows[0]), self.layout, rows)


def _keys(index: pd.DataFrame) -> set[tuple[str, str, int]]:
    """Return the recipe, language and seed of each mask."""
    return set(index[["recipe", "language", "seed"]].itertuples(index=False, name=None))


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return rows of the index, without the file that they will be in."""
    frame = pa.Table.from_pylist(list(rows), schema.IN_FILES).to_pandas()
    return frame.assign(file=None, file_sha256=None, **schema.NOWHERE)
