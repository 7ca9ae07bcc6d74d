"""What the stand-in remembers: accounts, repositories and their commits, each an immutable snapshot."""

import hashlib
import itertools
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType

LFS_SUFFIXES = (".parquet", ".safetensors", ".png", ".bin", ".arrow", ".npy", ".npz", ".pt", ".onnx", ".zip", ".gz")
LFS_SIZE = 10 * 1024 * 1024
KINDS = ("models", "datasets", "spaces")
ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES).encode()


class HubError(Exception):
    """An answer other than success.

    Attributes:
        status: of the response.
        code: its X-Error-Code, if it has one.
        message: its X-Error-Message.
        headers: further ones.
    """

    def __init__(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, dict(headers or {})


@dataclass(frozen=True)
class Account:
    """Whom a token stands for.

    Attributes:
        name: the user.
        organisations: in which they may write too.
        writes: whether the token may write at all.
    """

    name: str
    organisations: tuple[str, ...] = ()
    writes: bool = True

    def owns(self, namespace: str) -> bool:
        return namespace in (self.name, *self.organisations)


@dataclass(frozen=True)
class Stored:
    """A file of a commit.

    Attributes:
        data: its content.
        lfs: whether git holds only a pointer to it.
    """

    data: bytes
    lfs: bool = False

    @property
    def size(self) -> int:
        return len(self.data)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}", f"size {self.size}", "")
        return "\n".join(lines).encode()

    @cached_property
    def oid(self) -> str:
        """Git's name of the blob: of the file, or of its pointer."""
        blob = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Operation:
    """One change of a commit.

    Attributes:
        path: which file or folder.
        stored: its new content; None deletes it.
        folder: whether everything below the path is deleted.
    """

    path: str
    stored: Stored | None
    folder: bool = False


@dataclass(frozen=True)
class Commit:
    """A snapshot of a repository."""

    oid: str
    parent: str | None
    files: Mapping[str, Stored] = field(repr=False)
    title: str
    message: str
    author: str
    date: datetime


@dataclass(frozen=True)
class PullRequest:
    """A proposed change; its commits are those of `refs/pr/<number>`."""

    number: int
    title: str
    author: str
    date: datetime


class Repository:
    """Commits, the refs that point at them, and large files. Safe to use from several threads.

    Attributes:
        kind: models, datasets or spaces.
        name: `user/name`.
        private: whether only its owners see it.
        gated: False, "auto" or "manual"; when gated, files are for owners and `granted` users only.
        granted: names of users.
        refs: commit of each branch (`main`), tag (`refs/tags/v1`), pull request (`refs/pr/1`) and conversion
            (`refs/convert/parquet`).
        commits: every commit ever made, by id.
        lfs: large files by SHA-256.
        pulls: pull requests, in order.
        variables: of a Space.
        hardware: of a Space, as it was asked for.
    """

    def __init__(self, kind: str, name: str, *, private: bool = False, author: str = "user"):
        self.kind, self.name, self.private = kind, name, private
        self.gated: bool | str = False
        self.granted: set[str] = set()
        self.refs: dict[str, str] = {}
        self.commits: dict[str, Commit] = {}
        self.lfs: dict[str, bytes] = {}
        self.pulls: list[PullRequest] = []
        self.variables: dict[str, str] = {}
        self.hardware: str | None = None
        self.lock = threading.RLock()
        self._numbers = itertools.count()
        files = {".gitattributes": Stored(ATTRIBUTES)}
        self.refs["main"] = self._store(None, files, "initial commit", "", author).oid

    @property
    def path(self) -> str:
        """The repository's name in addresses."""
        return path_of(self.kind, self.name)

    def at(self, revision: str = "main") -> Commit:
        """Return the commit of a branch, tag, pull request or commit id (7 characters or more)."""
        with self.lock:
            oid = self.refs.get(revision.removeprefix("refs/heads/")) or self.refs.get(f"refs/tags/{revision}")
            if oid is None and re.fullmatch("[0-9a-f]{7,40}", revision):
                oid = next((known for known in self.commits if known.startswith(revision)), None)
            if oid is None:
                raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            return self.commits[oid]

    def history(self, revision: str = "main") -> Iterator[Commit]:
        """Yield the commits of a revision, newest first."""
        commit: Commit | None = self.at(revision)
        while commit:
            yield commit
            commit = self.commits[commit.parent] if commit.parent else None

    def commit(
        self,
        operations: Sequence[Operation],
        *,
        revision: str = "main",
        title: str = "a commit",
        message: str = "",
        author: str = "user",
        parent: str | None = None,
    ) -> Commit:
        """Change a branch or pull request; fails with 412 if `parent` is given and isn't its head."""
        with self.lock:
            head = self.at(revision)
            if revision not in self.refs:
                raise HubError(400, f"{revision} isn't a branch")
            if parent is not None and not head.oid.startswith(parent.lower()):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            made = self._store(head.oid, changed(head.files, operations), title, message, author)
            self.refs[revision] = made.oid
            return made

    def propose(
        self, operations: Sequence[Operation], *, base: str, title: str, message: str = "", author: str = "user"
    ) -> tuple[Commit, PullRequest]:
        """Open a pull request with one commit on top of `base`."""
        with self.lock:
            parent = self.at(base)
            made = self._store(parent.oid, changed(parent.files, operations), title, message, author)
            pull = PullRequest(len(self.pulls) + 1, title, author, made.date)
            self.pulls.append(pull)
            self.refs[f"refs/pr/{pull.number}"] = made.oid
            return made, pull

    def point(self, ref: str, revision: str) -> None:
        """Make a branch or tag that points at a revision's commit; fails with 409 if there is one of that name."""
        with self.lock:
            start = self.at(revision)
            if ref in self.refs:
                raise HubError(409, f"Reference already exists: {ref}")
            self.refs[ref] = start.oid

    def last_change(self, path: str, revision: str) -> Commit:
        """Return the commit that last changed a file, or anything in a folder."""
        commits = list(self.history(revision))
        now = below(commits[0].files, path)
        for newer, older in itertools.pairwise(commits):
            if below(older.files, path) != now:
                return newer
        return commits[-1]

    def _store(self, parent: str | None, files: dict[str, Stored], title: str, message: str, author: str) -> Commit:
        date = datetime.now(UTC)
        content = repr((self.path, next(self._numbers), parent, title, date, sorted(files)))
        oid = hashlib.sha1(content.encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, MappingProxyType(files), title, message, author, date)
        return self.commits[oid]


