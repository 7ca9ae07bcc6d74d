"""A mask repository on the Hub: read through huggingface_hub's cache, changed by one commit at a time."""

import random
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HTTPError, LocalEntryNotFoundError

from xsns_hf.dataset.stores.base import INDEX, Change, files_in
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
        name: `user/repo` or `user/repo@revision`, as it was given.
        repo_id: `user/repo`.
        commit: sha of the commit that is read, known after the first file.
        pull_request: address of the pull request that the last change opened, if it did.
        exists: whether it is there, or would be made by the first change.
    """

    def __init__(
        self, name: str, *, create: bool = False, create_pr: bool = False, holds: str = INDEX, what: str = "masks"
    ):
        """Open a repository.

        Args:
            name: `user/repo`, or `user/repo@revision` with a branch, tag or commit; perhaps after `hf://datasets/`.
            create: make it with the first change if there is none.
            create_pr: open a pull request with each change, for repositories that one can't write to.
            holds: the file by which a repository of ours is known.
            what: what it is a repository of.

        Raises:
            XsnsError: there is none, it holds something else, or it can't be read.
        """
        self.name, self.create_pr, self.holds, self.what = name, create_pr, holds, what
        self.repo_id, _, revision = name.removeprefix("hf://").removeprefix("datasets/").partition("@")
        self.revision = revision or None
        self.commit: str | None = None
        self.pull_request: str | None = None
        self.exists = not create or self._look()
        if not create and self.file(holds) is None:
            raise MasksMissing(f"{name} on the Hub holds no {what} (no {holds}): check the name, or push some first.")

    def file(self, name: str) -> Path | None:
        """Return the path of a file's copy in the cache, fetched if need be, or None if the commit holds none.

        Raises:
            XsnsError: it can't be fetched.
        """
        if not self.exists:
            return None
        with self.explained():
            if self.commit is None:  # all files are read as they were at one commit
                resolved = HfApi().resolve_revision(self.repo_id, repo_type="dataset", revision=self.revision)
                self.commit = resolved.resolved
            for attempt in range(READS):
                try:
                    return Path(hf_hub_download(self.repo_id, name, repo_type="dataset", revision=self.commit))
                except EntryNotFoundError as error:
                    if isinstance(error, LocalEntryNotFoundError):
                        raise
                    if not self._is_listed(name):
                        return None
                _wait(attempt)
        raise HubError(f"{self.name} holds {name}, but the Hub doesn't give it out: repeat the command in a while.")

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
        with self.explained():
            tree = HfApi().list_repo_tree(self.repo_id, repo_type="dataset", recursive=True, revision=self.commit)
            ours = [file for file in tree if file.path.startswith(under) and file.path.endswith(".parquet")]
            return sum(getattr(file, "size", 0) for file in ours)

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
                message = change(Path(staging))
                if message is not None:
                    self._push(api, Path(staging), message)
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

    def _push(self, api: HfApi, staging: Path, message: str) -> None:
        try:
            done = api.create_commit(
                self.repo_id,
                [CommitOperationAdd(path.relative_to(staging).as_posix(), path) for path in files_in(staging)],
                commit_message=message,
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
                there = set(HfApi().list_repo_files(self.repo_id, repo_type="dataset", revision=self.revision))
        except NoRepository:
            return False
        if self.holds not in there and there - NOT_OURS:
            raise XsnsError(
                f"{self.name} on the Hub holds something other than {self.what}: use a repository of its own."
            )
        return True


def _wait(attempt: int) -> None:
    """Wait between two tries, the longer the more there were, and not as long as others do."""
    time.sleep(random.uniform(0, min(LONGEST_WAIT, 0.2 * 2**attempt)))
