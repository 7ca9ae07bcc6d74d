"""The `xsns` command: a few lines over the library for each subcommand."""

import logging
import sys
from typing import NoReturn

from xsns_hf import processes
from xsns_hf.cli import (  # noqa: F401 (their commands register themselves)
    checking,
    demo,
    explaining,
    extracting,
    fitting,
    listing,
    ranking,
    serving,
    sharing,
    sweeping,
    tuning,
)
from xsns_hf.cli.options import app
from xsns_hf.cli.terminal import take_all_letters
from xsns_hf.errors import XsnsError, explained_imports
from xsns_hf.safe_text import for_terminal

app.group()


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2."""
    processes.end_with_launcher()
    processes.remember_interrupts()
    take_all_letters()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    logging.getLogger("huggingface_hub").propagate = False  # it prints its warnings itself
    try:
        with explained_imports():
            app()
    except XsnsError as error:
        _refuse(error)


def _refuse(error: XsnsError) -> NoReturn:
    if processes.is_first_here():
        print(f"xsns: {for_terminal(error.on_command_line())}", file=sys.stderr)
    sys.exit(2)
