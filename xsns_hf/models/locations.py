"""Where a model's files are: in a folder, or on the Hub at one commit that is known before any file is read."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from xsns_hf.errors import XsnsError
from xsns_hf.hub_errors import explained
from xsns_hf.models.embedded import EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.recipe import EMBEDDED


@dataclass(frozen=True)
class Location:
    """Where a model's files are.

    Attributes:
        name: the model id, of a renamed one the new one; or the folder's name, or `embedded`.
        source: what `from_pretrained` takes.
        commit: sha on the Hub; None for a folder.
        cached: whether the Hub can't be reached, so that what is in its cache must do.
    """

    name: str
    source: str
    commit: str | None = None
    cached: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """What tells a `from_pretrained` or a download which files of the source to take."""
        return {"revision": self.commit, "local_files_only": self.cached}

    @cached_property
    def revision(self) -> str:
        """What a recipe records: the commit, a fixed name for the embedded checkpoint, or a hash of the folder."""
        if self.name == EMBEDDED:
            return EMBEDDED_REVISION
        return self.commit or _content_hash(Path(self.source))

    def file(self, name: str) -> Path | None:
        """Return the path of a file, fetched if need be; None if there is none, or none in the cache that must do.

        Raises:
            XsnsError: it can't be fetched.
        """
        if self.commit is None:
            path = Path(self.source) / name
            return path if path.is_file() else None
        with explained(self.source, "model"):
            try:
                return Path(hf_hub_download(self.source, name, **self.arguments))
            except LocalEntryNotFoundError:
                if not self.cached:  # the connection broke
                    raise
            except EntryNotFoundError:
                pass
        return None


def locate(model: str, revision: str | None = None) -> Location:
    """Find out where a model is; on the Hub, which commit a branch, tag or pull request stands for just now.

    Where the Hub can't be reached, that is the commit that was last read.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag, `refs/pr/…` or commit on the Hub.

    Raises:
        XsnsError: there is no such model or revision, or it can't be reached and isn't in the cache.
    """
    if model == EMBEDDED:
        return Location(EMBEDDED, str(embedded_checkpoint()))
    path = Path(model).expanduser()
    if path.is_dir():
        if not any((path / file).is_file() for file in ("config.json", "adapter_config.json")):
            raise XsnsError(f"The folder {model} holds no config.json: give one written by `save_pretrained`.")
        return Location(path.resolve().name, str(path))
    if path.exists() or model.startswith((".", "/", "~")):
        raise XsnsError(f"{model} is not a folder with a checkpoint: give one, a model id, or `embedded`.")
    with explained(f"{model}@{revision}" if revision else model, "model"):
        commit = HfApi().resolve_revision(model, revision=revision).resolved
        try:
            return Location(HfApi().model_info(model, revision=commit).id, model, commit)
        except HfHubHTTPError as error:
            if error.response.status_code < 500:
                raise
        except (HTTPError, OfflineModeIsEnabled):
            pass
    return Location(model, model, commit, cached=True)


def _content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".safetensors", ".json", ".model", ".txt"}:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
