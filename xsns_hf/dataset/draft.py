"""Adding sub-networks and scores to a mask repository: what of its files changes, and how."""

import dataclasses
import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset import schema, sealing
from xsns_hf.dataset.card import render_card
from xsns_hf.dataset.mask_files import file_of, find, read_masks, sound, write_masks
from xsns_hf.dataset.names import LAYOUT, SCORES, SIMILARITY
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.scores import joined, without
from xsns_hf.dataset.stores.base import INDEX, Commit, Store, repair_command
from xsns_hf.dataset.tables import State
from xsns_hf.errors import Damaged, Incompatible, MasksMissing, XsnsError, parameter, some
from xsns_hf.languages.codes import name
from xsns_hf.masks.layout import Arrangement, ParameterLayout
from xsns_hf.masks.similarity import jaccard_row
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe, commits_in


def check_fits(
    where: str, index: pd.DataFrame, stored: ParameterLayout, recipe: Recipe, layout: ParameterLayout
) -> None:
    """Make sure that masks of a recipe and layout may be added to those of an index.

    Args:
        where: what to call the repository.
        index: its index.
        stored: its layout, without tensors if it is empty.
        recipe: of the new masks.
        layout: of the new masks.

    Raises:
        Incompatible: the repository holds masks of another checkpoint, revision or layout, or another recipe of
            the same name.
    """
    for row in index.drop_duplicates("recipe").to_dict("records"):
        other = schema.recipe_of(row)
        if other.revision == recipe.revision and commits_in(recipe.revision):
            recipe = dataclasses.replace(
                recipe, checkpoint=other.checkpoint
            )  # the same commit, if of a model renamed since
        if (other.checkpoint, other.revision) != (recipe.checkpoint, recipe.revision):
            raise Incompatible(
                f"{where} holds masks of {other.checkpoint} at revision {other.revision}, not of "
                f"{recipe.checkpoint} at {recipe.revision}: give each checkpoint a repository of its own."
            )
        if other.name == recipe.name and other != recipe:
            raise Incompatible(
                f"{where} holds another recipe {other.name} ({other.differences(recipe)}): masks of both "
                f"can't be compared; use another repository or {parameter('corpus_name')}."
            )
    if stored.tensors and stored.fingerprint != layout.fingerprint:
        raise Incompatible(
            f"{where} holds masks over {stored.size:,} parameters, these are over {layout.size:,} with other names or "
            "shapes (another checkpoint, or neurons): give them a repository of their own."
        )


