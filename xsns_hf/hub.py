"""A mask repository on the Hub: read through huggingface_hub's cache, changed by one commit at a time."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from xsns_hf.errors import XsnsError
from xsns_hf.stores import INDEX, Change, files_in

TRIES = 20
"""Times that a push is begun at most: again if someone else's came first, or the Hub was out of order."""

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
    """

    def __init__(
        self, name: str, *, create: bool = False, create_pr: bool = False, holds: str = INDEX, what: str = "masks"
    ):
        """Open a repository.

        Args:
            name: `user/repo`, or `user/repo@revision` with a branch, tag or commit.
            create: make it with the first change if there is none.
            create_pr: open a pull request with each change, for repositories that one can't write to.
            holds: the file by which a repository of ours is known.
            what: what it is a repository of.

        Raises:
            XsnsError: there is none, it holds something else, or it can't be read.
        """
        self.name, self.create_pr, self.holds, self.what = name, create_pr, holds, what
        self.repo_id, _, revision = name.partition("@")
        self.revision = revision or None
        self.commit: str | None = None
        self.pull_request: str | None = None
        self._there = not create or self._look()
        if not create and self.file(holds) is None:
            raise XsnsError(f"{name} on the Hub holds no {what} (no {holds}): check the name, or push some first.")

    def file(self, name: str) -> Path | None:
        """Return the path of a file's copy in the cache, fetched if need be, or None if there is none.

        Raises:
            XsnsError: it can't be fetched.
        """
        if not self._there:
            return None
        try:
            with self.explained():
                path = self._fetched(name)
        except EntryNotFoundError:
            return None
        if self.commit is None:  # …/snapshots/<commit>/<name>; all other files are read as they were at this commit
            self.commit = path.parts[-1 - len(Path(name).parts)]
        return path

    def _fetched(self, name: str) -> Path:
        """Fetch a file; if the connection breaks, take the last copy that was fetched."""
        options = {"repo_type": "dataset", "revision": self.commit or self.revision}
        try:
            return Path(hf_hub_download(self.repo_id, name, **options))
        except HTTPError as broken:
            if isinstance(broken, HfHubHTTPError):
                raise
            try:
                return Path(hf_hub_download(self.repo_id, name, local_files_only=True, **options))
            except LocalEntryNotFoundError:
                raise broken from None

    def address(self) -> str:
        """Return the page of the dataset, or of the pull request that was just opened."""
        return self.pull_request or f"{constants.ENDPOINT}/datasets/{self.repo_id}"

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
            if not self._there:
                HfApi().create_repo(self.repo_id, repo_type="dataset", exist_ok=True)
                self._there = True
            elif not self.create_pr:
                HfApi().auth_check(self.repo_id, repo_type="dataset", write=True)

    def update(self, change: Change) -> None:
        """Change files in one commit on top of the newest; if another push comes first, begin again from that.

        A commit whose answer was lost on the way is found when the repository is read again.

        Raises:
            XsnsError: no right to write, the Hub can't be reached, or others always came first. Nothing is pushed then.
        """
        api = HfApi()
        with self.explained():
            if not self._there:
                self.prepare()
            for attempt in range(TRIES):
                problem = self._attempt(api, change)
                if problem is None:
                    return
                time.sleep(random.uniform(0, min(LONGEST_WAIT, 0.2 * 2**attempt)))
        raise XsnsError(
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
        """Tell whether the repository exists, and make sure that it may be added to."""
        try:
            with self.explained():
                there = set(HfApi().list_repo_files(self.repo_id, repo_type="dataset", revision=self.revision))
        except _NoRepository:
            return False
        if self.holds not in there and there - NOT_OURS:
            raise XsnsError(
                f"{self.name} on the Hub holds something other than {self.what}: use a repository of its own."
            )
        return True

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say each of the Hub's many errors in one sentence.

        Raises:
            XsnsError: in place of them; but an `EntryNotFoundError` for a file that isn't in the repository is left.
        """
        try:
            yield
        except LocalEntryNotFoundError as error:
            raise XsnsError(
                f"{self.name} can't be reached on the Hub and isn't in the cache: check the connection, "
                "HF_HUB_OFFLINE and HF_ENDPOINT."
            ) from error
        except EntryNotFoundError:
            raise
        except RevisionNotFoundError as error:
            raise XsnsError(f"{self.repo_id} on the Hub has no revision {self.revision}: check its name.") from error
        except GatedRepoError as error:
            raise XsnsError(f"{self.repo_id} on the Hub is gated: ask for access on its page, then log in.") from error
        except RepositoryNotFoundError as error:
            raise _NoRepository(
                f"There is no dataset {self.repo_id} on the Hub that you may see: check the name, log in with "
                f"`hf auth login` for a private one, or write ./{self.repo_id} if a folder is meant."
            ) from error
        except HFValidationError as error:
            raise XsnsError(f"{self.repo_id} can't be the name of a repository on the Hub: use user/name.") from error
        except OfflineModeIsEnabled as error:
            raise XsnsError(f"HF_HUB_OFFLINE is set, so {self.name} can't be changed: unset it.") from error
        except HfHubHTTPError as error:
            raise XsnsError(self._refusal(error.response.status_code)) from error
        except (HTTPError, ConnectionError, TimeoutError) as error:
            raise XsnsError(
                f"The connection to the Hub broke ({type(error).__name__}): repeat the command in a while."
            ) from error
        except OSError as error:
            raise XsnsError(
                f"The copy of {self.name} in the cache can't be written ({error.strerror or type(error).__name__}): "
                "free some space, or set HF_HOME to another disk."
            ) from error

    def _refusal(self, status: int) -> str:
        if status in {401, 403}:
            return (
                f"Your token may not write to {self.repo_id} on the Hub: log in with one that may (`hf auth login`), "
                f"pass --create-pr to propose the change, or write ./{self.repo_id} if a folder is meant."
            )
        return f"The Hub answered with error {status} for {self.name}: repeat the command in a while."


class _NoRepository(XsnsError):
    """The repository doesn't exist, or not for this token; the Hub doesn't say which."""
