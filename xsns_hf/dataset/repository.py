"""The mask repository: one layout of plain Parquet files, which `load_dataset` opens, in a folder or on the Hub.

    README.md                            the card; its `configs:` are written from the index
    index.parquet                        one row per sub-network, and the hashes of all other files
    similarity.parquet                   one row per seed and ordered pair of languages
    layout.parquet                       one row per tensor
    scores.parquet                       if there are any: gold transfer scores, one row per task, metric and pair
    masks/<recipe>/<language>-….parquet  one row per seed and tensor; its name ends with the hash of its content

The index is what counts: without a row in it, a mask or a similarity isn't there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.added import Added
from xsns_hf.dataset.draft import Draft
from xsns_hf.dataset.early_masks import EarlyMasks
from xsns_hf.dataset.fitting import check_fits
from xsns_hf.dataset.mask_files import sound
from xsns_hf.dataset.recipe_masks import RecipeMasks, recipe_named, recipes_by_size
from xsns_hf.dataset.record import MaskRecord, by_file
from xsns_hf.dataset.scores import score_rows
from xsns_hf.dataset.sieve import Notes
from xsns_hf.dataset.squares import Squares, pairs_of
from xsns_hf.dataset.stores.base import Commit
from xsns_hf.dataset.stores.opening import open_store
from xsns_hf.dataset.tables import Tables
from xsns_hf.errors import HubError, Incompatible, MasksMissing, parameter
from xsns_hf.gold import Gold
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Layers, Recipe


class MaskRepository:
    """Masks of one checkpoint, in a local folder or on the Hub, as they were when first looked at.

    What others change since is seen by opening it again; what is changed through it, at once.

    Attributes:
        store: its files.
        name: the folder, or `user/repo`, as the user gave it.
        notes: what was left out of its tables when they were read, and why, in sentences.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        create: bool = False,
        create_pr: bool = False,
        tell: Callable[[str], object] | None = None,
    ):
        """Open a repository.

        Args:
            where: a folder, `user/repo` or `user/repo@revision` on the Hub, or `ready`; see `open_store`.
            create: begin a new one if there is none.
            create_pr: change a repository on the Hub by pull requests.
            tell: is called with each of `notes` as soon as there is one.

        Raises:
            XsnsError: there is none, it holds something else, or it can't be read (or made).
        """
        self.store = open_store(where, create=create, create_pr=create_pr)
        self.name = self.store.name
        self.notes = Notes(tell)
        self._tables = Tables(self.store, self.notes)

    def index(self) -> pd.DataFrame:
        """Return the index, a row per sub-network (columns: `schema.INDEX`); not to be changed."""
        return self._tables.index

    def similarity(self) -> pd.DataFrame:
        """Return the similarities of the indexed sub-networks (columns: `schema.SIMILARITY`)."""
        return pairs_of(self._tables.squares)

    def squares(self) -> Squares:
        """Return the similarities of the indexed sub-networks as square tables; not to be changed."""
        return self._tables.squares

    def to_target(self, recipe: str, target: str) -> pd.DataFrame | None:
        """Return the similarities of a recipe to a target, read without the others where that can be done.

        See `Tables.to_target`; None where it can't.
        """
        return self._tables.to_target(recipe, target)

    def scores(self) -> pd.DataFrame:
        """Return the gold scores that are published with the masks (columns: `schema.SCORES`), not to be changed.

        Without any, the table is empty.

        Raises:
            XsnsError: the file is damaged, or can't be fetched.
        """
        return self._tables.scores

    def read_tables(self) -> None:
        """Read all tables now, for whoever answers from them later, the Hub being away or not.

        Nobody knows whether there are scores if they can't be fetched; it is taken that there are none.

        Raises:
            XsnsError: a table can't be read.
        """
        self.index(), self.squares()
        try:
            self.scores()
        except HubError:
            self._tables.scores = schema.read_scores(None)

    def masks(
        self, recipe: str | None = None, layers: Layers = "all", having: Sequence[Collection[str]] = ()
    ) -> RecipeMasks:
        """Return the masks of a recipe: the one asked for, else that of the most languages.

        Args:
            recipe: its name, or enough of it, see `recipe_named`.
            layers: where they are compared; `early` reads all of the recipe's masks.
            having: by default the recipe of the most of these languages; then, of several, that of the most of the
                next; and so on.

        Raises:
            XsnsError: there is no such recipe, or none at all, or several may be meant.
        """
        index = self.index()
        names = list(index["recipe"].unique()) if recipe else recipes_by_size(index, having)
        if not names:
            raise MasksMissing(f"{self.name} holds no masks yet: extract some first.")
        kind = EarlyMasks if layers == "early" else RecipeMasks
        return kind(self, recipe_named(recipe, names, self.name) if recipe else names[0], index)

    def recipes(self) -> dict[str, Recipe]:
        """Return the recipes by name."""
        index = self.index().drop_duplicates("recipe")
        return {row["recipe"]: schema.recipe_of(row) for row in index.to_dict("records")}

    def seeds(self, recipe: Recipe, language: str, corpus_revision: str) -> list[int]:
        """Return the seeds for which a language's sub-network is there, in a file that is as it was.

        Raises:
            XsnsError: it is there, but made from other text.
        """
        index = self.index()
        rows = index[(index["recipe"] == recipe.name) & (index["language"] == language)]
        if (rows["corpus_revision"] != corpus_revision).any():
            raise Incompatible(
                f"The masks of {language} in {self.name} were made from another version of {recipe.corpus}'s text: "
                f"pass {parameter('replace', 'True')} to make them anew, or name the new text otherwise with "
                f"{parameter('corpus_name')}."
            )
        return sorted(rows.loc[sound(self.store, rows), "seed"])

    def layout(self) -> ParameterLayout:
        """Return the layout that all masks share, with the arrangement of their bits; empty if there are none."""
        return self._tables.layout

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
        return self.masks(recipe).subnetworks(language)[seed]

    def records(self, languages: Collection[str] = ()) -> Iterator[Sequence[MaskRecord]]:
        """Read all there is of some languages, by default of all: at a time the masks of one recipe and language."""
        index = self.index()
        index = index[index["language"].isin(list(languages))] if languages else index
        for recipe, of_recipe in index.groupby("recipe"):
            masks = RecipeMasks(self, str(recipe), of_recipe)
            for language, rows in of_recipe.groupby("language"):
                by_seed = masks.subnetworks(str(language))
                yield [MaskRecord.of_row(row, by_seed[row["seed"]]) for row in rows.to_dict("records")]

    def add(self, records: Iterable[MaskRecord], *, replace: bool = False, picture: bool = True) -> Added:
        """Add masks and their similarity to all others of their recipe; whole or not at all.

        What is there already is left as it is, and so is what the languages have for other seeds.

        Args:
            records: the masks, of any recipes and languages.
            replace: whether other masks for the same recipe, language and seed make way.
            picture: whether to draw the card's picture anew, or leave that to the last of several changes.

        Returns:
            What is new or was replaced.

        Raises:
            XsnsError: see `check`; there are other masks and they aren't to be replaced; or it can't be written.
        """
        groups = list(by_file(records))
        return self.add_all(lambda: groups, replace=replace, picture=picture)

    def add_all(
        self,
        groups: Callable[[], Iterable[Sequence[MaskRecord]]],
        scores: pd.DataFrame | None = None,
        *,
        replace: bool = False,
        picture: bool = True,
    ) -> Added:
        """Add many masks, and perhaps scores, in one step; what is there already is left as it is.

        Args:
            groups: gives what to add, at a time the masks of one recipe and language; may be asked again.
            scores: gold scores, as of another repository's `scores`.
            replace: whether other masks for the same language and seed make way, and other scores of the same task.
            picture: as of `add`.

        Returns:
            What is new or was replaced.

        Raises:
            XsnsError: as `add` and `add_scores` do.
        """

        def put(draft: Draft) -> None:
            for records in groups():
                draft.put(records, replace=replace)
            if scores is not None and len(scores):
                draft.put_scores(scores, replace=replace)

        return self._change(put, picture=picture)

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
            metric: what was measured; by default the gold's own, or that of a task of `TASKS`.
            model: which was fine-tuned.
            licence: of the scores.
            replace: whether other scores of the same task and metric make way.

        Returns:
            What is new or was replaced; nothing if the same scores are there already.

        Raises:
            XsnsError: there are other scores of the task and metric and they aren't to be replaced; task, metric or
                origin is no good; or it can't be written.
        """
        rows = score_rows(gold, task, metric=metric, model=model, origin=origin, licence=licence)
        return self._change(lambda draft: draft.put_scores(rows, replace=replace))

    def remove_scores(self, task: str, metric: str | None = None) -> Added:
        """Remove the gold scores of a task that are published with the masks.

        Args:
            task: its name.
            metric: only those by this metric; by default all of the task.

        Raises:
            XsnsError: there are none, or it can't be written.
        """
        return self._change(lambda draft: draft.remove_scores(task, metric))

    def _change(self, put: Callable[[Draft], None], *, picture: bool = True) -> Added:
        """Change the repository in one step; what to put into the draft may be asked again."""
        added = Added()

        def change(staging: Path) -> Commit | None:
            nonlocal added
            draft = Draft(self.store, staging, Tables(self.store).state(), picture=picture)
            put(draft)
            commit = draft.finish()
            if commit is not None:  # else it may be there by an earlier try, whose answer was lost
                added = draft.added
            return commit

        self.store.update(change)
        self._tables = Tables(self.store, self.notes)
        return added
