"""Files in the cache that are run or believed: only those that this user made, and that nobody else can have changed.

A cache may be shared, and a folder in it may be one that others write to. What they could have put there is made anew:
in its place where that is this user's, else in a folder of this user's own.
"""

import hashlib
import logging
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path

PACKAGE = "xsns_hf"
"""The name of this package's folder in a cache."""

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

logger = logging.getLogger(__name__)


def own_folder(cached: Path) -> Path:
    """Return a folder that nobody else can put files into: the one in the cache, or one for temporary files.

    What is this package's in the cache is closed to others if they could write to it. Files that lie there already may
    be theirs nevertheless, see `is_own`.

    Args:
        cached: the folder in the cache.

    Raises:
        OSError: there is no such folder, and none can be made.
    """
    if _closed(cached):
        return cached
    private = Path(tempfile.gettempdir()) / f"{PACKAGE}-{_user()}" / cached.parent.name / cached.name
    for folder in (private.parent.parent, private.parent, private):
        folder.mkdir(mode=0o700, exist_ok=True)
    if not _closed(private, own=3):
        raise PermissionError(f"other users can write to {cached} and to {private}")
    _warn(cached, private)
    return private


def is_own(path: Path) -> bool:
    """Return whether a file or folder itself, no link to one, is this user's, and nobody else may write to it."""
    if os.name == "nt":  # which has no such modes; a user's cache is in their profile
        return path.exists()
    try:
        about = path.lstat()
    except OSError:
        return False
    kind = stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)
    return kind and about.st_uid == _user() and not about.st_mode & _OTHERS_WRITE


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _warn(cached: Path, private: Path) -> None:
    """Say it once."""
    logger.warning("%s is used, since other users can write to %s or to a folder above it.", private, cached)


def _closed(folder: Path, own: int | None = None) -> bool:
    """Return whether only this user can write to a folder, once those of this package above it are closed to others.

    Args:
        folder: which.
        own: how many folders are this package's, from it upwards; by default up to the one with its name.
    """
    if os.name == "nt":
        return True
    folder = folder.absolute()
    if own is None:
        names = [folder.name, *(parent.name for parent in folder.parents)]
        own = names.index(PACKAGE) + 1 if PACKAGE in names else 1
    ours = [folder, *folder.parents][:own]
    for path in ours:
        about = path.lstat()
        if stat.S_ISDIR(about.st_mode) and about.st_uid == _user() and about.st_mode & _OTHERS_WRITE:
            path.chmod(stat.S_IMODE(about.st_mode) & ~_OTHERS_WRITE)
    above = {*ours[-1].parents, *ours[-1].resolve().parents}  # by the path and by what links in it lead to
    return all(map(is_own, ours)) and all(map(_keeps, above))


def _keeps(folder: Path) -> bool:
    """Return whether only this user and root can put something else in the place of what they have in a folder."""
    about = folder.lstat()
    if about.st_uid not in {_user(), 0}:
        return False
    if (
        stat.S_ISLNK(about.st_mode) or about.st_mode & stat.S_ISVTX
    ):  # a link has no mode; what is sticky others can't move
        return True
    if about.st_mode & stat.S_IWOTH:
        return False
    return not about.st_mode & stat.S_IWGRP or _is_own_group(about.st_gid)


def _is_own_group(group: int) -> bool:
    """Return whether a group is a user's own, with nobody else in it: many systems let that write by default."""
    import grp
    import pwd

    try:
        user, about = pwd.getpwuid(_user()), grp.getgrgid(group)
    except KeyError:
        return False
    return about.gr_gid == user.pw_gid and about.gr_name == user.pw_name and {*about.gr_mem} <= {user.pw_name}


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0
