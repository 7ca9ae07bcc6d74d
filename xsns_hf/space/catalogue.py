"""The mask datasets that a Space answers from: a fixed list, the last good copy of each in memory."""

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from xsns_hf.dataset.recipe_masks import recipes_by_size
from xsns_hf.dataset.snapshot import Snapshot
from xsns_hf.errors import XsnsError
from xsns_hf.recipe import Recipe

REFRESH = timedelta(minutes=10)
"""Age at which a copy is read anew."""

RETRY = timedelta(seconds=30)
"""Time for which a dataset that couldn't be read is left alone."""


@dataclass(frozen=True)
class Masks:
    """Masks that can be compared: a recipe of a mask dataset.

    Attributes:
        dataset: as the Space's list has it.
        recipe: name of the recipe.
    """

    dataset: str
    recipe: str

    @property
    def key(self) -> str:
        """What a choice of them is called where one string is all there is."""
        return f"{self.dataset}#{self.recipe}"

    @classmethod
    def of_key(cls, key: str | None) -> "Masks":
        """Return the masks of a key; what it doesn't say is left empty."""
        dataset, _, recipe = (key or "").rpartition("#")
        return cls(dataset, recipe)


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
        self._copies: dict[str, Snapshot] = {}
        self._choices: dict[str, list[Masks]] = {}
        self._problems: dict[str, XsnsError] = {}
        self._looked = dict.fromkeys(self.datasets, datetime.min.replace(tzinfo=UTC))
        self._locks = {dataset: threading.Lock() for dataset in self.datasets}

    def open(self, dataset: str) -> Snapshot:
        """Return a dataset's copy in memory. One that is due is read anew in the background.

        Raises:
            XsnsError: it isn't on the list, or was never readable.
        """
        if dataset not in self._locks:
            raise XsnsError(f"This page has no masks called {dataset[:80]!r}: choose from {self._list()}.")
        if dataset in self._copies:
            if self._is_due(dataset, self._refresh):
                threading.Thread(target=self.refresh, args=[dataset], daemon=True).start()
        else:
            with self._locks[dataset]:
                if dataset not in self._copies and self._is_due(dataset, self._retry):
                    self._read(dataset)
            if dataset not in self._copies:
                raise self._problems[dataset]
        return self._copies[dataset]

    def refresh(self, dataset: str) -> None:
        """Read a dataset anew; if that fails, keep what there is and remember why."""
        with self._locks[dataset]:
            self._read(dataset)

    def _is_due(self, dataset: str, age: timedelta) -> bool:
        """Return whether a dataset was last looked at so long ago; who asks is to look now."""
        now = datetime.now(UTC)
        due = now - self._looked[dataset] >= age
        if due:
            self._looked[dataset] = now
        return due

    def _read(self, dataset: str) -> None:
        try:
            copy = Snapshot(self.datasets[dataset])
            copy.name = dataset
            self._choices[dataset] = [Masks(dataset, recipe) for recipe in recipes_by_size(copy.index())]
            self._copies[dataset] = copy
            copy.store.check()
            self._problems.pop(dataset, None)
        except XsnsError as error:
            self._problems[dataset] = error

    def notes(self) -> list[str]:
        """Say which datasets can't be read, and what is shown of them instead."""
        found = []
        for dataset in self.datasets:
            if problem := self._problems.get(dataset):
                kept = f"{dataset} can't be read just now: this is the copy of it that was read last."
                found.append(kept if dataset in self._copies else str(problem))
        return found

    def choices(self) -> list[Masks]:
        """Return all that can be chosen: each dataset's recipes, those of the most languages and seeds first.

        Raises:
            XsnsError: no dataset can be read, or there are none.
        """
        found = []
        for dataset in self.datasets:
            with suppress(XsnsError):  # `notes` says so
                self.open(dataset)
                found += self._choices[dataset]
        if not found:
            raise next(iter(self._problems.values()), None) or XsnsError(
                "There are no masks to answer from yet: name mask datasets in the environment variable XSNS_MASKS, "
                "or make some with `xsns demo`."
            )
        return found

    def choose(self, dataset: str | None = None, recipe: str | None = None) -> Masks:
        """Return the first masks of a dataset and recipe, either of which may be left open.

        Raises:
            XsnsError: there are none such.
        """
        if dataset:
            self.open(dataset)  # says so if it isn't on the list or can't be read
        found = self.choices()
        for masks in found:
            if (not dataset or masks.dataset == dataset) and (not recipe or masks.recipe == recipe):
                return masks
        recipes = ", ".join(dict.fromkeys(masks.recipe for masks in found if not dataset or masks.dataset == dataset))
        raise XsnsError(f"This page has no masks of the recipe {(recipe or '')[:80]!r}: choose from {recipes}.")

    def recipe(self, masks: Masks) -> Recipe:
        """Return how masks were made."""
        return self.open(masks.dataset).recipes()[masks.recipe]

    def _list(self) -> str:
        return ", ".join(self.datasets) or "none: its list is empty"


def shown(dataset: str) -> str:
    """Return what visitors see of a dataset's place: nobody need know where the folders of this machine are."""
    return Path(dataset).name if Path(dataset).is_dir() else dataset


def datasets_in(text: str | None) -> list[str]:
    """Return the datasets that an environment variable names, with commas or spaces between."""
    return [each for each in re.split(r"[,\s]+", text or "") if each]
