"""Runs the benchmarks, see `bench.command`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Of a folder that is run, Python finds the files, but not the package that they are.
    sys.path[0] = str(Path(__file__).parents[1])
    from bench.command import app

    app()
