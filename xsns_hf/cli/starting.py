"""What a slow command says first, before libraries that take seconds to import."""

import sys

from xsns_hf.processes import is_launched


def say(line: str) -> None:
    """Print a line on the screen, if there is one; of several processes, the one that starts the others does."""
    if sys.stderr.isatty() and not is_launched():
        print(line, file=sys.stderr, flush=True)
