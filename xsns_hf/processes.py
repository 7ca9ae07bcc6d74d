"""Which process this one is of several, how they end with the one that started them, and interrupts that none loses.

Processes know each other through the variables that `accelerate launch` and `torchrun` set.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeVar

_Found = TypeVar("_Found")


def is_launched() -> bool:
    """Return whether this process is one of several already."""
    return "WORLD_SIZE" in os.environ


def is_first() -> bool:
    """Return whether this is the process that speaks."""
    return os.environ.get("RANK", "0") == "0"


def is_first_here() -> bool:
    """Return whether this is the process that says on its machine what went wrong there."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def number() -> int:
    """Return how many processes this one is of."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def agreed(find: Callable[[], _Found]) -> _Found:
    """Return what the first process finds, in all processes that work together, which must all call this.

    Else what changes while they start, such as a branch on the Hub, would be another thing for each of them.

    Args:
        find: called in the first process only; what it raises is raised in all of them.
    """
    if number() == 1:
        return find()
    _meet()
    from accelerate.utils import broadcast_object_list

    (found,) = broadcast_object_list([_outcome(find) if is_first() else None])
    if isinstance(found, Exception):
        raise found
    return found


def gathered(find: Callable[[], _Found]) -> list[_Found]:
    """Return what each of the processes that work together finds, which must all call this, in their order.

    Args:
        find: called in each of them; what the first that fails raises is raised in all.
    """
    if number() == 1:
        return [find()]
    _meet()
    from accelerate.utils import gather_object

    found = gather_object([_outcome(find)])
    for each in found:
        if isinstance(each, Exception):
            raise each
    return found


def _meet() -> None:
    """Have the processes find each other."""
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def _outcome(find: Callable[[], _Found]) -> _Found | Exception:
    """Return what is found or raised: whatever it is, others wait for it."""
    try:
        return find()
    except Exception as error:
        return error


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_STARTED_BY = "XSNS_STARTED_BY"
"""The variable by which a process knows which one to end with."""

_PR_SET_PDEATHSIG = 1
"""Of Linux's `prctl`: the signal that a process gets when its parent ends, however that ends."""

_LOOK_AGAIN = 0.5
"""Seconds between two looks at whether the parent is still there."""


@contextmanager
def as_launcher() -> Iterator[None]:
    """Have the processes that are started in this context end with this one, if they `end_with_launcher`."""
    os.environ[_STARTED_BY] = str(os.getpid())
    try:
        yield
    finally:
        os.environ.pop(_STARTED_BY, None)


def end_with_launcher() -> None:
    """Have this process end as soon as the one that launched it does, even if that is killed; of others do nothing.

    A launcher that is killed can tell nobody. On Linux the system does, elsewhere a thread sees it within a second.
    """
    launcher = int(os.environ.pop(_STARTED_BY, "0"))  # whatever this process starts is another's business
    if os.name != "posix" or not launcher:
        return
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == launcher:
        threading.Thread(target=_end_after, args=[launcher], daemon=True).start()
    elif not _is_running(launcher):  # it ended before this began
        os._exit(1)


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_AGAIN)
    os._exit(1)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def remember_interrupts() -> None:
    """Have an interrupt (Ctrl-C) remembered for `stop_if_interrupted`, from now on.

    Python ignores exceptions that are raised while an object is finalised (in `__del__`), so a KeyboardInterrupt at
    that moment is lost, and the work would go on.
    """
    global _interrupted
    _interrupted = False
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)


def stop_if_interrupted() -> None:
    """Raise the interrupt that was dropped, if there was one; to be called between pieces of long work."""
    if _interrupted:
        raise KeyboardInterrupt


_interrupted = False


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _interrupted
    again, _interrupted = _interrupted, True
    if not (again and is_launched()):  # a terminal's Ctrl-C comes from it and from the launcher
        signal.default_int_handler(number, frame)
