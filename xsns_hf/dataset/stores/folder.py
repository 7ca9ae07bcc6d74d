"""A mask repository in a local folder, whose changes are whole or not there, also after a power cut.

A change is written beside what is there: mask files are named by content, all else goes into a folder `.pending-…`.
That the index is renamed into place is the one step by which it counts; the rest then follows it. A reader who meets
the index between these steps finds the tables that belong to it in `.pending-…`, and one who has read the index before
finds them in `.before`.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from xsns_hf.dataset.names import CARD, LAYOUT, PICTURE, PULLED_FROM, SCORES, SIMILARITY
from xsns_hf.dataset.stores.base import (
    INDEX,
    Change,
    Commit,
    Content,
    content_of,
    files_in,
    is_mask_file,
    missing,
    not_recorded,
)
from xsns_hf.dataset.stores.syncing import make_folder, sync
from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.native.own_files import sha256_of
from xsns_hf.safe_text import for_shell

PENDING, UNFINISHED, BEFORE = ".pending-", ".unfinished-", ".before"

TRIES = 5
"""Times that a table is looked for: another process may be putting it into its place."""


class Folder:
    """A local folder.

    Attributes:
        folder: its path.
        name: what messages call it.
    """

    def __init__(self, folder: str | Path, *, create: bool = False, mending: bool = False):
        """Open a folder.

        Args:
            folder: its path.
            create: begin a new repository if there is none.
            mending: open one also if it has lost its index.

        Raises:
            MasksMissing: there are no masks, or their index was lost.
            XsnsError: it holds something else, or can't be written.
        """
        self.folder = Path(folder).expanduser()
        self.name = str(folder)
        self._read_index = ""
        if (self.folder / INDEX).is_file():
            return
        if self._has_lost_index():
            if mending:
                return
            raise missing(INDEX, self.name)
        if not create:
            raise MasksMissing(
                f"There are no masks in {folder} (no {INDEX}): make some with "
                f"`xsns extract --out {for_shell([str(folder)])}`."
            )
        if self.folder.exists() and not self._is_new():
            raise XsnsError(
                f"{folder} holds something other than masks: give {parameter('out')} a new or empty folder, "
                "so that nothing of yours is overwritten."
            )
        place = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        if not (place.is_dir() and os.access(place, os.W_OK)):
            raise XsnsError(f"{folder} can't be written: give {parameter('out')} a folder of yours.")

    def _has_lost_index(self) -> bool:
        """Return whether there are masks whose index is gone, and was not about to be written for the first time."""
        begun = any(path.name.startswith((UNFINISHED, PENDING)) for path in self.folder.glob(".*"))
        return not begun and any((self.folder / "masks").glob("*/*.parquet"))

    def _is_new(self) -> bool:
        """Return whether the folder is empty, or all it holds is what a first extraction left when it was killed."""
        if not self.folder.is_dir():
            return False
        ours = {SIMILARITY, LAYOUT, SCORES, CARD, PICTURE, "masks", ".lock", BEFORE, PULLED_FROM}
        there = {path.name for path in self.folder.iterdir()}
        names = {name for name in there if not name.startswith((UNFINISHED, PENDING))}
        return names <= {PULLED_FROM} or (".lock" in names and names <= ours)

    def read(self, name: str, sha256: str | None = None) -> Content | None:
        """Return what a table's file holds, or None if there is none, see `Store.read`."""
        for _ in range(TRIES):
            found = None
            for path in self._places(name):
                with suppress(FileNotFoundError):
                    found = content_of(path) if path.is_file() else found
                    if found and sha256 in (None, found.sha256):
                        self._read_index = found.sha256 if name == INDEX else self._read_index
                        return found
        if found is None:
            return None
        raise not_recorded(self.folder / name, self.name)

    def parts(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """Yield some bytes of a table's file, of each place where it may be, see `Store.parts`."""
        for path in self._places(name):
            with suppress(OSError), path.open("rb") as file:
                file.seek(start)
                yield file.read(length)

    def _places(self, name: str) -> list[Path]:
        """Return where a table may be: in its place; or, if others are in the middle of a change or made one since the
        index was read, beside it.
        """
        if name == INDEX:
            return [self.folder / INDEX]
        places = [self.folder / name, self.folder / f"{PENDING}{self._read_index[:16]}" / name]
        index = self.folder / INDEX
        since = index.is_file() and self._read_index not in ("", sha256_of(index))
        return [*places, self.folder / BEFORE / name] if since else places

    def file(self, name: str, sha256: str | None = None) -> Path | None:
        """Return the path of a file, or None if there is none, see `Store.file`."""
        path = self.folder / name
        if not path.is_file():
            return None
        if sha256 is not None and sha256_of(path) != sha256:
            raise not_recorded(path, self.name)
        return path

    def hashes(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the sha256 of the files that are there."""
        return {name: sha256_of(self.folder / name) for name in names if (self.folder / name).is_file()}

    def names(self) -> Collection[str]:
        """Return the names of all files of ours, and of leftovers."""
        return [path.relative_to(self.folder).as_posix() for path in files_in(self.folder) if path.name != ".lock"]

    def address(self) -> str:
        """Return the folder's path."""
        return str(self.folder)

    def size(self, under: str = "") -> int:
        """Return the bytes of all Parquet files whose path begins so."""
        ours = [name for name in self.names() if name.endswith(".parquet") and not name.startswith(".")]
        return sum((self.folder / name).stat().st_size for name in ours if name.startswith(under))

    def check(self) -> None:
        """Do nothing: its files are the only ones."""

    def prepare(self) -> None:
        """Do nothing: the folder is made with the first change, so that nothing is left of a failed extraction."""

    def update(self, change: Change) -> None:
        """Change files, holding the folder's lock, so that two extractions into one folder lose nothing of each other.

        Raises:
            XsnsError: the folder can't be written. What was there before is whole then.
        """
        try:
            make_folder(self.folder.absolute(), Path(self.folder.absolute().anchor))
            (self.folder / ".lock").touch()
            with FileLock(self.folder / ".lock"):
                self._complete()
                with tempfile.TemporaryDirectory(
                    dir=self.folder, prefix=UNFINISHED, ignore_cleanup_errors=True
                ) as staging:
                    commit = change(Path(staging))
                    if commit is not None:
                        self._commit(Path(staging), commit)
        except OSError as error:
            raise XsnsError(
                f"{self.name} can't be written ({error.strerror or error}): "
                "check its permissions and the space on the disk; what was there before is whole."
            ) from error

    def _commit(self, staging: Path, commit: Commit) -> None:
        """Put what was written into its place: masks first, then the index, by which they count, then all else."""
        for path in files_in(staging):
            sync(path)
        for path in files_in(staging / "masks"):
            place = self.folder / path.relative_to(staging)
            make_folder(place.parent, self.folder)
            path.replace(place)
            sync(place.parent)
        pending = self.folder / f"{PENDING}{sha256_of(staging / INDEX)[:16]}"
        shutil.rmtree(pending, ignore_errors=True)
        pending.mkdir()
        for path in files_in(staging):
            path.replace(pending / path.name)
        self._keep_tables()
        for folder in (pending, self.folder):
            sync(folder)
        (pending / INDEX).replace(self.folder / INDEX)
        sync(self.folder)
        self._put(pending)
        self._sweep(commit)

    def _keep_tables(self) -> None:
        """Keep the tables as they are for readers who have read the index already."""
        before = self.folder / BEFORE
        shutil.rmtree(before, ignore_errors=True)
        before.mkdir(exist_ok=True)
        for path in self.folder.glob("*.parquet"):
            try:
                os.link(path, before / path.name)
            except OSError:  # not every file system has links
                shutil.copyfile(path, before / path.name)

    def _put(self, pending: Path) -> None:
        """Put what belongs to the index, now that this counts, into its place."""
        for path in files_in(pending):
            path.replace(self.folder / path.name)
        sync(self.folder)
        pending.rmdir()

    def _complete(self) -> None:
        """Complete a change whose process was killed after its index was put into place; drop any other."""
        for pending in self.folder.glob(f"{PENDING}*"):
            index = self.folder / INDEX
            if index.is_file() and pending.name == f"{PENDING}{sha256_of(index)[:16]}":
                self._put(pending)
            else:
                shutil.rmtree(pending, ignore_errors=True)
        for staging in self.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(staging, ignore_errors=True)

    def _sweep(self, commit: Commit) -> None:
        """Remove the tables that this index doesn't know, and the mask files that the one before didn't know either."""
        known, before = {INDEX, *commit.files}, {*commit.before}
        for name in {*self.names()} - known:
            table = "/" not in name and name.endswith(".parquet")
            if table or (is_mask_file(name) and name not in before):
                (self.folder / name).unlink()
