"""Which process this one is of several, and interrupts that none of them loses.

Processes know each other through the variables that `accelerate launch` and `torchrun` set.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

_Found = TypeVar("_Found")


def is_launched() -> bool:
    """Return whether this process is one of several already."""
    return "WORLD_SIZE" in os.environ


def is_first() -> bool:
    """Return whether this is the process that speaks."""
    return os.environ.get("RANK", "0") == "0"


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
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list, parse_flag_from_env

    PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))  # by which the processes find each other
    found: _Found | Exception | None = None
    if is_first():
        try:
            found = find()
        except Exception as error:  # whatever it is, the others wait for an answer
            found = error
    (found,) = broadcast_object_list([found])
    if isinstance(found, Exception):
        raise found
    return found


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
