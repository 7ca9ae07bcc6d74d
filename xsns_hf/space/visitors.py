"""Who asks, who is still there, and whose turn it is for work that only a few may have done at once.

A question waits for no job: what takes long has a short line of its own, and whoever finds it full is told so at once.
"""

import ipaddress
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from xsns_hf.errors import XsnsError

JOBS_AT_ONCE, JOBS_WAITING = 1, 3
"""Jobs of visitors' own text that run, and that wait: each takes a minute or so, and the memory of a model."""

LOOKS_AT_ONCE, LOOKS_WAITING = 2, 8
"""Looks into masks, each in a process of its own."""

CALLS_AT_ONCE, CALLS_WAITING = 4, 40
"""Calls of tools that are answered from memory, some hundredths of a second each."""

PICTURES_AT_ONCE, PICTURES_WAITING = 1, 4
"""Answers that are drawn, half a second each."""

PATIENCE = 5.0
"""Seconds for which a visitor without an open connection counts as there: a page opens one after it has asked."""


class Busy(XsnsError):
    """Too many want the same; the sentence says when to come back."""


class Line:
    """Work that a few may have done at once, and for which a few more may wait.

    Attributes:
        most: who is let in at all.
    """

    def __init__(self, at_once: int, waiting: int, busy: str):
        """Open an empty line.

        Args:
            at_once: whose turn it is at the same time.
            waiting: how many wait behind them at most.
            busy: the sentence for whoever comes then.
        """
        self._at_once, self.most, self._busy = at_once, at_once + waiting, busy
        self._places: list[Place] = []
        self._moved = threading.Condition()

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """Take the last place, and leave it at the end.

        Raises:
            Busy: the line is full.
        """
        place = Place(self)
        with self._moved:
            if len(self._places) >= self.most:
                raise Busy(self._busy)
            self._places.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._places.remove(place)
                self._moved.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take a place and wait for one's turn, which lasts as long as this context.

        Raises:
            Busy: the line is full.
        """
        with self.place() as place:
            while place.ahead(wait=1.0):
                pass
            yield

    def ahead(self, place: "Place", wait: float) -> int:
        """Return what `Place.ahead` does."""
        with self._moved:
            self._moved.wait_for(lambda: self._places.index(place) < self._at_once, timeout=wait)
            return max(0, self._places.index(place) - self._at_once + 1)


class Place:
    """A place in a line."""

    def __init__(self, line: Line):
        self._line = line

    def ahead(self, wait: float = 0.0) -> int:
        """Return how many must leave before it's one's turn; 0 if it is.

        Args:
            wait: seconds to wait for it at most.
        """
        return self._line.ahead(self, wait)


class Visitors:
    """Everyone who asks something of the page.

    Attributes:
        pictures: the line of those whose answers are drawn.
        looks: the line of those who look into masks.
        calls: the line of the calls of tools.
        patience: seconds for which who has no connection counts as there.
    """

    def __init__(self, patience: float = PATIENCE):
        """Begin with none.

        Args:
            patience: seconds for which who has no connection counts as there.
        """
        moment = "Too many visitors want this just now: try again in a moment."
        self.pictures = Line(PICTURES_AT_ONCE, PICTURES_WAITING, moment)
        self.looks = Line(LOOKS_AT_ONCE, LOOKS_WAITING, moment)
        self.calls = Line(CALLS_AT_ONCE, CALLS_WAITING, moment)
        self._jobs = Line(
            JOBS_AT_ONCE,
            JOBS_WAITING,
            f"{JOBS_AT_ONCE + JOBS_WAITING} other visitors have brought text already, and no more can wait: try again "
            "in a few minutes.",
        )
        self.patience = patience
        self._lock = threading.Lock()
        self._connected: Counter[str] = Counter()
        self._busy: set[str] = set()

    @contextmanager
    def connection(self, session: str) -> Iterator[None]:
        """Note that a session has a connection open, while in this context."""
        with self._lock:
            self._connected[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._connected[session] -= 1
                if not self._connected[session]:
                    del self._connected[session]

    @contextmanager
    def job(self, address: str, session: str) -> Iterator["Job"]:
        """Admit a job, which lasts as long as this context.

        Args:
            address: of the visitor, see `address_of`.
            session: id of their page.

        Raises:
            Busy: they have a job already, or too many others have.
        """
        owners = {f"address {address}", f"session {session}"}
        with self._jobs.place() as place:
            with self._lock:
                if owners & self._busy:
                    raise Busy("You have a job running already: wait until it is done, or stop it first.")
                self._busy |= owners
            try:
                yield Job(self, place, session)
            finally:
                with self._lock:
                    self._busy -= owners

    def is_connected(self, session: str) -> bool:
        """Return whether a session has a connection open."""
        with self._lock:
            return session in self._connected


class Job:
    """A job that was admitted; of a visitor who may leave."""

    def __init__(self, visitors: Visitors, place: Place, session: str):
        self._visitors, self._place, self._session = visitors, place, session
        self._seen = time.monotonic()

    def waiting(self) -> Iterator[int]:
        """Wait until it's the job's turn and its visitor is there.

        Yields:
            How many jobs are before it, about once a second.

        Raises:
            XsnsError: the visitor left.
        """
        while (ahead := self._place.ahead()) or not self._visitors.is_connected(self._session):
            yield ahead
            self.check()
            if self._place.ahead(wait=1.0) == 0:
                time.sleep(0.2)  # its page is about to connect

    def check(self) -> None:
        """Make sure that the visitor is still there.

        Raises:
            XsnsError: they left.
        """
        now = time.monotonic()
        if self._visitors.is_connected(self._session):
            self._seen = now
        elif now - self._seen > self._visitors.patience:
            raise XsnsError("The job was ended, since its page is gone: open the page again to start another.")


def address_of(client: str, forwarded: str = "") -> str:
    """Return where a request comes from: an address, or the network of one visitor.

    Args:
        client: address of who is connected.
        forwarded: the header X-Forwarded-For. On a Space all visitors come through the Hub's proxies, each of which
            adds on its right whom it was asked by; what is further left is only what the visitor says.
    """
    hops = [client, *reversed(forwarded.split(","))] if os.environ.get("SPACE_ID") else [client]
    addresses = [address for hop in hops if (address := _parsed(hop))]
    address = next((address for address in addresses if address.is_global), None) or next(iter(addresses), None)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))  # what one visitor has of
    return str(address or client)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
