"""Masks from a folder to the Hub and back."""

import dataclasses
import shutil
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from xsns_hf.dataset.added import Added
from xsns_hf.dataset.draft import Draft
from xsns_hf.dataset.mask_files import file_of, find
from xsns_hf.dataset.names import PULLED_FROM, mask_file
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.stores.base import INDEX, Commit
from xsns_hf.dataset.stores.folder import Folder
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.dataset.stores.opening import open_store
from xsns_hf.dataset.tables import Tables
from xsns_hf.dataset.watching import Watch, unseen
from xsns_hf.errors import MasksMissing, XsnsError, some
from xsns_hf.native.own_files import sha256_of


def push(
    source: MaskRepository, target: MaskRepository, languages: Collection[str] = (), *, replace: bool = False
) -> Added:
    """Add the masks of one repository to another, all in one step; what is there already is left as it is.

    The gold scores that are published with the masks go along, unless languages are chosen.

    Args:
        source: usually a folder.
        target: usually on the Hub.
        languages: canonical codes; by default all.
        replace: whether other masks for the same recipe, language and seed make way, and
            other scores of the same task and metric.

    Returns:
        What is new or was replaced.

    Raises:
        XsnsError: a language isn't there, the masks can't be compared, masks or scores differ from those there, or
            they can't be written.
    """
    missing = sorted(set(languages) - set(source.index()["language"]))
    if missing:
        raise MasksMissing(f"{source.name} holds no masks of {', '.join(missing)}: extract them first.")
    scores = None if languages else source.scores()
    return target.add_all(lambda: source.records(languages), scores, replace=replace)


def pull(where: str, folder: Path, *, watch: Watch = unseen) -> MaskRepository:
    """Fetch a whole repository from the Hub into a folder; what is there already isn't fetched again.

    The folder changes in one step, once all is there.

    Args:
        where: `user/repo` or `user/repo@revision`.
        folder: a new or empty folder, or one that was pulled from the same repository.
        watch: shows progress.

    Raises:
        XsnsError: there are no masks, or the folder holds something else.
    """
    store = open_store(where)
    if not isinstance(store, Hub):
        raise XsnsError(f"{where} is a folder: give a repository on the Hub, user/repo.")
    _check_place(folder, store)
    target, state = Folder(folder, create=True), Tables(store).state()

    def change(staging: Path) -> Commit:
        own = Tables(target).index
        if not _is_as_pulled(folder):
            _check_contained(own, state.index, store, folder)
        by_file = watch([rows for _, rows in state.index.groupby(["recipe", "language"])], "Fetching masks")
        index = pd.concat([_fetched(store, target, staging, rows) for rows in by_file])
        return Draft(target, staging, dataclasses.replace(state, index=index), before=own).rewrite("Pulled")

    target.update(change)
    (folder / PULLED_FROM).write_text(f"{store.repo_id}\n{sha256_of(folder / INDEX)}", encoding="utf-8")
    return MaskRepository(folder)


def _pulled_from(folder: Path) -> list[str]:
    """Return from which repository a folder was pulled and the hash of its index then, as far as they are known."""
    marker = folder / PULLED_FROM
    return marker.read_text(encoding="utf-8").split() if marker.is_file() else []


def _is_as_pulled(folder: Path) -> bool:
    """Return whether nothing was added to a folder since it was pulled."""
    return (folder / INDEX).is_file() and sha256_of(folder / INDEX) in _pulled_from(folder)[1:]


def _check_place(folder: Path, store: Hub) -> None:
    """Make sure that a folder is empty, or was pulled from the same repository; say in it where it is from."""
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PULLED_FROM).write_text(store.repo_id, encoding="utf-8")
    elif _pulled_from(folder)[:1] != [store.repo_id]:
        raise XsnsError(f"{folder} holds something else: give a new or empty folder.")


def _check_contained(own: pd.DataFrame, theirs: pd.DataFrame, store: Hub, folder: Path) -> None:
    """Make sure that no masks of one's own are overwritten."""
    key = ["recipe", "language", "seed", "sha256"]
    missing = own.merge(theirs[key], on=key, how="left", indicator=True).query("_merge == 'left_only'")
    if len(missing):
        languages = some(sorted(set(missing["language"])))
        raise XsnsError(
            f"{folder} holds masks of {languages} that aren't in {store.name}: push them first, or pull into a "
            "new folder."
        )


def _fetched(store: Hub, target: Folder, staging: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Fetch a language's file unless it is there; return its rows of the index."""
    first = rows.to_dict("records")[0]
    name, sha256 = file_of(first)
    if sha256 is None or target.hashes([name]).get(name) != sha256:
        path = find(store, first)
        sha256 = sha256 or sha256_of(path)
        name = mask_file(first["recipe"], first["language"], sha256)
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, staging / name)
    return rows.assign(file=name, file_sha256=sha256)
