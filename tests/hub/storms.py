"""Kinds of bad weather: what happens to a share of all requests, or to each so many-th, by the name of the kind."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hub.faults import ALWAYS, Change, Drop, Exchange, Fail, Fault, Rule, Stale

PAGE = b"<!DOCTYPE html><html><body><h1>We are down for maintenance</h1></body></html>"


def overload(chance: random.Random) -> Fault:
    """Ask to wait: for a second, or until a date."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    return Fail(429, {"Retry-After": chance.choice(["0", "1", until])})


def page(_: bytes) -> bytes:
    return PAGE


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """Change one bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :] if content else content


@dataclass(frozen=True)
class Kind:
    """What happens to the requests it is for.

    Attributes:
        fault: chooses it.
        method: of the requests, "*" for any.
        path: a regular expression that occurs in their path.
    """

    fault: Callable[[random.Random], Fault]
    method: str = "*"
    path: str = ""


KINDS = {
    "error": Kind(lambda chance: Fail(chance.choice([500, 502, 503, 504]), {})),
    "overload": Kind(overload),
    "conflict": Kind(lambda _: Fail(409, {})),
    "timeout": Kind(lambda _: Fail(408, {})),
    "dropped": Kind(lambda chance: Drop("before", reset=chance.random() < 0.5)),
    "answer lost": Kind(lambda chance: Drop("after", reset=chance.random() < 0.5)),
    "broken off": Kind(lambda chance: Drop("midway", reset=chance.random() < 0.5)),
    "cut short": Kind(lambda _: Change(half), path="/api/|/batch"),  # whole by its own length, which is of the half
    "page": Kind(lambda _: Change(page, kind="text/html", handled=False)),
    "stale": Kind(lambda chance: Stale(chance.randint(1, 3)), "GET", "/api/"),
    "flipped": Kind(lambda _: Change(flipped), "GET", "/resolve/"),
    "slow": Kind(lambda chance: Change(lambda content: content, seconds=chance.uniform(0, 0.3))),
}


@dataclass
class Storm(Rule):
    """A rule that chooses anew what happens each time.

    Attributes:
        kinds: of what.
        share: of the requests, by chance; or
        every: so many-th.
        seed: of the chance.
        seen: requests that it could have happened to.
    """

    kinds: tuple[Kind, ...] = ()
    share: float = 0.15
    every: int = 0
    seed: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def takes(self, exchange: Exchange) -> bool:
        """Tell whether it is this request's turn, and choose what happens."""
        fitting = [kind for kind in self.kinds if exchange.matches(kind.method, kind.path)]
        if not fitting or not exchange.matches(self.method, self.path):
            return False
        self.seen += 1
        due = self.seen % self.every == 0 if self.every else self._chance.random() < self.share
        if not due or self.hits >= self.times:
            return False
        self.hits += 1
        self.action = self._chance.choice(fitting).fault(self._chance)
        return True


def storm(*names: str, share: float = 0.15, every: int = 0, seed: int = 0, method: str = "*", path: str = "") -> Storm:
    """Return a rule by which faults of the kinds of these names happen, for `Faults.storm`."""
    return Storm(method, path, None, ALWAYS, 0, 0, tuple(KINDS[name] for name in names), share, every, seed)
