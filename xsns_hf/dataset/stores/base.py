"""Where the files of a mask repository are: in a local folder, or in a dataset repository on the Hub (`hub.py`).

Both know three things: the bytes of a table, the path of a file as it stands, and how to change several files in one
step. What is asked for with its sha256 is given with these bytes or not at all.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from xsns_hf.errors import Damaged, MasksMissing
from xsns_hf.safe_text import for_shell

INDEX = "index.parquet"

LARGEST_TABLE = 256 << 20
"""Bytes of a table at most: the similarity of 2,000 languages for three seeds, both ways round, takes 100 MB."""


@dataclass(frozen=True)
class Content:
    """What a table's file holds.

    Attributes:
        path: of the file, for messages.
        data: its bytes.
    """

    path: str
    data: bytes

    def __str__(self) -> str:
        return self.path

    @property
    def sha256(self) -> str:
        """Hash of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Commit:
    """What a change is, besides the files that it wrote.

    Attributes:
        message: the change in a few words.
        files: the names of tables and mask files that the new index knows.
        before: of those that the index before knew; whoever has read that may still read them.
        leftovers: of files that nobody needs.
    """

    message: str
    files: Collection[str]
    before: Collection[str]
    leftovers: Collection[str] = ()


Change = Callable[[Path], Commit | None]
"""Writes the files to change into an empty folder; returns what the change is, or None if nothing is to be changed.
It may be called several times, and reads the store anew each time."""


class Store(Protocol):
    """Where the files of a mask repository are.

    Attributes:
        name: what the user called it.
    """

    name: str

    def read(self, name: str, sha256: str | None = None) -> Content | None:
        """Return what a table's file holds, or None if there is none.

        Args:
            name: of the file.
            sha256: of the bytes that it must have; by default any.

        Raises:
            Damaged: it holds something else, or too much for a table.
        """

    def parts(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """Yield some bytes of a table's file, of each place where it may be; nothing where they can't be read alone.

        Whoever asks knows by a hash whether they are what they should be.

        Args:
            name: of the file.
            start: the first byte.
            length: how many.
        """

    def file(self, name: str, sha256: str | None = None) -> Path | None:
        """Return the path of a file, fetched if need be, or None if there is none.

        Args:
            name: of the file.
            sha256: of the bytes that it must have; by default any.

        Raises:
            Damaged: it holds something else.
        """

    def hashes(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the sha256 of the files that are there; on the Hub as it says, without fetching them."""

    def names(self) -> Collection[str]:
        """Return the names of all files of ours, and of leftovers of changes that were never completed."""

    def size(self, under: str = "") -> int:
        """Return the bytes of all Parquet files whose path begins so."""

    def address(self) -> str:
        """Return where people look at it."""

    def check(self) -> None:
        """Make sure that it is there now, and not only copies of its files."""

    def prepare(self) -> None:
        """Make sure that it can be changed, before much work goes into what is to be put there."""

    def update(self, change: Change) -> None:
        """Change files, all of them or none."""


def files_in(folder: Path) -> list[Path]:
    """Return the paths of all files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def is_mask_file(name: str) -> bool:
    """Return whether a file of a repository holds masks, by its name."""
    return name.startswith("masks/") and name.endswith(".parquet")


def content_of(path: Path) -> Content:
    """Return what a table's file holds.

    Raises:
        Damaged: it is too large for a table, or can't be read.
    """
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise Damaged(f"{path} is larger than a table of masks can be ({LARGEST_TABLE >> 20} MB): {_ELSEWHERE}.")
        return Content(str(path), path.read_bytes())
    except OSError as error:
        raise Damaged(f"{path} can't be read ({error.strerror or error}): {_ELSEWHERE}.") from error


_ELSEWHERE = "it isn't from xsns_hf; use another dataset, or make the masks anew"


def repair_command(where: str) -> str:
    """Return the command that mends a repository, as a sentence quotes it."""
    return f"`{for_shell(['xsns', 'check', where.partition('@')[0], '--repair'])}`"


def not_recorded(path: object, where: str) -> Damaged:
    """Return the error of a file that isn't the one which the index records."""
    return Damaged(
        f"{path} isn't the file that the index records: it was damaged or changed; mend it with "
        f"{repair_command(where)}."
    )


def missing(name: str, where: str) -> MasksMissing:
    """Return the error of a file that the index records and that isn't there."""
    return MasksMissing(f"{where} has lost {name}, though the index has it: mend it with {repair_command(where)}.")
