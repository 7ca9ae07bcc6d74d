"""Misbehaviour on demand: errors, lost connections, lost races, and hooks before a request is handled."""

import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hub.state import Hub, Repository, operations_of, path_of

ALWAYS = math.inf
COMMIT = re.compile(r"^/api/(models|datasets|spaces)/([^/]+/[^/]+)/commit/([^?]+)")


@dataclass
class Exchange:
    """A request and what it was answered.

    Attributes:
        method: GET, HEAD, …
        path: decoded, with its query if it has one.
        headers: of the request, their names in lower case.
        body: of the request.
        status: of the response; 0 if the connection was lost before any of it was sent.
        sent: how many bytes of the response's body were sent.
    """

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int = 0
    sent: int = 0

    @property
    def received(self) -> int:
        """How many bytes the request's body has."""
        return len(self.body)

    @property
    def token(self) -> str | None:
        """The token of the request."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None

    def matches(self, method: str, path: str) -> bool:
        """Tell whether the method is that one ("*": any) and the regular expression occurs in the path."""
        return method in ("*", self.method) and re.search(path, self.path) is not None


@dataclass(frozen=True)
class Fail:
    """Answer with an error."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Drop:
    """Lose the connection."""

    when: Literal["before", "after", "midway"]
    reset: bool


@dataclass(frozen=True)
class Change:
    """Answer with other content than there is.

    Attributes:
        content: makes it of what it would be.
        kind: its Content-Type, if that is other too.
        handled: whether what is asked for is done at all.
        seconds: to wait before.
    """

    content: Callable[[bytes], bytes]
    kind: str | None = None
    handled: bool = True
    seconds: float = 0


@dataclass(frozen=True)
class Stale:
    """Answer as so many commits ago, where a branch is asked for."""

    commits: int


Fault = Fail | Drop | Change | Stale


@dataclass(frozen=True)
class Hook:
    """Call a function, in a thread of its own."""

    run: Callable[[Exchange], object]


@dataclass
class Rule:
    """What happens to which requests.

    Attributes:
        method: of the requests, "*" for any.
        path: a regular expression that occurs in their path.
        action: what happens.
        times: to how many of them.
        skip: how many of them are first let pass.
        hits: how many it has happened to.
    """

    method: str
    path: str
    action: Fault | Hook | None
    times: float
    skip: int
    hits: int = 0

    def takes(self, exchange: Exchange) -> bool:
        """Tell whether it is this request's turn, and count it."""
        if self.hits >= self.times or not exchange.matches(self.method, self.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True


class Faults:
    """The rules, in the order they were given. Hooks all run; of errors and lost connections, the first one happens."""

    def __init__(self, hub: Hub):
        self._hub = hub
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def fail(
        self,
        method: str,
        path: str,
        status: int = 500,
        *,
        times: float = 1,
        skip: int = 0,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Rule:
        """Answer the next requests with an error, without handling them."""
        delay = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self._add(method, path, Fail(status, {**delay, **(headers or {})}), times, skip)

    def drop(
        self,
        method: str,
        path: str,
        *,
        when: Literal["before", "after", "midway"] = "before",
        reset: bool = False,
        times: float = 1,
        skip: int = 0,
    ) -> Rule:
        """Lose the connection of the next requests.

        Args:
            method: of the requests.
            path: of the requests.
            when: before they are handled; after, so that what they ask for is done but no answer comes; or midway
                through the answer's body.
            reset: whether the connection is reset rather than closed.
            times: how many requests.
            skip: how many are let pass first.
        """
        return self._add(method, path, Drop(when, reset), times, skip)

    def before(
        self, method: str, path: str, hook: Callable[[Exchange], object], *, times: float = 1, skip: int = 0
    ) -> Rule:
        """Call `hook(exchange)` before the next requests are handled; it may block, and may itself use the Hub."""
        return self._add(method, path, Hook(hook), times, skip)

    def lose_race(
        self,
        times: float = 1,
        *,
        path: str = "",
        change: Callable[[Repository], Mapping[str, bytes | None]] | None = None,
        skip: int = 0,
    ) -> Rule:
        """Let someone else commit to the same branch right before each of the next commits.

        Args:
            times: before how many commits; `ALWAYS` for all.
            path: a regular expression, to name a repository.
            change: the files that the other commit writes, or deletes where None; by default a new file each time.
            skip: how many commits are let pass first.
        """

        def race(exchange: Exchange) -> None:
            found = COMMIT.match(exchange.path)
            if not found:
                return
            kind, name, revision = found.groups()
            repository = self._hub.repositories[path_of(kind, name)]
            files = change(repository) if change else {f"raced/{rule.hits}.txt": b"first\n"}
            repository.commit(operations_of(files), revision=revision, title="someone else's", author="other")

        rule = self._add("POST", rf"{path}.*/commit/", Hook(race), times, skip)
        return rule

    def storm(self, rule: Rule) -> Rule:
        """Let a rule of one's own hold, such as `storms.Storm`."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._rules.clear()

    def take(self, exchange: Exchange) -> tuple[list[Hook], Fault | None]:
        """Return what happens to a request."""
        hooks: list[Hook] = []
        fault: Fault | None = None
        with self._lock:
            for rule in self._rules:
                if isinstance(rule.action, Hook):
                    if rule.takes(exchange):
                        hooks.append(rule.action)
                elif fault is None and rule.takes(exchange):
                    fault = rule.action
        return hooks, fault

    def _add(self, method: str, path: str, action: Fault | Hook, times: float, skip: int) -> Rule:
        return self.storm(Rule(method, path, action, times, skip))
