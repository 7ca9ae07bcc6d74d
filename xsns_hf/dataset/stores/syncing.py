"""What makes a change of files last through a power cut: files, and the folders that name them, go to the disk."""

import os
from pathlib import Path

FOLDERS_CAN_BE_SYNCED = os.name == "posix"


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk.

    Raises:
        OSError: they can't be written.
    """
    if path.is_dir() and not FOLDERS_CAN_BE_SYNCED:
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, within: Path) -> None:
    """Make a folder below another, which exists, with all between; their names are on the disk afterwards."""
    for folder in reversed([path, *path.parents]):
        if within in folder.parents and not folder.is_dir():
            folder.mkdir(exist_ok=True)
            sync(folder.parent)