@dataclass(frozen=True)
class Added:
    """What a change adds to a repository, replaces or removes.

    Attributes:
        masks: recipe, language and seed of each.
        scores: their tasks.
        removed: tasks whose scores were removed.
    """

    masks: list[tuple[str, str, int]] = field(default_factory=list)
    scores: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a few words: `masks of deu, fin; scores of pos`."""
        languages = sorted({language for _, language, _ in self.masks})
        masks = [f"masks of {some(languages, 8)}"] * bool(languages)
        scores = [f"scores of {task}" for task in self.scores]
        return "; ".join(masks + scores + [f"no more scores of {task}" for task in self.removed])


class Draft:
    """A change to a repository in the making: its tables in memory, changed files in a folder for `Store.update`.

    Attributes:
        index: the index with the additions.
        added: what is new or replaced.
    """

    def __init__(self, store: Store, staging: Path, state: State, before: pd.DataFrame | None = None):
        """Start from the repository as it is.

        Args:
            store: the repository's files.
            staging: an empty folder for the changed files.
            state: the repository's tables, or those that are to be in their place.
            before: the index that makes way; by default the state's.

        Raises:
            Damaged: the layout is missing, without which nothing can be added or compared.
        """
        self.store, self.staging = store, staging
        self.index, self.similarity, self.scores = state.index, state.similarity, state.scores
        self.layout, self.files = state.layout, dict(state.files)
        self.added = Added()
        self._before = state.index if before is None else before
        self._tables, self._present = {*state.files}, state.card
        if len(self._before) and not self.layout.tensors:
            raise Damaged(
                f"{store.name} has lost its layout.parquet, by which the bits of its masks are read: mend it with "
                f"{repair_command(store.name)}."
            )

    def put(self, records: Sequence[MaskRecord], *, replace: bool) -> None:
        """Add a language's masks and their similarity to all others; what the language has else stays.

        Args:
            records: the masks, all of one recipe and language.
            replace: whether other masks for the same seeds make way.

        Raises:
            XsnsError: see `check_fits`; or there are other masks and they aren't to be replaced.
        """
        recipe, language, first = records[0].recipe, records[0].language, records[0].mask
        check_fits(self.store.name, self.index, self.layout, recipe, first.layout)
        if not self.layout.tensors:
            self.layout = ParameterLayout(first.layout.tensors, Arrangement.by_density(first.masks()))
            self._write(LAYOUT, schema.layout_table(self.layout))
        arranged = [dataclasses.replace(record, mask=record.mask.arranged(self.layout)) for record in records]
        new = {record.seed: record for record in self._new(recipe.name, language, arranged, replace=replace)}
        if not new:
            return
        same = (self.index["recipe"] == recipe.name) & (self.index["language"] == language)
        kept = self.index[same & ~self.index["seed"].isin(list(new))]
        masks = {seed: record.mask for seed, record in new.items()}
        rows = pd.concat([kept, _frame([record.row() for record in new.values()])])
        masks_there = self._read(recipe.name, language, kept)
        self._compare(recipe.name, language, masks, self.index[~same])
        self._write_masks(recipe.name, language, masks_there | masks, rows)
        self.added.masks.extend((recipe.name, language, seed) for seed in new)

    def _write_masks(self, recipe: str, language: str, masks: Mapping[int, SubNetwork], rows: pd.DataFrame) -> None:
        """Write a language's file, and put its rows into the index."""
        file, sha256 = write_masks(self.staging, recipe, language, masks, rows=rows, layout=self.files[LAYOUT])
        same = (self.index["recipe"] == recipe) & (self.index["language"] == language)
        for earlier in {*self.index.loc[same, "file"].dropna()} - {file}:
            (self.staging / earlier).unlink(missing_ok=True)  # of this very change
        self.index = pd.concat([self.index[~same], rows.assign(file=file, file_sha256=sha256)])

    def put_scores(self, scores: pd.DataFrame, *, replace: bool) -> None:
        """Add gold scores; those of other tasks and metrics stay.

        Args:
            scores: the new ones (columns: `schema.SCORES`).
            replace: whether other scores of the same task and metric make way.

        Raises:
            XsnsError: there are other scores, and they aren't to be replaced; or there are no masks.
        """
        if self.index.empty:
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
        if lost := _keys(self._before) - _keys(self.index):
            recipe, language, seed = min(lost)
            raise XsnsError(
                f"This change would drop masks from {self.store.name} ({language}, seed {seed}, of {recipe}), which "
                "nobody asked for, so it isn't made: repeat the command, and report it if that doesn't help."
            )
        if self.added.masks:
            self._fill_in()
            self._write_similarity()
        if self.added.scores or self.added.removed:
            self._write_scores()
        return self._write_index(done[0].upper() + done[1:])

    def rewrite(self, message: str, leftovers: Collection[str] = ()) -> Commit:
        """Write all tables anew; return what the change is.

        Args:
            message: the change in a few words.
            leftovers: files to be removed.
        """
        (self.staging / LAYOUT).write_bytes(self.files[LAYOUT])  # to the bit, as mask files record it
        self._write_similarity()
        self._write_scores()
        return dataclasses.replace(self._write_index(message), leftovers=leftovers)

    def _write_index(self, message: str) -> Commit:
        """Write the index, which binds all other files, and the card; return what the change is."""
        self._bind()
        self.index = self.index.sort_values(["recipe", "language", "seed"])
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        table = schema.from_frame(self.index, schema.INDEX)
        schema.sound_rows(f"The new {INDEX} of {self.store.name}", table)  # what wouldn't be read isn't written
        sealing.write_index(self.staging / INDEX, table, hashes)
        self._write_card()
        return Commit(message, _files(self.index) | {*self.files}, _files(self._before) | self._tables)

    def _bind(self) -> None:
        """Record the hashes of mask files of before the index had any."""
        self.index = self.index.reset_index(drop=True)
        unbound = self.index[self.index["file_sha256"].isna()]
        if unbound.empty:
            return
        names = unbound.apply(lambda row: file_of(row)[0], axis=1)
        hashes = self.store.hashes(set(names))
        known = names[names.isin(list(hashes))]
        self.index.loc[known.index, "file"] = known
        self.index.loc[known.index, "file_sha256"] = known.map(hashes)

    def _write_similarity(self) -> None:
        self.similarity = self.similarity.sort_values(["recipe", "seed", "target", "source"])
        self._write(SIMILARITY, schema.from_frame(self.similarity, schema.SIMILARITY))

    def _write_scores(self) -> None:
        """Write the scores; without any, the repository has no such table."""
        if len(self.scores):
            self._write(SCORES, schema.from_frame(self.scores, schema.SCORES))
        else:
            self.files.pop(SCORES, None)

    def _write(self, name: str, table: pa.Table) -> None:
        schema.write(self.staging / name, table)
        self.files[name] = (self.staging / name).read_bytes()

    def _write_card(self) -> None:
        where = self.store.name.partition("@")[0]
        card = render_card(self.index, self.similarity, self.scores, where, self._mask_size(), self._present)
        for path, content in card.items():
            (self.staging / path).write_bytes(content)

    def _mask_size(self) -> float:
        """Return the mean bytes of the masks in the files that this draft writes; if it writes none, of all masks."""
        files = list(self.staging.rglob("masks/**/*.parquet"))
        if not files:
            return self.store.size("masks/") / len(self.index)
        masks = sum(pq.read_metadata(file).num_row_groups for file in files)
        return sum(file.stat().st_size for file in files) / masks

    def _new(self, recipe: str, language: str, records: Sequence[MaskRecord], *, replace: bool) -> Sequence[MaskRecord]:
        """Leave out the masks that are there already, unless they are to be replaced."""
        if replace:
            return records
        rows = self.index[(self.index["recipe"] == recipe) & (self.index["language"] == language)]
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

    def _compare(self, recipe: str, language: str, masks: Mapping[int, SubNetwork], others: pd.DataFrame) -> None:
        """Compute this language's rows of the similarity for these seeds, reading one other language at a time."""
        old = self.similarity
        stale = (
            (old["recipe"] == recipe)
            & old["seed"].isin(list(masks))
            & ((old["source"] == language) | (old["target"] == language))
        )
        rows = []
        others = others[(others["recipe"] == recipe) & others["seed"].isin(list(masks))]
        for other, indexed in others.groupby("language"):
            for seed, mask in self._read(recipe, str(other), indexed).items():
                value = float(jaccard_row(masks[seed], [mask])[0])
                rows += [(recipe, seed, language, other, value), (recipe, seed, other, language, value)]
        new = pd.DataFrame(rows, columns=schema.SIMILARITY.names)
        parts = [part for part in (old[~stale], new) if len(part)]
        self.similarity = pd.concat(parts) if parts else old[~stale]

    def _fill_in(self) -> None:
        """Compute the similarities that the repository lacks of its own masks, as where their file was lost."""
        for (recipe, seed), rows in self.index.groupby(["recipe", "seed"]):
            of_seed = self.similarity[(self.similarity["recipe"] == recipe) & (self.similarity["seed"] == seed)]
            known = of_seed[of_seed["source"].isin(rows["language"]) & of_seed["target"].isin(rows["language"])]
            if len(known) == len(rows) * (len(rows) - 1):
                continue
            lacking = {*itertools.permutations(rows["language"], 2)} - {
                *known[["source", "target"]].itertuples(index=False, name=None)
            }
            while lacking:
                language = Counter(itertools.chain(*lacking)).most_common(1)[0][0]
                own = rows["language"] == language
                self._compare(str(recipe), language, self._read(str(recipe), language, rows[own]), rows[~own])
                lacking = {pair for pair in lacking if language not in pair}

    def _read(self, recipe: str, language: str, index: pd.DataFrame) -> dict[int, SubNetwork]:
        """Read masks of a language, those changed in this draft from it."""
        if not len(index):
            return {}
        rows = index.to_dict("records")
        staged = self.staging / file_of(rows[0])[0]
        return read_masks(staged if staged.is_file() else find(self.store, rows[0]), self.layout, rows)


def _keys(index: pd.DataFrame) -> set[tuple[str, str, int]]:
    """Return the recipe, language and seed of each mask."""
    return set(index[["recipe", "language", "seed"]].itertuples(index=False, name=None))


def _files(index: pd.DataFrame) -> set[str]:
    """Return the names of the mask files that an index knows."""
    return {file_of(row)[0] for row in index.to_dict("records")}


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return rows of the index, without the file that they will be in."""
    frame = schema.from_frame(pd.DataFrame(rows), schema.IN_FILES).to_pandas()
    return frame.assign(file=None, file_sha256=None)
