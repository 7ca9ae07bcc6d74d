"""A mask repository on the Hub: read through huggingface_hub's cache, changed by one commit at a time."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, RepoFile, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from xsns_hf.dataset.stores.base import (
    INDEX,
    Change,
    Commit,
    Content,
    content_of,
    is_mask_file,
    not_recorded,
)
from xsns_hf.dataset.stores.operations import operations_of
from xsns_hf.dataset.stores.ranges import read_range
from xsns_hf.dataset.stores.retrying import (
    Passing,
    Patience,
    Tries,
    is_whole,
    own_waits,
    patiently,
    trouble,
    upload_trouble,
)
from xsns_hf.errors import HubError, MasksMissing, XsnsError
from xsns_hf.hub_errors import NoRepository, explained
from xsns_hf.native.own_files import sha256_of
from xsns_hf.recipe import commits_in

TRIES = 20
"""Times that a push is begun at most if the Hub is out of order."""

RACES = 100
"""Times that a push is begun at most if each time someone else's came first."""

READS = 5
"""Times that anything is asked for at most: again if the Hub was out of order, or says that a file isn't there which
the commit holds."""

LONGEST_WAIT = 8.0
"""Seconds between two tries of a push at most, and in all between those of a read."""

NOT_OURS = {".gitattributes", "README.md", "LICENSE", "LICENSE.md"}
"""What an otherwise empty repository may hold."""

