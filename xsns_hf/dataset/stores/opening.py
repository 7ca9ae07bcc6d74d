"""Where masks are: a folder or a repository on the Hub, told apart by the name."""

import re
from pathlib import Path

from huggingface_hub import HfApi, get_token

from xsns_hf.dataset.stores.base import Store
from xsns_hf.dataset.stores.folder import Folder
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.dataset.stores.ready import Ready, is_ready
from xsns_hf.errors import HubError, XsnsError


class Unclear(XsnsError):
    """A name that is to become something may be a folder's or one on the Hub."""


def open_store(where: str | Path, *, create: bool = False, create_pr: bool = False, mending: bool = False) -> Store:
    """Open a folder, a repository on the Hub, or the similarities that ship with the package.

    Args:
        where: a folder; or `user/repo` or `user/repo@revision`, unless there is such a folder or at least a folder
            `user`. `./user/repo` is always a folder, `hf://datasets/user/repo` always on the Hub. Or `ready` or
            `ready:MODEL`, see `Ready`.
        create: begin a new one if there is none: on the Hub where `user` is who is logged in, or an organisation of
            theirs.
        create_pr: change a repository on the Hub by pull requests.
        mending: open one also if it has lost its index.

    Raises:
        Unclear: there is none, and either may be meant.
        XsnsError: there is none, or it holds something other than masks.
    """
    if is_ready(where):
        return Ready(str(where))
    if is_folder(where):
        if create_pr:
            raise XsnsError(f"{where} is a folder, which takes no pull request: give a repository on the Hub.")
        return Folder(where, create=create, mending=mending)
    if not create or str(where).startswith(HF):
        return Hub(str(where), create=create, create_pr=create_pr, mending=mending)
    try:
        hub = Hub(str(where), create=True, create_pr=create_pr)
    except HubError as error:
        raise HubError(f"{error.sentence.removesuffix('.')}; or write ./{where} if a folder is meant.") from error
    if not hub.exists and not _is_own(hub):
        raise Unclear(
            f"{where} is neither a folder here nor a dataset on the Hub that you may see: write ./{where} for a new "
            f"folder, or {HF}datasets/{where} for a new dataset."
        )
    return hub


def _is_own(hub: Hub) -> bool:
    """Return whether a repository is of the user who is logged in, or of one of their organisations."""
    if get_token() is None:
        return False
    user = hub.ask(lambda: HfApi().whoami(cache=True))
    return hub.repo_id.partition("/")[0] in {user["name"], *(organisation["name"] for organisation in user["orgs"])}


def is_folder(where: str | Path) -> bool:
    """Return whether a name stands for a folder, not a repository on the Hub, see `open_store`; neither need exist."""
    text = str(where)
    if text.startswith(HF):
        return False
    if isinstance(where, Path) or not ON_THE_HUB.fullmatch(text):
        return True
    first = text.partition("/")[0]  # not by way of Path, for which ./masks is masks
    return first in {".", ".."} or Path(text).exists() or Path(first).exists()


HF = "hf://"
ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
