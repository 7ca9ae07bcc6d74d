"""A process that extracts a share of the languages, as one of several workers at once."""

import os
import tempfile
from collections.abc import Sequence

from huggingface_hub import constants
from typer.testing import CliRunner

from xsns_hf.cli import app
from xsns_hf.dataset import heat_map

SLOW_TO_IMPORT = ["datasets", "transformers.models.xlm_roberta.modeling_xlm_roberta", "xsns_hf.extraction.build"]
"""What a server of processes imports once for all of them; it doesn't find what lies among the tests."""


def extracted(arguments: Sequence[str], token: str) -> str:
    """Run `xsns extract` with a cache of its own, as on a machine of its own, and a picture that costs nothing; return
    what it said, and how it ended.
    """
    heat_map.heat_map = lambda *_: b"\x89PNG"
    constants.HF_HUB_CACHE = tempfile.mkdtemp(prefix="share-worker-")
    os.environ["HF_TOKEN"] = token
    done = CliRunner().invoke(app, ["extract", *arguments, "--processes", "1"])
    return f"{done.output}\n{done.exception!r} {done.exit_code}"
