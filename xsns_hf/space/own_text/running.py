"""Where a visitor's job runs: in a process of its own, or on ZeroGPU.

A process of its own gives its memory back when it ends, and can be killed at any moment. It is started anew rather
than forked, so nothing of the page is in it, and by the worker's name rather than by `multiprocessing`, which would
run the page's script again and so serve a second page.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

from xsns_hf.errors import XsnsError
from xsns_hf.space.own_text.environment import environment, forget_secrets
from xsns_hf.space.own_text.worker import Record, Request, extract_masks

GPU_SECONDS = 60
"""Seconds on ZeroGPU that are asked for: a visitor without an account has a few minutes a day."""


_PAGE = os.getpid()


def zero_gpu() -> bool:
    """Return whether this is a Space on ZeroGPU."""
    on = os.environ.get("SPACES_ZERO_GPU", "").lower() in {"1", "t", "true"}
    return on and importlib.util.find_spec("spaces") is not None


def has_gpu() -> bool:
    """Return whether extraction will have a GPU; without asking torch, which the page doesn't load."""
    return zero_gpu() or any(Path("/dev").glob("nvidia[0-9]*"))


def runner() -> Callable[[Request, float], Generator[Record, None, None]]:
    """Return what extracts masks: ZeroGPU in a process that it forks for that, else a process of our own."""
    if not zero_gpu():
        return in_child
    import spaces

    on_gpu = spaces.GPU(duration=GPU_SECONDS)(extract_forked)
    return lambda request, seconds: on_gpu(request)


def extract_forked(request: Request) -> Generator[Record, None, None]:
    """Extract the masks in a process that was forked from the page's, once it has forgotten the page's secrets."""
    if os.getpid() != _PAGE:
        forget_secrets()
    yield from extract_masks(request)


def in_child(request: Request, seconds: float) -> Generator[Record, None, None]:
    """Extract the masks in a process of their own, which is killed if the generator is closed before the end.

    Args:
        request: what to extract.
        seconds: after which it is killed, too.

    Raises:
        XsnsError: it took too long, or died.
    """
    ends = time.monotonic() + seconds
    command = [sys.executable, "-P", "-m", "xsns_hf.space.own_text.worker"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
    assert child.stdin and child.stdout
    step_back(child)
    limit = threading.Timer(seconds, child.kill)
    limit.start()
    try:
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(dataclasses.asdict(request)).encode())
        for line in child.stdout:
            if line.endswith(b"\n"):
                yield json.loads(line)
        if child.wait() != 0:
            raise _killed(seconds if time.monotonic() >= ends else None)
    finally:
        limit.cancel()
        child.kill()
        child.wait()
        child.stdout.close()


def step_back(child: subprocess.Popen[bytes]) -> None:
    """Let a process have what the page, and who else is on this machine, leave of the processor."""
    with suppress(AttributeError, OSError):  # there's no such thing on Windows; or it has ended
        os.setpriority(os.PRIO_PROCESS, child.pid, 10)


def _killed(limit: float | None) -> XsnsError:
    """Return the error of a child that didn't end by itself: after so many seconds, or by the machine."""
    if limit is not None:
        return XsnsError(
            f"The job was stopped after {limit:g} seconds, the most it may take: give fewer or shorter sentences."
        )
    return XsnsError(
        "The extraction was ended by the machine, most likely for want of memory: try again in a while, with fewer or "
        "shorter sentences."
    )
