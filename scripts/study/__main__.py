"""Runs the studies, see `study.command`."""

import sys
from pathlib import Path

from xsns_hf import XsnsError

if __name__ == "__main__":
    # Of a folder that is run, Python finds the files, but not the package that they are.
    sys.path[0] = str(Path(__file__).parents[1])
    from study.command import app

    try:
        app()
    except XsnsError as error:
        raise SystemExit(f"study: {error}") from None
