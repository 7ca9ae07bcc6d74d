"""The server: what tests start, look into and command."""

import os
import re
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from hub import api, spaces, transfers
from hub.access import failure
from hub.faults import Exchange, Faults
from hub.renames import Renames
from hub.state import Account, Commit, Hub, HubError, Repository, operations_of
from hub.wire import Protocol, Wire

SETTINGS = {
    "HF_HUB_DISABLE_XET": "1",  # uploads go to Xet otherwise
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # load_dataset asks a host outside otherwise
}
UNSET = re.compile("^HF_|^HUGGING|^TRANSFORMERS_|proxy", re.IGNORECASE)


class HubServer:
    """A Hub on a free port of this machine. All state is in memory.

    The port is taken when it is made, and answers from `with` to its end: clients read the endpoint when they are
    imported, and only some tests need what is behind it.

    Attributes:
        write_token: of `user`, who owns `user/…` and `team/…`.
        read_token: of `user` too, but may not write.
        other_token: of `other`, who may write to `other/…` and propose changes elsewhere.
        faults: how it is told to misbehave.
        log: the requests there were, in the order they were answered.
        page_size: of listings.
    """

    write_token = "hf_of_user_to_write"
    read_token = "hf_of_user_to_read"
    other_token = "hf_of_other_to_write"

    def __init__(self):
        user = Account("user", ("team",))
        self.state = Hub(
            {
                self.write_token: user,
                self.read_token: Account(user.name, user.organisations, writes=False),
                self.other_token: Account("other"),
            }
        )
        self.faults = Faults(self.state)
        self.log: list[Exchange] = []
        routes = [*api.ROUTES, *spaces.ROUTES, *transfers.ROUTES]
        self._application = Starlette(
            routes=routes, middleware=[Middleware(Renames)], exception_handlers={HubError: failure}
        )
        self._application.state.hub = self.state
        self.page_size = 1000
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.state.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "HubServer":
        self._socket.listen()  # now: a client may be quicker than the server's thread
        config = uvicorn.Config(
            Wire(self._application, self.faults, self.log.append),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=3600,
        )
        self._server = uvicorn.Server(config)
        run = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run, name="hub", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def reset(self) -> None:
        """Forget everything: repositories, faults and the log."""
        self.state.repositories.clear()
        self.state.moved.clear()
        self.faults.clear()
        self.log.clear()
        self.page_size = 1000

    @property
    def url(self) -> str:
        """Where it is: the clients' endpoint."""
        return self.state.url

    @property
    def page_size(self) -> int:
        """How many entries a page of a listing has."""
        return self._application.state.page_size

    @page_size.setter
    def page_size(self, size: int) -> None:
        self._application.state.page_size = size

    @property
    def repos(self) -> dict[str, Repository]:
        """The repositories, by path: `user/model`, `datasets/user/dataset`, `spaces/user/space`."""
        return self.state.repositories

    def create(
        self, path: str, files: Mapping[str, bytes | None] | None = None, *, private: bool = False
    ) -> Repository:
        """Make a repository without a request, with a first commit of files if any are given."""
        *kind, owner, name = path.split("/")
        repository = self.state.create(kind[0] if kind else "models", f"{owner}/{name}", private=private)
        if files:
            self.commit(path, files)
        return repository

    @property
    def moved(self) -> dict[str, str]:
        """The present paths of renamed repositories, by the old one, which may be of one part, as `gpt2` is."""
        return self.state.moved

    def commit(self, path: str, files: Mapping[str, bytes | None], *, revision: str = "main", title: str = "") -> str:
        """Commit without a request (None deletes a file), as someone else would. Returns the commit's id."""
        operations = operations_of(files)
        repository = self.repos[path]
        for operation in operations:
            if operation.stored and operation.stored.lfs:
                repository.lfs[operation.stored.sha256] = operation.stored.data
        return repository.commit(operations, revision=revision, title=title or "by a test").oid

    def files(self, path: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files of a repository, without the `.gitattributes` that each starts with."""
        files = self.repos[path].at(revision).files
        return {name: stored.data for name, stored in files.items() if name != ".gitattributes"}

    def history(self, path: str, revision: str = "main") -> list[Commit]:
        """Return the commits of a repository, newest first; the last is the one it starts with."""
        return list(self.repos[path].history(revision))

    def requests(self, method: str = "*", path: str = "") -> list[Exchange]:
        """Return the logged requests of a method ("*": any) in whose path a regular expression occurs."""
        return [exchange for exchange in list(self.log) if exchange.matches(method, path)]

    def sent(self, path: str = "") -> int:
        """Return how many bytes were sent in answer to such requests."""
        return sum(exchange.sent for exchange in self.requests("*", path))

    def environment(self, cache: Path, token: str | None = None) -> dict[str, str]:
        """Return an environment in which a new process's clients use this Hub, without asking any other host.

        Args:
            cache: folder for what they keep (HF_HOME).
            token: theirs, if any.
        """
        kept = {key: value for key, value in os.environ.items() if not UNSET.search(key)}
        tokens = {"HF_TOKEN": token} if token else {}
        return {**kept, **SETTINGS, **tokens, "HF_ENDPOINT": self.url, "HF_HOME": str(cache)}
