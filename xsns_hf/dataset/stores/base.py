"""Where the files of a mask repository are: in a local folder, or in a dataset repository on the Hub (`hub.py`).

Both know two things: the path of a file as it stands, and how to change several files in one step.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from xsns_hf.errors import XsnsError

INDEX = "index.parquet"
ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")

Change = Callable[[Path], str | None]
"""Writes the files to change into an empty folder; returns what it did in a few words, or None to leave all as it is.
It may be called several times, and looks at the store anew each time."""


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


def open_store(where: str | Path, *, create: bool = False, create_pr: bool = False) -> Store:
    """Open a folder, or a repository on the Hub.

    Args:
        where: a folder; or `user/repo` or `user/repo@revision`, unless there is such a folder or at least a folder
            `user`. `./user/repo` is always a folder.
        create: begin a new one if there is none.
        create_pr: change a repository on the Hub by pull requests.

    Raises:
        XsnsError: there is none, or it holds something other than masks.
    """
    if is_folder(where):
        if create_pr:
            raise XsnsError(f"{where} is a folder, which takes no pull request: give a repository on the Hub.")
        return Folder(where, create=create)
    from xsns_hf.dataset.stores.hub import Hub

    return Hub(str(where), create=create, create_pr=create_pr)


def is_folder(where: str | Path) -> bool:
    """Tell a folder from a repository on the Hub, see `open_store`; neither need exist."""
    text = str(where)
    if isinstance(where, Path) or not ON_THE_HUB.fullmatch(text):
        return True
    first = text.partition("/")[0]  # not by way of Path, for which ./masks is masks
    return first in {".", ".."} or Path(text).exists() or Path(first).exists()


def files_in(folder: Path) -> list[Path]:
    """Return the paths of all files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


class Folder:
    """A local folder.

    Attributes:
        folder: its path.
        name: what messages call it.
    """

    def __init__(self, folder: str | Path, *, create: bool = False):
        self.folder = Path(folder).expanduser()
        self.name = str(folder)
        if (self.folder / INDEX).is_file():
            return
        if not create:
            raise XsnsError(
                f"There are no masks in {folder} (no {INDEX}): make some with `xsns extract … --out {folder}`."
            )
        if self.folder.exists() and not self._is_new():
            raise XsnsError(
                f"{folder} holds something other than masks: give --out a new or empty folder, "
                "so that nothing of yours is overwritten."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".lock").touch()
        except OSError as error:
            raise XsnsError(f"{folder} can't be written ({error.strerror}): give --out a folder of yours.") from error

    def _is_new(self) -> bool:
        """Tell whether the folder is empty, or all it holds is what a first extraction left when it was killed."""
        if not self.folder.is_dir():
            return False
        tables = {"layout.parquet", "similarity.parquet", "scores.parquet"}
        ours = tables | {".lock", "masks", "README.md", "similarity.png"}
        names = {path.name for path in self.folder.iterdir() if not path.name.startswith(".unfinished")}
        return not names or (".lock" in names and names <= ours)

    def file(self, name: str) -> Path | None:
        """Return the path of a file, or None if there is none."""
        path = self.folder / name
        return path if path.is_file() else None

    def address(self) -> str:
        """Return the folder's path."""
        return str(self.folder)

    def size(self, under: str = "") -> int:
        """Return the bytes of all Parquet files whose path begins so."""
        paths = [path for path in files_in(self.folder) if path.suffix == ".parquet"]
        return sum(path.stat().st_size for path in paths if path.relative_to(self.folder).as_posix().startswith(under))

    def check(self) -> None:
        """Do nothing: its files are the only ones."""

    def prepare(self) -> None:
        """Do nothing: the folder was made, or is there."""

    def update(self, change: Change) -> None:
        """Change files, holding the folder's lock, so that two extractions into one folder lose nothing of each other.

        The index is put in place after all others: what it doesn't know isn't there.

        Raises:
            XsnsError: the folder can't be written.
        """
        try:
            with (
                FileLock(self.folder / ".lock"),
                tempfile.TemporaryDirectory(dir=self.folder, prefix=".unfinished-") as staging,
            ):
                if change(Path(staging)) is None:
                    return
                for path in sorted(files_in(Path(staging)), key=lambda path: path.name in {INDEX, "README.md"}):
                    place = self.folder / path.relative_to(staging)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(place)
        except OSError as error:
            raise XsnsError(
                f"{self.name} can't be written ({error.strerror or error}): "
                "check its permissions and the space on the disk; what was there before is whole."
            ) from error
