"""A process that extracts a share of the languages, as one of several workers at once."""

import os
import tempfile
from collections.abc import Sequence

import accelerate  # noqa: F401 (what takes seconds to import, once for all workers)
import transformers  # noqa: F401
from huggingface_hub import constants
from typer.testing import CliRunner

from xsns_hf.cli import app
from xsns_hf.extraction import build  # noqa: F401


def extracted(arguments: Sequence[str], token: str) -> str:
    """Run `xsns extract` with a cache of its own, as on a machine of its own; return what it said, and how it ended."""
    constants.HF_HUB_CACHE = tempfile.mkdtemp(prefix="share-worker-")
    os.environ["HF_TOKEN"] = token
    done = CliRunner().invoke(app, ["extract", *arguments, "--processes", "1"])
    return f"{done.output}\n{done.exception!r} {done.exit_code}"
