"""An earlier revision of the package, measured beside today's: in a process of its own, by the same code, by turns."""

import io
import multiprocessing
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]


@contextmanager
def revision(reference: str) -> Iterator[Callable[..., Any]]:
    """Yield what calls a function with arguments where `xsns_hf` is that of a Git revision, and returns its answer.

    Raises:
        SystemExit: there is no such revision.
    """
    archive = subprocess.run(["git", "archive", reference, "xsns_hf"], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(f"--before {reference}: {archive.stderr.decode().strip()}; give a commit of this repository.")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        sys.path.insert(0, folder)  # which a process that is spawned inherits
        try:
            pool = multiprocessing.get_context("spawn").Pool(1, _start, (folder, torch.get_num_threads()))
            with pool:
                yield lambda function, *arguments: pool.apply(function, arguments)
        finally:
            sys.path.remove(folder)


def _start(folder: str, threads: int) -> None:
    import xsns_hf

    if not Path(xsns_hf.__file__).is_relative_to(folder):
        raise RuntimeError(f"{xsns_hf.__file__} is not the earlier revision")
    torch.set_num_threads(threads)
