"""Where masks are: a folder or a repository on the Hub, told apart by the name."""

import re
from pathlib import Path

from xsns_hf.dataset.stores.base import Store
from xsns_hf.dataset.stores.folder import Folder
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.dataset.stores.ready import Ready, is_ready
from xsns_hf.errors import XsnsError


def open_store(where: str | Path, *, create: bool = False, create_pr: bool = False) -> Store:
    """Open a folder, a repository on the Hub, or the similarities that ship with the package.

    Args:
        where: a folder; or `user/repo` or `user/repo@revision`, unless there is such a folder or at least a folder
            `user`. `./user/repo` is always a folder. Or `ready` or `ready:MODEL`, see `Ready`.
        create: begin a new one if there is none.
        create_pr: change a repository on the Hub by pull requests.

    Raises:
        XsnsError: there is none, or it holds something other than masks.
    """
    if is_ready(where):
        return Ready(str(where))
    if is_folder(where):
        if create_pr:
            raise XsnsError(f"{where} is a folder, which takes no pull request: give a repository on the Hub.")
        return Folder(where, create=create)
    return Hub(str(where), create=create, create_pr=create_pr)


def is_folder(where: str | Path) -> bool:
    """Return whether a name stands for a folder, not a repository on the Hub, see `open_store`; neither need exist."""
    text = str(where)
    if isinstance(where, Path) or not ON_THE_HUB.fullmatch(text):
        return True
    first = text.partition("/")[0]  # not by way of Path, for which ./masks is masks
    return first in {".", ".."} or Path(text).exists() or Path(first).exists()


ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