class Hub:
    """Accounts by token and repositories by path.

    Attributes:
        url: where it is served.
        accounts: whom each token stands for.
        repositories: those there are.
        moved: new paths of those that were renamed, by the old one; whoever asks for that is sent on.
        lock: held while a repository is made, renamed or deleted.
    """

    def __init__(self, accounts: Mapping[str, Account]):
        self.url = ""
        self.accounts = dict(accounts)
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, str] = {}
        self.lock = threading.RLock()

    def create(self, kind: str, name: str, *, private: bool = False, author: str = "user") -> Repository:
        repository = Repository(kind, name, private=private, author=author)
        with self.lock:
            if repository.path in self.repositories:
                raise HubError(409, f"You already created this {kind[:-1]} repo")
            self.repositories[repository.path] = repository
            self.moved.pop(repository.path, None)
        return repository

    def rename(self, repository: Repository, name: str) -> None:
        """Give a repository another name; under the old one it is still found."""
        old = repository.path
        with self.lock:
            if path_of(repository.kind, name) in self.repositories:
                raise HubError(409, f"There is a {repository.kind[:-1]} {name} already")
            repository.name = name
            self.repositories[repository.path] = self.repositories.pop(old)
            self.moved.pop(repository.path, None)
            self.moved[old] = repository.path


def path_of(kind: str, name: str) -> str:
    """Return a repository's name in addresses."""
    return name if kind == "models" else f"{kind}/{name}"


def below(files: Mapping[str, Stored], path: str) -> dict[str, Stored]:
    """Return the file of that name, or those in the folder of that name."""
    return {name: stored for name, stored in files.items() if name == path or name.startswith(f"{path}/")}


def changed(files: Mapping[str, Stored], operations: Sequence[Operation]) -> dict[str, Stored]:
    """Return the files after the operations."""
    files = dict(files)
    for operation in operations:
        if operation.stored is not None:
            files[operation.path] = operation.stored
            continue
        path = operation.path.rstrip("/")
        gone = [name for name in below(files, path) if operation.folder or name == path]
        if not gone:
            raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
        for name in gone:
            del files[name]
    return files


def goes_to_lfs(path: str, size: int) -> bool:
    """Tell whether a file is kept as a large one."""
    return path.endswith(LFS_SUFFIXES) or size > LFS_SIZE


def operations_of(files: Mapping[str, bytes | None]) -> list[Operation]:
    """Return the operations that store the files, or delete those that are None."""
    return [
        Operation(path, None if data is None else Stored(data, goes_to_lfs(path, len(data))))
        for path, data in files.items()
    ]
