"""Several processes on a CPU, one a core: faster, and steadier on a busy machine, than one with several threads.

They find each other through the variables that `accelerate launch` and `torchrun` set too, so that the command
that runs in them needs to know nothing about it. For GPUs or several machines use `accelerate launch`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

MOST = 4
"""Processes started by default at most: each holds the model once."""


def is_launched() -> bool:
    """Return whether this process is one of several already."""
    return "WORLD_SIZE" in os.environ


def is_first() -> bool:
    """Return whether this is the process that speaks."""
    return os.environ.get("RANK", "0") == "0"


def number() -> int:
    """Return how many processes this one is of."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_number() -> int:
    """Return how many processes to start: one with a GPU, else one a core that this process may use."""
    # Asking torch would take seconds, since importing it does.
    if sys.platform == "darwin" or shutil.which("nvidia-smi") or shutil.which("rocm-smi"):
        return 1
    return min(cores(), MOST)


def run(arguments: Sequence[str], number: int) -> int:
    """Run an `xsns` command line in several processes on the CPU and wait for them.

    Args:
        arguments: the command line, without `xsns`.
        number: of processes, each with one thread; a single one is left the device and threads it finds.

    Returns:
        0, or the exit code of the first process that failed; the others are stopped then.
    """
    group = {"WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    one_thread = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "TOKENIZERS_PARALLELISM": "false"}
    environments = [os.environ | group | one_thread | {"RANK": str(i), "LOCAL_RANK": str(i)} for i in range(number)]
    command = [sys.executable, "-m", "xsns_hf", *arguments]
    workers: list[subprocess.Popen] = []
    with _ending_when_told():
        try:
            for environment in environments:
                workers.append(subprocess.Popen(command, env=environment if number > 1 else dict(os.environ)))
            return _wait(workers)
        except KeyboardInterrupt:
            # The terminal has interrupted the workers as well; the first of them says what is kept.
            return _wait(workers)
        finally:
            for worker in workers:
                worker.terminate()


@contextmanager
def _ending_when_told() -> Iterator[None]:
    """Have SIGTERM (`kill`, a scheduler's limit) end this process by an exception, so that it ends its workers too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
    _interrupted = True
    signal.default_int_handler(number, frame)


def _wait(workers: list[subprocess.Popen]) -> int:
    while True:
        codes = [worker.poll() for worker in workers]
        if any(codes) or None not in codes:
            break
        time.sleep(0.1)
    code = next((code for code in codes if code), 0)
    if code < 0:
        print(
            f"xsns: a process was killed by signal {-code}; if memory ran out, use fewer --processes.", file=sys.stderr
        )
    return abs(code)


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
