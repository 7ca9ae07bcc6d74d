"""A mask repository in a local folder."""

import os
import tempfile
from pathlib import Path

from filelock import FileLock

from xsns_hf.dataset.stores.base import INDEX, Change, files_in
from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.safe_text import for_shell


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

    def _is_new(self) -> bool:
        """Return whether the folder is empty, or all it holds is what a first extraction left when it was killed."""
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
        """Do nothing: the folder is made with the first change, so that nothing is left of a failed extraction."""

    def update(self, change: Change) -> None:
        """Change files, holding the folder's lock, so that two extractions into one folder lose nothing of each other.

        The index is put in place after all others: what it doesn't know isn't there.

        Raises:
            XsnsError: the folder can't be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".lock").touch()
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
