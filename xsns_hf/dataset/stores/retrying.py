"""Asking the Hub again: what may be asked again, after which wait, and how often."""

import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import get_session
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import hf_raise_for_status

from xsns_hf.errors import HubError
from xsns_hf.hub_errors import seconds_asked
from xsns_hf.native.own_files import sha256_of

UNREACHABLE = {"ConnectError", "ConnectTimeout"}
"""Errors of the HTTP client, which is another in each version of huggingface_hub, where nobody answers at all."""

_Answer = TypeVar("_Answer")
_waits: ContextVar[float | None] = ContextVar("waits", default=None)


class Passing(HubError):
    """An answer of the Hub isn't what it should be: cut short, changed on its way, another server's page.

    Attributes:
        words: what it is, to be part of a sentence.
    """

    def __init__(self, words: str):
        super().__init__(f"{words[0].upper()}{words[1:]}: repeat the command in a while.")
        self.words = words


@dataclass(frozen=True)
class Patience:
    """How long one goes on asking.

    Attributes:
        tries: that the Hub or the connection spoilt, at most.
        races: tries at most that came to nothing since someone else's push was first; then that one has succeeded.
        longest: seconds between two tries at most, unless the Hub asks for more.
        asked: seconds between two tries at most, if the Hub asks for more.
        total: seconds of waiting at most, in all.
    """

    tries: int
    races: int
    longest: float
    asked: float
    total: float


@dataclass(frozen=True)
class Trouble:
    """What came between, if it may be otherwise at the next try.

    Attributes:
        words: what, to go on from "… wasn't changed: ".
        asked: seconds to wait that the Hub asks for.
        tries: how many make sense that end so.
        race: whether others came first.
    """

    words: str
    asked: float = 0
    tries: int = 1000
    race: bool = False


class Tries:
    """Tries of one thing, with the waits between them.

    Attributes:
        made: how many there were.
        races: how many of them others won.
        spent: seconds waited, or lost with tries that the Hub spoilt: huggingface_hub waits too.
    """

    def __init__(self, patience: Patience):
        self._patience = patience
        self.made, self.races, self.spent = 0, 0, 0.0
        self._began = time.monotonic()
        self._met: Counter[str] = Counter()

    def again(self, trouble: Trouble) -> bool:
        """Wait for the next try; return whether there is to be one."""
        took = time.monotonic() - self._began
        self.made += 1
        self.races += trouble.race
        self._met[trouble.words] += 1
        seconds = self._wait(trouble, took)
        if not trouble.race:
            self.spent += took + seconds
            if self.made - self.races > 1 and self.spent > self._patience.total:
                return False
        often = self.made - self.races >= self._patience.tries or self.races >= self._patience.races
        if often or self._met[trouble.words] >= trouble.tries:
            return False
        time.sleep(seconds)
        self._began = time.monotonic()
        return True

    def _wait(self, trouble: Trouble, took: float) -> float:
        """Return seconds to wait: the more the more tries there were, and by chance not those of others at the same.

        Of many whose tries take long, all but one would lose each race unless most of them wait for some such times.
        """
        patience, longer = self._patience, 2 ** min(self.made, 10)
        if trouble.race:
            return random.uniform(0, min(4 * patience.longest, max(took / 2, 0.2) * longer))
        return random.uniform(0, min(patience.longest, 0.2 * longer)) + min(trouble.asked, patience.asked)


def patiently(question: Callable[[], _Answer], patience: Patience) -> _Answer:
    """Ask the Hub, and again if something came between that may pass.

    Raises:
        Exception: the last try's.
    """
    tries = Tries(patience)
    while True:
        try:
            with own_waits():
                return question()
        except Exception as error:
            found = trouble(error)
            if found is None or not tries.again(found):
                raise


def trouble(error: BaseException | None) -> Trouble | None:
    """Return what came between, by the error or one that it was raised from; None if it stays so."""
    while error is not None and not isinstance(error, OfflineModeIsEnabled):
        if isinstance(error, HfHubHTTPError):
            return _refused(error.response.status_code, error.response.headers)
        if isinstance(error, Passing):
            return Trouble(error.words)
        if isinstance(error, FileMetadataError):
            return Trouble("what answered isn't the Hub")
        if isinstance(error, HTTPError):
            kind = type(error).__name__
            if kind in UNREACHABLE:
                return Trouble("the Hub can't be reached", tries=3)
            return Trouble(f"the connection to the Hub broke ({kind})")
        error = error.__cause__
    return None


def upload_trouble(error: Exception) -> Trouble | None:
    """Return what came between if something was refused that the Hub takes once all that belongs to it is there.

    That is so where an upload got lost on its way, though the answer was good.
    """
    missing = isinstance(error, (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError))
    if isinstance(error, HfHubHTTPError) and error.response.status_code in {400, 404, 422} and not missing:
        status = error.response.status_code
        return Trouble(f"the Hub answered with error {status}", tries=8 if status == 404 else 3)
    return None


def _refused(status: int, headers: Any) -> Trouble | None:
    if status == 412:
        return Trouble("others changed it meanwhile", race=True)
    seconds = seconds_asked(headers)
    if seconds and (status == 429 or status >= 500):
        return Trouble(f"the Hub asks to wait {seconds:.0f} s (error {status})", seconds)
    if status in {408, 409, 425, 429} or status >= 500:
        return Trouble(f"the Hub answered with error {status}")
    return None


@contextmanager
def own_waits(longest: float = 0) -> Iterator[None]:
    """Leave it to this module when to ask again, and say of answers that can't be read what they are.

    huggingface_hub waits by itself where an answer is an error, as long as that asks for, be it an hour, and then so
    again in each of our tries. Here such an answer ends what is being done.

    Args:
        longest: seconds that huggingface_hub may wait all the same, since what is being done is of many requests.

    Raises:
        Passing: in place of the many errors that huggingface_hub has for an answer which it can't read.
    """
    hooks = get_session().event_hooks
    if _end_the_request not in hooks["response"]:
        get_session().event_hooks = {**hooks, "response": [*hooks["response"], _end_the_request]}
    before = _waits.set(longest)
    try:
        yield
    except (HFValidationError, HTTPError):
        raise
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RuntimeError) as error:
        if isinstance(error.__cause__, (HTTPError, OfflineModeIsEnabled, FileMetadataError)):
            raise error.__cause__ from None  # a forced download, or an upload, that failed
        raise Passing(f"the Hub's answer can't be read ({type(error).__name__})") from error
    except OSError as error:
        if type(error) is OSError and error.errno is None:
            raise Passing("the Hub's answer was cut short") from error
        raise
    finally:
        _waits.reset(before)


def _end_the_request(response: Any) -> None:
    """Raise the error of an answer at once, if this module decides on asking again."""
    longest = _waits.get()
    if longest is None or not (response.status_code in {408, 429} or response.status_code >= 500):
        return
    if longest == 0 or seconds_asked(response.headers) > longest:
        response.read()
        hf_raise_for_status(response)


def is_whole(path: Path) -> bool:
    """Return whether a file of the cache has the content by whose hash it is named there.

    Large files have their SHA-256, others git's name of them. Where the cache has no links, nobody knows.
    """
    name = path.readlink().name if path.is_symlink() else ""
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", name):
        return True
    if len(name) == 64:
        return sha256_of(path) == name
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == name
