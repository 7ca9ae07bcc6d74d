"""The mask datasets that a Space answers from: a fixed list, the last good copy of each in memory."""

import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from xsns_hf.dataset.recipe_masks import RecipeMasks, recipes_by_size
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import Damaged, MasksMissing, XsnsError

REFRESH = timedelta(minutes=10)
"""Age at which a copy is read anew."""

RETRY = timedelta(seconds=30)
"""Time for which a dataset that couldn't be read is left alone."""


class Shelf:
    """The mask datasets on offer. Nothing else is ever opened, whatever a visitor asks for.

    Attributes:
        datasets: where each is, by the name that visitors see: `user/repo` on the Hub, or a folder by its last part.
    """

    def __init__(self, datasets: Sequence[str], refresh: timedelta = REFRESH, retry: timedelta = RETRY):
        """Take the list; nothing is read yet.

        Args:
            datasets: folders, `user/repo` or `user/repo@revision`.
            refresh: age at which a copy is read anew.
            retry: time for which a dataset that couldn't be read is left alone.
        """
        self.datasets = {shown(dataset): dataset for dataset in datasets}
        self._refresh, self._retry = refresh, retry
        self._copies: dict[str, list[RecipeMasks]] = {}
        self._problems: dict[str, XsnsError] = {}
        self._looked = dict.fromkeys(self.datasets, datetime.min.replace(tzinfo=UTC))
        self._locks = {dataset: threading.Lock() for dataset in self.datasets}

    def choices(self) -> list[RecipeMasks]:
        """Return all that can be chosen: each dataset's recipes, those of the most languages and seeds first.

        Raises:
            XsnsError: no dataset can be read, or there are none.
        """
        if not (readable := self._readable()):
            raise self._why_not()
        return readable

    def find(self, dataset: str = "", recipe: str = "", language: str = "") -> RecipeMasks | None:
        """Return the first masks of a dataset and recipe, either of which may be left empty; None if there are none.

        Args:
            dataset: a name on offer.
            recipe: the name of one of its recipes.
            language: of several that fit, the first that have this one are taken, if any have: a canonical code.
        """
        fitting = [
            masks for masks in self._readable() if dataset in ("", masks.repository.name) and recipe in ("", masks.name)
        ]
        return next((masks for masks in fitting if language in masks.languages), next(iter(fitting), None))

    def choose(self, dataset: str = "", recipe: str = "", language: str = "") -> RecipeMasks:
        """Return what `find` does.

        Raises:
            XsnsError: there are none such.
        """
        if (masks := self.find(dataset, recipe, language)) is None:
            raise self._why_not(dataset, recipe)
        return masks

    def beside(self, masks: RecipeMasks) -> list[RecipeMasks]:
        """Return all masks of the copy that some are of, themselves too."""
        return [other for other in self._readable() if other.repository is masks.repository]

    def _why_not(self, dataset: str = "", recipe: str = "") -> XsnsError:
        """Say why there are no masks of a dataset and recipe, either of which may be left empty."""
        if dataset and dataset not in self.datasets:
            choice = ", ".join(self.datasets) or "none: its list is empty"
            return MasksMissing(f"This page has no masks called {dataset[:80]!r}: choose from {choice}.")
        if dataset and dataset not in self._copies:
            return self._problems[dataset]
        fitting = [masks for masks in self._readable() if dataset in ("", masks.repository.name)]
        if fitting:
            recipes = ", ".join(dict.fromkeys(masks.name for masks in fitting))
            return MasksMissing(f"This page has no masks of the recipe {recipe[:80]!r}: choose from {recipes}.")
        return next(iter(self._problems.values()), None) or MasksMissing(
            "There are no masks to answer from yet: name mask datasets in the environment variable XSNS_MASKS, "
            "or make some with `xsns demo`."
        )

    def notes(self) -> list[str]:
        """Say which datasets can't be read, and what is shown of them instead; and which are read in part."""
        notes = []
        for dataset in self.datasets:
            if problem := self._problems.get(dataset):
                kept = f"{dataset} can't be read just now: this is the copy of it that was read last."
                notes.append(kept if dataset in self._copies else str(problem))
            if any(masks.repository.notes for masks in self._copies.get(dataset, ())):
                notes.append(f"{dataset} holds rows that can't be used: they are left out.")
        return notes

    def refresh(self, dataset: str) -> None:
        """Read a dataset anew; if that fails, keep what there is and remember why."""
        with self._locks[dataset]:
            self._read(dataset)

    def _readable(self) -> list[RecipeMasks]:
        """Return the masks of all datasets that are in memory. What is due is read anew in the background: a question
        waits for the first try only.
        """
        for dataset in self.datasets:
            if dataset not in self._copies and dataset not in self._problems:
                with self._locks[dataset]:
                    if dataset not in self._copies and self._is_due(dataset, self._retry):
                        self._read(dataset)
            elif self._is_due(dataset, self._refresh if dataset in self._copies else self._retry):
                threading.Thread(target=self.refresh, args=[dataset], daemon=True).start()
        return [masks for dataset in self.datasets for masks in self._copies.get(dataset, [])]

    def _is_due(self, dataset: str, age: timedelta) -> bool:
        """Return whether a dataset was last looked at so long ago; who asks is to look now."""
        now = datetime.now(UTC)
        due = now - self._looked[dataset] >= age
        if due:
            self._looked[dataset] = now
        return due

    def _read(self, dataset: str) -> None:
        try:
            copy = MaskRepository(self.datasets[dataset])
            copy.name = dataset
            copy.read_tables()
            self._copies[dataset] = [_tried(copy.masks(recipe)) for recipe in recipes_by_size(copy.index())]
            copy.store.check()
            self._problems.pop(dataset, None)
        except XsnsError as error:  # to be shown, see `notes`
            self._problems[dataset] = type(error)(error.sentence.replace(self.datasets[dataset], dataset))
        except Exception as error:  # whatever libraries make of tables that aren't what they should be
            self._problems[dataset] = Damaged(
                f"{dataset} can't be read, since its tables aren't those of masks ({type(error).__name__}): make it "
                "anew, or take it off the list."
            )


def _tried(masks: RecipeMasks) -> RecipeMasks:
    """Return masks that answers can be made from: what is wrong with them shows now, not at a visitor's question."""
    masks.recipe, masks.languages, masks.by_seed, masks.similarity()
    return masks


def key_of(dataset: str, recipe: str) -> str:
    """Return what masks are called where one string is all there is: in a control."""
    return f"{dataset}#{recipe}"


def parts_of(key: str | None) -> tuple[str, str]:
    """Return the dataset and the recipe of a key; what it doesn't say is empty."""
    dataset, _, recipe = (key or "").rpartition("#")
    return dataset, recipe


def shown(dataset: str) -> str:
    """Return what visitors see of a dataset's place: nobody need know where the folders of this machine are."""
    return Path(dataset).name if Path(dataset).is_dir() else dataset


def datasets_in(text: str | None) -> list[str]:
    """Return the datasets that an environment variable names, with commas or spaces between."""
    return re.findall(r"[^,\s]+", text or "")
