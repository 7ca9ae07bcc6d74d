"""Some bytes of a file on the Hub, without the others."""

from pathlib import Path

from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

_WAIT = 30.0
"""Seconds for which the Hub may say nothing."""


def read_range(repo_id: str, name: str, commit: str, start: int, length: int) -> bytes:
    """Return bytes of a file of a dataset repository, from the cache if it is there; none if the Hub gives whole files.

    Args:
        repo_id: `user/repo`.
        name: of the file.
        commit: sha of the commit.
        start: the first byte.
        length: how many.

    Raises:
        HfHubHTTPError: the Hub refuses.
        HTTPError: it can't be reached.
    """
    cached = try_to_load_from_cache(repo_id, name, revision=commit, repo_type="dataset")
    if isinstance(cached, str):
        with Path(cached).open("rb") as file:
            file.seek(start)
            return file.read(length)
    url = hf_hub_url(repo_id, name, repo_type="dataset", revision=commit)
    headers = build_hf_headers() | {"Range": f"bytes={start}-{start + length - 1}"}
    with get_session().stream("GET", url, headers=headers, timeout=_WAIT) as response:
        if response.status_code == 200:  # what comes is the whole file
            return b""
        content = response.read()
        hf_raise_for_status(response)
        return content
