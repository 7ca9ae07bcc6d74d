"""The folder of files that visitors upload: each stays for moments, whatever becomes of it.

gradio writes an upload to disk before anyone has asked for it. Who uploads and then asks nothing, or is refused, would
leave it there.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SECONDS = 60.0
"""For which a file is kept: between its upload and the event that reads it there are moments."""

MOST_FILES = 16
"""Files that are kept at the same time; of more, the newest."""


PREFIX = "xsns-uploads-"


class Uploads:
    """A folder of this process alone, in which gradio puts uploads from when this is made on."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_place()))
        for folder in self.folder.parent.glob(f"{PREFIX}*"):  # what is left of pages that were killed
            _delete_old(folder)
        os.environ["GRADIO_TEMP_DIR"] = str(self.folder)
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    async def sweep(self) -> None:
        """Delete what there is too much of now, and what is left of the rest once its time is over."""
        await asyncio.to_thread(self.delete, MOST_FILES)
        asyncio.get_running_loop().call_later(SECONDS + 1, self.delete, MOST_FILES)

    def delete(self, most: int) -> None:
        """Delete all files but the newest, and of those the old ones; and the folders that this leaves empty.

        Args:
            most: files to keep.
        """
        files = sorted(((when, path) for path in self.folder.rglob("*") if (when := _written(path))), reverse=True)
        for _, path in files[most:]:
            path.unlink(missing_ok=True)
        _delete_old(self.folder)


def _delete_old(folder: Path) -> None:
    """Delete what is old in a folder, and itself if that leaves it empty; gradio makes it again."""
    for path in sorted([folder, *folder.rglob("*")], reverse=True):  # folders after what they hold
        with suppress(OSError):  # it's another user's, or isn't empty
            if time.time() - path.stat().st_mtime > SECONDS:
                path.unlink() if path.is_file() else path.rmdir()


def _written(path: Path) -> float | None:
    """Return when a file was written; None if it is none, or gone."""
    try:
        return path.stat().st_mtime if path.is_file() else None
    except OSError:
        return None


def _place() -> str | None:
    """Return the folder that the operator chose for uploads, if they chose one."""
    place = os.environ.get("GRADIO_TEMP_DIR")
    if not place:
        return None
    chosen = Path(place).parent if Path(place).name.startswith(PREFIX) else Path(place)
    chosen.mkdir(parents=True, exist_ok=True)
    return str(chosen)
