"""The mask repository: one layout of plain Parquet files, which `load_dataset` opens, in a folder or on the Hub.

    README.md                           the card; its `configs:` are written from the index
    index.parquet                       one row per sub-network
    similarity.parquet                  one row per seed and ordered pair of languages
    layout.parquet                      one row per tensor
    scores.parquet                      if there are any: gold transfer scores, one row per task, metric and pair
    masks/<recipe>/<language>.parquet   one row per seed and tensor

The index is what counts: without a row in it, a mask or a similarity isn't there.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.draft import Added, Draft, Provenance, check_fits, index_row
from xsns_hf.dataset.mask_files import changed, mask_file, pieces, read_masks
from xsns_hf.dataset.recipe_masks import RecipeMasks, recipes_by_size
from xsns_hf.dataset.scores import SCORES, score_rows
from xsns_hf.dataset.stores.base import INDEX
from xsns_hf.dataset.stores.opening import open_store
from xsns_hf.errors import XsnsError
from xsns_hf.gold import Gold
from xsns_hf.masks.layout import ParameterLayout, Tensor
from xsns_hf.masks.similarity import jaccard_of_pieces
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe

__all__ = ["Added", "Entry", "MaskRepository", "Provenance"]


@dataclass(frozen=True)
class Entry:
    """A language's sub-networks with their rows of the index.

    Attributes:
        recipe: how they were made.
        language: canonical code.
        subnetworks: by seed, each with its row of the index (columns: `schema.INDEX`).
    """

    recipe: Recipe
    language: str
    subnetworks: Mapping[int, tuple[SubNetwork, Mapping[str, object]]]


class MaskRepository:
    """Masks of one checkpoint, in a local folder or on the Hub.

    Attributes:
        store: its files.
        name: the folder, or `user/repo`, as the user gave it.
    """

    def __init__(self, where: str | Path, *, create: bool = False, create_pr: bool = False):
        """Open a repository.

        Args:
            where: a folder, or `user/repo` or `user/repo@revision` on the Hub; see `open_store`.
            create: begin a new one if there is none.
            create_pr: change a repository on the Hub by pull requests.

        Raises:
            XsnsError: there is none, it holds something else, or it can't be read (or made).
        """
        self.store = open_store(where, create=create, create_pr=create_pr)
        self.name = self.store.name

    def index(self) -> pd.DataFrame:
        """Return the index, a row per sub-network (columns: `schema.INDEX`)."""
        return schema.read_index(self.store.file(INDEX))

    def similarity(self) -> pd.DataFrame:
        """Return the similarities of the indexed sub-networks (columns: `schema.SIMILARITY`)."""
        table = schema.read_similarity(self.store.file("similarity.parquet"))
        known = self.index()[["recipe", "seed", "language"]]
        for side in ("source", "target"):
            table = table.merge(known.rename(columns={"language": side}), on=["recipe", "seed", side])
        return table

    def scores(self) -> pd.DataFrame:
        """Return the gold scores that are published with the masks (columns: `schema.SCORES`); empty without any.

        Raises:
            XsnsError: the file is damaged.
        """
        return schema.read_scores(self.store.file(SCORES))

    def masks(self, recipe: str | None = None) -> RecipeMasks:
        """Return the masks of a recipe: the one asked for, else that of the most languages.

        Raises:
            XsnsError: there is no such recipe, or none at all.
        """
        index = self.index()
        names = recipes_by_size(index)
        if not names:
            raise XsnsError(f"{self.name} holds no masks yet: extract some first.")
        if recipe is not None and recipe not in names:
            raise XsnsError(
                f"{self.name} holds no recipe '{recipe}': choose one with --recipe: {', '.join(sorted(names))}."
            )
        return RecipeMasks(self, recipe or names[0], index)

    def recipes(self) -> dict[str, Recipe]:
        """Return the recipes by name."""
        index = self.index().drop_duplicates("recipe")
        return {row["recipe"]: schema.recipe_of(row) for row in index.to_dict("records")}

    def seeds(self, recipe: Recipe, language: str, corpus_revision: str) -> list[int]:
        """Return the seeds for which a language's sub-network is there.

        Raises:
            XsnsError: it is there, but made from other text.
        """
        rows = self._rows(recipe.name, language)
        if (rows["corpus_revision"] != corpus_revision).any():
            raise XsnsError(
                f"The masks of {language} in {self.name} were made from another version of {recipe.corpus}'s "
                "text: pass --replace to make them anew, or name the new text otherwise with --corpus-name."
            )
        return sorted(rows["seed"])

    def layout(self) -> ParameterLayout:
        """Return the layout that all masks share, with the arrangement of their bits; empty if there are none."""
        return schema.read_layout(self.store.file("layout.parquet"))

    def check(self, recipe: Recipe, layout: ParameterLayout) -> None:
        """Make sure that masks of this recipe and layout may be added.

        Raises:
            XsnsError: the repository holds masks of another checkpoint, revision or layout, or another recipe of
                the same name.
        """
        check_fits(self.name, self.index(), self.layout(), recipe, layout)

    def subnetwork(self, recipe: str, language: str, seed: int) -> SubNetwork:
        """Read one sub-network.

        Raises:
            XsnsError: it isn't there, or the file is damaged or was changed.
        """
        return self.subnetworks(recipe, language)[seed]

    def subnetworks(self, recipe: str, language: str) -> dict[int, SubNetwork]:
        """Read the sub-networks of a language by seed, each checked against the hash in the index.

        Raises:
            XsnsError: the language isn't there, or the file is damaged or was changed.
        """
        rows = self._rows(recipe, language).to_dict("records")
        if not rows:
            raise XsnsError(f"{self.name} holds no masks of {language} for {recipe}: extract them first.")
        return read_masks(self.store.file(mask_file(recipe, language)), self.layout(), rows)

    def entries(self, languages: Collection[str] = ()) -> Iterable[Entry]:
        """Read all there is of some languages, by default of all, one at a time."""
        index = self.index()
        index = index[index["language"].isin(list(languages))] if languages else index
        for (recipe, language), rows in index.groupby(["recipe", "language"]):
            masks = self.subnetworks(str(recipe), str(language))
            records = rows.to_dict("records")
            yield Entry(
                schema.recipe_of(records[0]), str(language), {row["seed"]: (masks[row["seed"]], row) for row in records}
            )

    def streamed(self, recipe: str, seed: int, languages: Sequence[str]) -> Iterator[tuple[Tensor, list[np.ndarray]]]:
        """Read the masks of several languages side by side, in memory that one tensor of each takes.

        Yields:
            Each tensor of the layout with the packed bits of all the languages' masks, uint8.

        Raises:
            XsnsError: a language or seed isn't there, or a file is damaged or was changed; the latter is known only
                once the last tensor is read.
        """
        index = self.index()
        rows = index[(index["recipe"] == recipe) & (index["seed"] == seed)].set_index("language")
        for language in languages:
            if language not in rows.index:
                raise XsnsError(
                    f"{self.name} holds no mask of {language}, seed {seed}, for {recipe}: extract it first."
                )
        files = [(self.store.file(mask_file(recipe, language)), seed) for language in languages]
        digests = [hashlib.sha256() for _ in languages]
        for tensor, masks in zip(self.layout().tensors, pieces(files), strict=True):
            for digest, bits in zip(digests, masks, strict=True):
                digest.update(bits.data)
            yield tensor, masks
        for language, digest in zip(languages, digests, strict=True):
            if digest.hexdigest() != rows.loc[language, "sha256"]:
                raise changed(language, seed, mask_file(recipe, language))

    def computed_similarity(self, recipe: str, seed: int) -> pd.DataFrame:
        """Compute the similarities of all languages from their masks, which are streamed: N·(N−1)/2 comparisons.

        Returns:
            Jaccard coefficients, a square table with the languages as its index and columns.

        Raises:
            XsnsError: a mask file is damaged or missing.
        """
        index = self.index()
        rows = index[(index["recipe"] == recipe) & (index["seed"] == seed)].sort_values("language")
        files = [(self.store.file(mask_file(recipe, language)), seed) for language in rows["language"]]
        values = jaccard_of_pieces(list(rows["n_selected"]), pieces(files))
        return pd.DataFrame(values, index=rows["language"], columns=rows["language"])

    def add(
        self,
        recipe: Recipe,
        language: str,
        subnetworks: Mapping[int, tuple[SubNetwork, Provenance]],
        *,
        replace: bool = False,
    ) -> None:
        """Add a language's sub-networks and their similarity to all others; whole or not at all.

        What the language has for other seeds stays.

        Args:
            recipe: how the masks were made.
            language: canonical code.
            subnetworks: by seed.
            replace: whether other masks for the same seeds make way.

        Raises:
            XsnsError: see `check`; there are other masks and they aren't to be replaced; or it can't be written.
        """
        rows = {
            seed: (mask, index_row(recipe, language, seed, mask, provenance))
            for seed, (mask, provenance) in subnetworks.items()
        }
        self.add_all(lambda: [Entry(recipe, language, rows)], replace=replace)

    def add_all(
        self, entries: Callable[[], Iterable[Entry]], scores: pd.DataFrame | None = None, *, replace: bool = False
    ) -> Added:
        """Add several languages, and perhaps scores, in one step; what is there already is left as it is.

        Args:
            entries: gives what to add, and may be asked again.
            scores: gold scores, as of another repository's `scores`.
            replace: whether other masks for the same language and seed make way, and other scores of the same task.

        Returns:
            What is new or was replaced.

        Raises:
            XsnsError: as `add` and `add_scores` do.
        """

        def put(draft: Draft) -> None:
            for entry in entries():
                draft.put(entry.recipe, entry.language, entry.subnetworks, replace=replace)
            if scores is not None and len(scores):
                draft.put_scores(scores, replace=replace)

        return self._change(put)

    def add_scores(
        self,
        gold: Gold,
        task: str,
        *,
        origin: str,
        metric: str | None = None,
        model: str = "",
        licence: str = "",
        replace: bool = False,
    ) -> Added:
        """Publish gold transfer scores with the masks; languages without masks are kept: others may add theirs.

        Args:
            gold: the scores; several seeds are averaged.
            task: its name, such as pos: letters, digits, - and _.
            origin: who published them, and where.
            metric: what was measured; by default the gold's own.
            model: which was fine-tuned.
            licence: of the scores.
            replace: whether other scores of the same task and metric make way.

        Returns:
            What is new or was replaced; nothing if the same scores are there already.

        Raises:
            XsnsError: there are other scores of the task and metric and they aren't to be replaced; task or origin
                is no good; or it can't be written.
        """
        rows = score_rows(gold, task, metric=metric, model=model, origin=origin, licence=licence)
        return self._change(lambda draft: draft.put_scores(rows, replace=replace))

    def _change(self, put: Callable[[Draft], None]) -> Added:
        """Change the repository in one step; what to put into the draft may be asked again."""
        added = Added()

        def change(staging: Path) -> str | None:
            nonlocal added
            draft = Draft(self.store, staging)
            put(draft)
            added = draft.added
            return draft.finish()

        self.store.update(change)
        return added

    def _rows(self, recipe: str, language: str) -> pd.DataFrame:
        index = self.index()
        return index[(index["recipe"] == recipe) & (index["language"] == language)]
