"""A mask repository on the Hub: read through huggingface_hub's cache, changed by one commit at a time."""

import random
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoFile, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HTTPError, LocalEntryNotFoundError

from xsns_hf.dataset.stores.base import (
    INDEX,
    Change,
    Commit,
    Content,
    content_of,
    files_in,
    is_mask_file,
    not_recorded,
    sha256_of,
)
from xsns_hf.errors import HubError, MasksMissing, XsnsError
from xsns_hf.hub_errors import NoRepository, explained

TRIES = 20
"""Times that a push is begun at most: again if someone else's came first, or the Hub was out of order."""

READS = 5
"""Times that a file which the commit holds is asked for, if the Hub says that there is none."""

LONGEST_WAIT = 8.0
"""Seconds between two tries at most."""

NOT_OURS = {".gitattributes", "README.md", "LICENSE", "LICENSE.md"}
"""What an otherwise empty repository may hold."""


class Hub:
    """A dataset repository on the Hub, as it was at one commit.

    Login, cache, endpoint and offline mode are those of huggingface_hub (`hf auth login`, HF_TOKEN, HF_HOME,
    HF_ENDPOINT, HF_HUB_OFFLINE).

    Attributes:
        name: `user/repo` or `user/repo@revision`.
        repo_id: `user/repo`.
        commit: sha of the commit that is read, known after the first file.
        pull_request: address of the pull request that the last change opened, if it did.
        exists: whether it is there, or would be made by the first change.
    """

    def __init__(
        self,
        name: str,
        *,
        create: bool = False,
        create_pr: bool = False,
        mending: bool = False,
        holds: str = INDEX,
        what: str = "masks",
    ):
        """Open a repository.

        Args:
            name: `user/repo`, or `user/repo@revision` with a branch, tag or commit; perhaps after `hf://datasets/`.
            create: make it with the first change if there is none.
            create_pr: open a pull request with each change, for repositories that one can't write to.
            mending: open it also if that file was lost.
            holds: the file by which a repository of ours is known.
            what: what it is a repository of.

        Raises:
            XsnsError: there is none, it holds something else, or it can't be read.
        """
        self.name = name.removeprefix("hf://").removeprefix("datasets/")
        self.create_pr, self.holds, self.what = create_pr, holds, what
        self.repo_id, _, revision = self.name.partition("@")
        self.revision = revision or None
        self.commit: str | None = None
        self.pull_request: str | None = None
        self._listed: tuple[str | None, dict[str, RepoFile]] = (None, {})
        self.exists = not create or self._look()
        if create or (mending and any(map(is_mask_file, self.names()))):
            return
        if self.file(holds) is None:
            raise MasksMissing(f"{name} on the Hub holds no {what} (no {holds}): check the name, or push some first.")

    def read(self, name: str, sha256: str | None = None) -> Content | None:
        """Return what a table's file holds, or None if the commit holds none, see `Store.read`."""
        path = self.file(name, sha256)
        return content_of(path) if path else None

    def file(self, name: str, sha256: str | None = None) -> Path | None:
        """Return the path of a file's copy in the cache, fetched if need be, or None if the commit holds none.

        Raises:
            Damaged: it holds other bytes than it must, also when it is fetched once more, past the cache.
            XsnsError: it can't be fetched.
        """
        path = self._fetched(name)
        if path is not None and sha256 is not None and sha256_of(path) != sha256:
            path = self._fetched(name, anew=True)
            if path is not None and sha256_of(path) != sha256:
                raise not_recorded(name, self.name)
        return path

    def _fetched(self, name: str, *, anew: bool = False) -> Path | None:
        if not self.exists:
            return None
        with self.explained():
            self._settle()
            for attempt in range(READS):
                try:
                    path = hf_hub_download(
                        self.repo_id, name, repo_type="dataset", revision=self.commit, force_download=anew
                    )
                    return Path(path)
                except EntryNotFoundError as error:
                    if isinstance(error, LocalEntryNotFoundError):
                        raise
                    if not self._is_listed(name):
                        return None
                _wait(attempt)
        raise HubError(f"{self.name} holds {name}, but the Hub doesn't give it out: repeat the command in a while.")

    def _settle(self) -> None:
        """Decide which commit is read: all files are read as they were at one."""
        if self.commit is None:
            resolved = HfApi().resolve_revision(self.repo_id, repo_type="dataset", revision=self.revision)
            self.commit = resolved.resolved

    def _listing(self) -> dict[str, RepoFile]:
        """Return the files of the commit by name; one listing serves for all questions about a commit."""
        if not self.exists:
            return {}
        with self.explained():
            self._settle()
            if self._listed[0] != self.commit:
                tree = HfApi().list_repo_tree(self.repo_id, repo_type="dataset", recursive=True, revision=self.commit)
                self._listed = self.commit, {file.path: file for file in tree if isinstance(file, RepoFile)}
            return self._listed[1]

    def hashes(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the sha256 of the files that are there, as the Hub says; small ones that it doesn't say are fetched.

        Raises:
            XsnsError: the Hub can't be reached.
        """
        listing = self._listing() if names else {}
        hashes = {}
        for name in names:
            if name in listing:
                stored, path = listing[name].lfs, None
                if stored is None:
                    path = self._fetched(name)
                hashes[name] = stored.sha256 if stored else sha256_of(path) if path else ""
        return hashes

    def names(self) -> Collection[str]:
        """Return the names of all files of the commit."""
        return self._listing()

    def _is_listed(self, name: str) -> bool:
        """Return whether the commit holds a file, by its listing: what isn't found once need not be missing."""
        return bool(HfApi().get_paths_info(self.repo_id, [name], repo_type="dataset", revision=self.commit))

    def explained(self) -> AbstractContextManager[None]:
        """Say each of the Hub's many errors in one sentence, see `hub_errors.explained`."""
        return explained(self.name)

    def address(self) -> str:
        """Return the page of the dataset, or of the pull request that was just opened."""
        return self.pull_request or f"{HfApi().endpoint}/datasets/{self.repo_id}"

    def size(self, under: str = "") -> int:
        """Return the bytes of all Parquet files whose path begins so.

        Raises:
            XsnsError: the Hub can't be reached.
        """
        ours = [file for name, file in self._listing().items() if name.startswith(under) and name.endswith(".parquet")]
        return sum(file.size for file in ours)

    def check(self) -> None:
        """Make sure that the repository is there: huggingface_hub reads copies in its cache where it can't be reached.

        Raises:
            XsnsError: it isn't, or the Hub can't be reached.
        """
        with self.explained():
            HfApi().dataset_info(self.repo_id, revision=self.revision)

    def prepare(self) -> None:
        """Make sure that it can be changed; make the repository if there is none.

        Raises:
            XsnsError: the token may not write, or the Hub can't be reached.
        """
        with self.explained():
            if not self.exists:
                self._create()
            elif not self.create_pr:
                HfApi().auth_check(self.repo_id, repo_type="dataset", write=True)

    def _create(self) -> None:
        """Make the repository; if it was there all the same, or someone else made it just now, go on from that."""
        try:
            HfApi().create_repo(self.repo_id, repo_type="dataset")
        except HfHubHTTPError as error:
            if error.response.status_code != 409 or not self._look():
                raise
        self.exists = True

    def update(self, change: Change) -> None:
        """Change files in one commit on top of the newest; if another push comes first, begin again from that.

        A commit whose answer was lost on the way is found when the repository is read again.

        Raises:
            XsnsError: no right to write, the Hub can't be reached, or others always came first. Nothing is pushed then.
        """
        api = HfApi()
        with self.explained():
            if not self.exists:
                self.prepare()
            for attempt in range(TRIES):
                problem = self._attempt(api, change)
                if problem is None:
                    return
                _wait(attempt)
        raise HubError(
            f"{self.name} wasn't changed: {problem}, in the last of {TRIES} tries. Repeat the command in a while."
        )

    def _attempt(self, api: HfApi, change: Change) -> str | None:
        """Make one commit of all changes; return what came between, or None if it's done or nothing is to be done."""
        try:
            self.commit = api.dataset_info(self.repo_id, revision=self.revision).sha
            with tempfile.TemporaryDirectory() as staging:
                commit = change(Path(staging))
                if commit is not None:
                    self._push(api, Path(staging), commit)
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status == 412:
                return "others changed it meanwhile"
            if status == 429 or status >= 500:
                return f"the Hub answered with error {status}"
            raise
        except HTTPError as error:
            return f"the connection to the Hub broke ({type(error).__name__})"
        return None

    def _push(self, api: HfApi, staging: Path, commit: Commit) -> None:
        added = {path.relative_to(staging).as_posix(): path for path in files_in(staging)}
        gone = {*commit.before, *commit.leftovers} - {*commit.files, *added}
        gone &= {*self.names()} if gone else set()
        try:
            done = api.create_commit(
                self.repo_id,
                [
                    *(CommitOperationAdd(name, path) for name, path in added.items()),
                    *(CommitOperationDelete(name) for name in sorted(gone)),
                ],
                commit_message=commit.message,
                repo_type="dataset",
                revision=self.revision,
                parent_commit=self.commit,
                create_pr=self.create_pr,
            )
        except RuntimeError as error:  # how huggingface_hub reports a failed upload of a file
            raise error.__cause__ if isinstance(error.__cause__, HTTPError) else error from None
        self.pull_request = done.pr_url
        self.commit = None if self.create_pr else done.oid

    def _look(self) -> bool:
        """Return whether the repository exists, and make sure that it may be added to."""
        try:
            with self.explained():
                # Listing its tree would be tried again for half a minute where there is no connection.
                siblings = HfApi().dataset_info(self.repo_id, revision=self.revision).siblings
        except NoRepository:
            return False
        there = {file.rfilename for file in siblings or ()}
        if self.holds not in there and there - NOT_OURS:
            raise XsnsError(
                f"{self.name} on the Hub holds something other than {self.what}: use a repository of its own."
            )
        return True


def _wait(attempt: int) -> None:
    """Wait between two tries, the longer the more there were, and not as long as others do."""
    time.sleep(random.uniform(0, min(LONGEST_WAIT, 0.2 * 2**attempt)))
