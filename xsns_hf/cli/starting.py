"""What a slow command says first, and how it imports libraries that take seconds."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from xsns_hf.processes import is_first, is_launched


def say(line: str, *, when_launched: bool = False) -> None:
    """Print a line on the screen, if there is one.

    Args:
        line: what goes on.
        when_launched: of several processes the first prints it, else the one that starts them.
    """
    speaks = is_first() if when_launched else not is_launched()
    if speaks and sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Keep the garbage collector away from what is imported in this context, now and later.

    Modules are no garbage; looking through those of torch and transformers again and again takes an eighth of the time.
    """
    before = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
            atexit.register(gc.unfreeze)  # some libraries complain of what is left of them at the very end
        gc.enable()
