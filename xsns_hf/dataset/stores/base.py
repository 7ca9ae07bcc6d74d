"""Where the files of a mask repository are: in a local folder, or in a dataset repository on the Hub (`hub.py`).

Both know two things: the path of a file as it stands, and how to change several files in one step.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

INDEX = "index.parquet"

Change = Callable[[Path], str | None]
"""Writes the files to change into an empty folder; returns what the change is, in a few words, or None if
nothing is to be changed. It may be called several times, and reads the store anew each time."""


class Store(Protocol):
    """Where the files of a mask repository are.

    Attributes:
        name: what the user called it.
    """

    name: str

    def file(self, name: str) -> Path | None:
        """Return the path of a file, fetched if need be, or None if there is none."""

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
