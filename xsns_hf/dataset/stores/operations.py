"""What a commit on the Hub is made of."""

from collections.abc import Callable, Collection
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from xsns_hf.dataset.stores.base import Commit, files_in


def operations_of(
    staging: Path, commit: Commit, names: Callable[[], Collection[str]]
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """Return what adds the files of a change and deletes those that nobody needs.

    Args:
        staging: the folder of the changed files.
        commit: what the change is.
        names: gives the names of all files that are there; asked only if some may go.
    """
    added = {path.relative_to(staging).as_posix(): path for path in files_in(staging)}
    gone = {*commit.before, *commit.leftovers} - {*commit.files, *added}
    gone &= {*names()} if gone else set()
    return [
        *(CommitOperationAdd(name, path) for name, path in added.items()),
        *(CommitOperationDelete(name) for name in sorted(gone)),
    ]
