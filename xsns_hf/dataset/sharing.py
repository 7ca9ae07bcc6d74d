"""Masks from a folder to the Hub and back."""

from collections.abc import Collection
from pathlib import Path

from huggingface_hub import snapshot_download

from xsns_hf.dataset.draft import Added
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.dataset.stores.opening import open_store
from xsns_hf.errors import MasksMissing, XsnsError


def push(
    source: MaskRepository, target: MaskRepository, languages: Collection[str] = (), *, replace: bool = False
) -> Added:
    """Add the masks of one repository to another, all in one step; what is there already is left as it is.

    The gold scores that are published with the masks go along, unless languages are chosen.

    Args:
        source: usually a folder.
        target: usually on the Hub.
        languages: canonical codes; by default all.
        replace: whether other masks for the same recipe, language and seed make way, and
            other scores of the same task and metric.

    Returns:
        What is new or was replaced.

    Raises:
        XsnsError: a language isn't there, the masks can't be compared, masks or scores differ from those there, or
            they can't be written.
    """
    missing = sorted(set(languages) - set(source.index()["language"]))
    if missing:
        raise MasksMissing(f"{source.name} holds no masks of {', '.join(missing)}: extract them first.")
    scores = None if languages else source.scores()
    return target.add_all(lambda: source.records(languages), scores, replace=replace)


def pull(where: str, folder: Path) -> MaskRepository:
    """Fetch a whole repository from the Hub into a folder; what is there already isn't fetched again.

    Args:
        where: `user/repo` or `user/repo@revision`.
        folder: a new or empty folder, or one that was pulled from the same repository.

    Raises:
        XsnsError: there are no masks, or the folder holds something else.
    """
    store = open_store(where)
    if not isinstance(store, Hub):
        raise XsnsError(f"{where} is a folder: give a repository on the Hub, user/repo.")
    pulled_from = folder / ".pulled-from"
    if folder.exists() and any(folder.iterdir()):
        if not pulled_from.is_file() or pulled_from.read_text(encoding="utf-8") != store.repo_id:
            raise XsnsError(f"{folder} holds something else: give a new or empty folder.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        pulled_from.write_text(store.repo_id, encoding="utf-8")
    repo_id, commit = store.repo_id, store.commit
    store.ask(lambda: snapshot_download(repo_id, repo_type="dataset", revision=commit, local_dir=folder))
    return MaskRepository(folder)
