"""Four inner loops in C, compiled on first use for the processor at hand and kept in the cache.

Without a compiler, or with XSNS_COMPILE=0 in the environment, PyTorch and numpy do the same more slowly.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from huggingface_hub import cached_assets_path

from xsns_hf.native.own_files import is_own, own_folder, remove, sha256_of
from xsns_hf.processes import cores as threads

FOLDER = Path(__file__).parent
OPTIMISED = ["-O3", "-ffp-contract=fast", "-std=gnu11", "-shared", "-fPIC"]

__all__ = ["FOLDER", "library", "threads"]

logger = logging.getLogger(__name__)


@cache
def library(name: str, is_right: Callable[[ctypes.CDLL], bool]) -> ctypes.CDLL | None:
    """Return a compiled library, made if need be; None if it can't be had.

    Args:
        name: of the C file in this folder.
        is_right: runs the library on a small example; what it finds wrong isn't used.
    """
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.environ.get("XSNS_COMPILE") == "0":
        return None
    try:
        compiled = ctypes.CDLL(str(_compile(compiler, FOLDER / f"{name}.c")))
        right = is_right(compiled)
    except (OSError, AttributeError, subprocess.CalledProcessError) as error:
        logger.debug("No compiled %s: %s", name, error)
        return None
    if not right:
        logger.warning("%s compiles %s.c to something wrong on this machine, so it isn't used.", compiler, name)
    return compiled if right else None


def _compile(compiler: str, source: Path) -> Path:
    """Compile for this very processor, unless that was done before and the file is still what it was then.

    The processor's name is part of the file's, since caches are shared between machines, and so is the hash of what the
    file holds: it is run, so nobody else may have made it or changed it since.
    """
    tuned = "-march=native" if platform.machine().lower() in {"x86_64", "amd64", "i686"} else "-mcpu=native"
    arguments = [compiler, *OPTIMISED, tuned]
    about = " ".join(arguments) + source.read_text(encoding="utf-8") + _processor()
    assets = cached_assets_path(library_name="xsns_hf", namespace="native", subfolder=platform.machine())
    folder = own_folder(assets)
    stem = f"{source.stem}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"
    for path in sorted(folder.glob(f"{stem}*.so")):
        if is_own(path) and path.name == _named(stem, path):
            return path
        remove(path)
    with tempfile.TemporaryDirectory(dir=folder) as unfinished:
        built = Path(unfinished) / "built.so"
        subprocess.run([*arguments, "-o", str(built), str(source)], check=True, capture_output=True, text=True)
        built.chmod(0o755)
        return built.replace(folder / _named(stem, built))


def _named(stem: str, library: Path) -> str:
    return f"{stem}-{sha256_of(library)[:32]}.so"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))
