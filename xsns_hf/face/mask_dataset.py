"""Masks as an object: read from anywhere, asked, shared."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from weakref import finalize

import pandas as pd

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.sharing import push
from xsns_hf.dataset.stores.opening import HF, is_folder
from xsns_hf.dataset.stores.ready import READY
from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.face.display import html
from xsns_hf.face.questions import Questions
from xsns_hf.languages.codes import identify
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe


class MaskDataset(Questions):
    """The sub-networks of languages in a checkpoint, and what they say of these languages.

    Made by `XsnsExtractor.extract` or `from_pretrained`; only its tables are read before masks are asked for.

    Attributes:
        repository: the files, see `MaskRepository`.

    Example:
        >>> masks = MaskDataset.from_pretrained("masks")
        >>> masks.languages
        ['deu', 'eng', 'fin', 'fra', 'rus', 'swe', 'vie']
        >>> ranking = masks.rank("Finnish", candidates=["deu", "swe"])
        >>> sorted(source.name for source in ranking)
        ['German', 'Swedish']
        >>> masks.similarity().shape
        (7, 7)
    """

    def __init__(self, repository: MaskRepository, *, keeping: TemporaryDirectory[str] | None = None):
        """Take a repository.

        Args:
            repository: the masks.
            keeping: the temporary folder that they are in, which goes when this object does.
        """
        super().__init__(repository)
        self._is_temporary = keeping is not None
        if keeping is not None:
            finalize(self, keeping.cleanup)

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, revision: str | None = None) -> Self:
        """Open masks in a folder or on the Hub, of which kilobytes are fetched.

        Args:
            name_or_path: a folder, or `user/repo` (or `user/repo@revision`).
            revision: branch, tag or commit on the Hub; by default `main`.

        Raises:
            XsnsError: there are no masks, or they can't be read.

        Example:
            >>> MaskDataset.from_pretrained("masks")
            MaskDataset('masks': 7 languages, 1 recipe)
        """
        if revision is None:
            return cls(MaskRepository(name_or_path))
        if is_folder(name_or_path) or "@" in str(name_or_path):
            raise XsnsError(f"{name_or_path} takes no revision besides: leave {parameter('revision')} out.")
        return cls(MaskRepository(f"{name_or_path}@{revision}"))

    @classmethod
    def ready(cls, model: str | None = None) -> Self:
        """Open the similarities that ship with the package: rankings at once, without masks.

        Args:
            model: whose; by default multilingual-e5-small's.

        Raises:
            MasksMissing: none of that model ship.

        Example:
            >>> MaskDataset.ready().rank("Swahili", task="ner", top=3).ordered_by
            'expectation'
        """
        return cls(MaskRepository(f"{READY}:{model}" if model else READY))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        languages: Sequence[str] | None = None,
        replace: bool = False,
        create_pr: bool = False,
    ) -> str:
        """Add the masks to a dataset on the Hub, in one commit; what is there already stays.

        Gold scores that are published with the masks go along, unless languages are chosen. Login is huggingface_hub's
        (`hf auth login`, or HF_TOKEN).

        Args:
            repo_id: `user/repo`; made if there is none.
            languages: which, in any form that `identify` takes; by default all.
            replace: whether other masks of the same language and seed, and scores of the same task, make way.
            create_pr: open a pull request instead.

        Returns:
            Where to look at it.

        Raises:
            XsnsError: masks or scores there are others, or can't be compared; or it can't be written.
        """
        if is_folder(repo_id):
            raise XsnsError(f"{repo_id} is a folder: give a repository on the Hub, user/repo, or use `save_to_disk`.")
        target = MaskRepository(f"{HF}{repo_id.removeprefix(HF)}", create=True, create_pr=create_pr)
        push(self.repository, target, [identify(language) for language in languages or ()], replace=replace)
        return target.store.address()

    def save_to_disk(self, folder: str | Path, *, replace: bool = False) -> None:
        """Add the masks to a folder, made if there is none; what is there already stays.

        Raises:
            XsnsError: as `push_to_hub` does.
        """
        push(self.repository, MaskRepository(Path(folder), create=True), replace=replace)

    @property
    def path(self) -> Path:
        """The folder that the masks are in.

        Raises:
            XsnsError: they are on the Hub.
        """
        if not is_folder(self.repository.name):
            raise XsnsError(f"{self.repository.name} is on the Hub and in no folder: use `save_to_disk`.")
        return Path(self.repository.name)

    @property
    def languages(self) -> list[str]:
        """The languages that have masks: canonical codes, sorted."""
        return sorted(set(self.repository.index()["language"]))

    @property
    def notes(self) -> list[str]:
        """What was left out of the tables that were read so far since it can't be used, and why, in sentences."""
        return [*self.repository.notes]

    @property
    def recipes(self) -> dict[str, Recipe]:
        """How the masks were made, by name; only masks of the same recipe are compared."""
        return self.repository.recipes()

    def similarity(self, recipe: str | None = None, seed: int | None = None) -> pd.DataFrame:
        """Return the Jaccard coefficients of all pairs of languages: a square table with ones on its diagonal.

        Args:
            recipe: which masks, by name; by default those of the most languages.
            seed: of one seed; by default the mean over all.

        Raises:
            MasksMissing: there is no such recipe or seed.
        """
        masks = self.repository.masks(recipe)
        if seed is not None and seed not in masks.seeds:
            raise MasksMissing(f"There are no masks of seed {seed} in {self.repository.name}: choose of {masks.seeds}.")
        return masks.similarity(None if seed is None else [seed])

    def subnetwork(self, language: str, seed: int = 0, recipe: str | None = None) -> SubNetwork:
        """Read one sub-network, a bit per parameter of the layout.

        Args:
            language: in any form that `identify` takes.
            seed: of its sample.
            recipe: which masks, by name; by default those of the most languages.

        Raises:
            XsnsError: it isn't there, or the file is damaged.
        """
        masks, code = self.repository.masks(recipe), identify(language)
        masks.require(code)
        by_seed = masks.subnetworks(code)
        if seed not in by_seed:
            raise MasksMissing(f"There is no mask of {code} with seed {seed}: choose of {sorted(by_seed)}.")
        return by_seed[seed]

    def __repr__(self) -> str:
        languages, recipes = len(self.languages), len(self.recipes)
        counts = f"{languages} language{'s' * (languages != 1)}, {recipes} recipe{'s' * (recipes != 1)}"
        return f"MaskDataset({self._where!r}: {counts})"

    @property
    def _where(self) -> str:
        return "temporary" if self._is_temporary else self.repository.name

    def _repr_html_(self) -> str:
        return html(self._where, self.repository.index())