_Answer = TypeVar("_Answer")


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
        if not self._is_ours():
            raise MasksMissing(f"{name} on the Hub holds no {what} (no {holds}): check the name, or push some first.")

    def read(self, name: str, sha256: str | None = None) -> Content | None:
        """Return what a table's file holds, or None if the commit holds none, see `Store.read`."""
        path = self.file(name, sha256)
        return content_of(path) if path else None

    def parts(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """Yield some bytes of a table's file, see `Store.parts`; none if they can't be had."""
        if self.exists:
            with suppress(XsnsError, EntryNotFoundError):
                yield self.ask(lambda: self._range(name, start, length))

    def _range(self, name: str, start: int, length: int) -> bytes:
        self._settle()
        return read_range(self.repo_id, name, str(self.commit), start, length)

    def file(self, name: str, sha256: str | None = None) -> Path | None:
        """Return the path of a file's copy in the cache, fetched if need be, or None if the commit holds none.

        A copy whose content isn't what the Hub says, or what it must be, is fetched once more.

        Args:
            name: of the file.
            sha256: of the bytes that it must have; by default any.

        Raises:
            Damaged: it holds other bytes than it must.
            XsnsError: it can't be fetched.
        """
        if not self.exists:
            return None
        path = self.ask(lambda: self._fetched(name))
        if path is not None and sha256 is not None and sha256_of(path) != sha256:
            path = self.ask(lambda: self._fetched(name, anew=True))
            if path is not None and sha256_of(path) != sha256:
                raise not_recorded(name, self.name)
        return path

    def _is_ours(self) -> bool:
        """Return whether it holds what it should; looked at again: a push of just now may not be seen yet."""
        for _ in range(3):
            if self.file(self.holds) is not None:
                return True
            self.commit = None
        return False

    def _fetched(self, name: str, *, anew: bool = False) -> Path | None:
        self._settle()
        try:
            path = self._download(name, anew=anew)
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):
                raise
            if not self._is_listed(name):
                return None
            raise Passing(f"the Hub doesn't give out {name}, which {self.name} holds") from None
        if not is_whole(path) and not is_whole(self._download(name, anew=True)):
            raise Passing(f"the Hub gives out another {name} than {self.name} holds")
        return path

    def _download(self, name: str, *, anew: bool) -> Path:
        commit = self.commit
        return Path(hf_hub_download(self.repo_id, name, repo_type="dataset", revision=commit, force_download=anew))

    def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Return what the Hub answers, asked again a few times if it is out of order.

        Raises:
            XsnsError: see `explained`.
        """
        with self.explained():
            return patiently(question, Patience(READS, 1, LONGEST_WAIT / 4, LONGEST_WAIT, LONGEST_WAIT))

    def _settle(self) -> None:
        """Decide which commit is read: all files are read as they were at one."""
        if self.commit is None:
            self.commit = self._commit_of_newest() or (
                HfApi().resolve_revision(self.repo_id, repo_type="dataset", revision=self.revision).resolved
            )

    def _commit_of_newest(self) -> str | None:
        """Return the commit of the newest file by which the repository is known; None if it can't be had.

        What the Hub says of a whole repository names each of its files, which may be thousands.
        """
        if commits_in(self.revision or ""):
            return None
        try:
            get_hf_file_metadata(hf_hub_url(self.repo_id, self.holds, repo_type="dataset", revision=self.revision))
            # This alone would take an old copy without a word. It keeps in the cache which commit the revision is.
            newest = hf_hub_download(self.repo_id, self.holds, repo_type="dataset", revision=self.revision)
        except (EntryNotFoundError, HTTPError, OfflineModeIsEnabled):
            return None
        return Path(newest).parent.name

    def _listing(self) -> dict[str, RepoFile]:
        """Return the files of the commit by name; one listing serves for all questions about a commit."""
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
        listing = self.ask(self._listing) if names and self.exists else {}
        hashes = {name: file.lfs.sha256 for name in names if (file := listing.get(name)) and file.lfs}
        for name in {*names} & listing.keys() - hashes.keys():
            if path := self.file(name):
                hashes[name] = sha256_of(path)
        return hashes

    def names(self) -> Collection[str]:
        """Return the names of all files of the commit."""
        return self.ask(self._listing) if self.exists else ()

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
        files = self.ask(self._listing).values() if self.exists else ()
        return sum(file.size for file in files if file.path.startswith(under) and file.path.endswith(".parquet"))

    def check(self) -> None:
        """Make sure that the repository is there: huggingface_hub reads copies in its cache where it can't be reached.

        Raises:
            XsnsError: it isn't, or the Hub can't be reached.
        """
        self.ask(lambda: HfApi().dataset_info(self.repo_id, revision=self.revision, expand=["sha"]))

    def prepare(self) -> None:
        """Make sure that it can be changed; make the repository if there is none.

        Raises:
            XsnsError: the token may not write, or the Hub can't be reached.
        """
        if not self.exists:
            self.ask(self._create)
        elif not self.create_pr:
            self.ask(lambda: HfApi().auth_check(self.repo_id, repo_type="dataset", write=True))

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
        tries = Tries(Patience(TRIES, RACES, LONGEST_WAIT, 5 * LONGEST_WAIT, 15 * LONGEST_WAIT))
        with self.explained():
            if not self.exists:
                self.prepare()
            while True:
                try:
                    return self._attempt(HfApi(), change)
                except Exception as error:
                    found = trouble(error) or upload_trouble(error)
                    if found is None:
                        raise
                    if not tries.again(found):
                        raise self._given_up(found.words, tries.made) from error

    def _given_up(self, problem: str, tries: int) -> HubError:
        often = f", in the last of {tries} tries" * (tries > 1)
        return HubError(f"{self.name} wasn't changed: {problem}{often}. Repeat the command in a while.")

    def _attempt(self, api: HfApi, change: Change) -> None:
        """Make one commit of all changes, or none if nothing is to be changed."""
        with own_waits():
            self.commit = api.dataset_info(self.repo_id, revision=self.revision, expand=["sha"]).sha
        with tempfile.TemporaryDirectory() as staging:
            commit = change(Path(staging))
            if commit is not None:
                self._push(api, Path(staging), commit)

    def _push(self, api: HfApi, staging: Path, commit: Commit) -> None:
        operations = operations_of(staging, commit, self.names)
        with own_waits(LONGEST_WAIT):
            done = api.create_commit(
                self.repo_id,
                operations,
                commit_message=commit.message,
                repo_type="dataset",
                revision=self.revision,
                parent_commit=self.commit,
                create_pr=self.create_pr,
            )
        self.pull_request = done.pr_url
        self.commit = None if self.create_pr else done.oid

    def _look(self) -> bool:
        """Return whether the repository exists, and make sure that it may be added to."""
        try:
            # Listing its tree would be tried again for half a minute where there is no connection.
            info = self.ask(lambda: HfApi().dataset_info(self.repo_id, revision=self.revision, expand=["siblings"]))
        except NoRepository:
            return False
        there = {file.rfilename for file in info.siblings or ()}
        if self.holds not in there and there - NOT_OURS:
            raise XsnsError(
                f"{self.name} on the Hub holds something other than {self.what}: use a repository of its own."
            )
        return True
