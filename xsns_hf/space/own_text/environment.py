"""What the worker gets of the page's environment: by a list of names, so that no secret of the page is among it.

A Space's secrets are variables of its page's environment. The worker reads a stranger's text and a checkpoint that
others made, and needs none of them.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

MORE = "XSNS_WORKER_ENV"
"""The variable in which whoever runs the page names more to be passed on, with commas: `HF_TOKEN`, for a checkpoint
that is private or gated."""

TOKEN = "HF_TOKEN"

_NAMES = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_(ALL|CTYPE|COLLATE|MESSAGES|NUMERIC|TIME)"
    "|TMPDIR|TEMP|TMP"  # any process
    "|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA"  # one on Windows
    "|PYTHONPATH|PYTHONHOME|PYTHONUTF8|PYTHONIOENCODING|PYTHONHASHSEED|PYTHONDONTWRITEBYTECODE|VIRTUAL_ENV"
    "|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|CC|XSNS_COMPILE"
    "|XDG_CACHE_HOME|HF_HOME|(HF|HUGGINGFACE)_[A-Z]+_CACHE|TRANSFORMERS_CACHE|TORCH_HOME"
    "|HF_ENDPOINT|(HF|TRANSFORMERS)_([A-Z]+_)?OFFLINE|HF_HUB_DISABLE_(XET|TELEMETRY|PROGRESS_BARS|SYMLINKS|SYMLINKS_WARNING|IMPLICIT_TOKEN)|HF_HUB_[A-Z]+_TIMEOUT|DO_NOT_TRACK"
    "|(HTTP|HTTPS|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE"
    "|(OMP|MKL|OPENBLAS|NUMEXPR|RAYON|TORCH)_NUM_THREADS|TOKENIZERS_PARALLELISM|KMP_(AFFINITY|BLOCKTIME)"
    "|(CUDA|NVIDIA|HIP|ROCR)_VISIBLE_DEVICES|CUDA_HOME|TRITON_(CACHE_DIR|INTERPRET)",
    re.IGNORECASE,
)
"""Where programs, libraries, caches and the Hub are, how many threads to use, and in which language to speak."""

_ZERO_GPU = re.compile("SPACES?_|ZERO|CUDA_|NVIDIA_|TORCH")
"""Variables by which a process on ZeroGPU gets its GPU."""

_PASSWORD = re.compile(r"\w+://[^/\s]*@")
"""The beginning of an address that names a user or a password, as that of a proxy may."""

_HERE = Path(__file__).parents[3]
"""Where this package is."""


def environment(page: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a worker, in which it finds this package where the page did.

    Without `HF_TOKEN` among the names in `XSNS_WORKER_ENV` it also makes no use of a token that `hf auth login` stored.

    Args:
        page: the page's environment; by default that of this process.
    """
    page = os.environ if page is None else page
    more = re.findall(r"[^,\s]+", page.get(MORE, ""))
    passed = {name: value for name, value in page.items() if name in more or is_harmless(name, value)}
    if TOKEN not in more:
        passed |= {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_TOKEN_PATH": os.devnull}
    return with_package(passed)


def with_package(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a process finds this package where this one did."""
    paths = [str(_HERE), variables.get("PYTHONPATH", "")]
    return {**variables, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def forget_secrets() -> None:
    """Remove from this process's environment what a worker isn't given."""
    passed = environment()
    for name in os.environ.keys() - passed.keys():
        if not _ZERO_GPU.match(name):
            del os.environ[name]
    os.environ.update(passed)


def is_harmless(name: str, value: str) -> bool:
    """Return whether a variable is passed on without being asked for."""
    return _NAMES.fullmatch(name) is not None and not _PASSWORD.match(value)
