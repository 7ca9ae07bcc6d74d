"""A process that pushes masks again and again, as one of many at once; free of what only tests need."""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
from huggingface_hub import constants

from xsns_hf.dataset import heat_map
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.sharing import push
from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.recipe import Recipe

LAYOUT = ParameterLayout.of([("block.0.weight", (24, 16)), ("block.0.bias", (7,))])


def recipe_of(group: int) -> Recipe:
    return Recipe("tiny", "abc123", "pretrained", f"text{group}", examples=40)


def mask_of(language: str) -> SubNetwork:
    seed = int(hashlib.sha256(language.encode()).hexdigest()[:8], 16)
    return select(np.random.default_rng(seed).random(LAYOUT.size, dtype=np.float32), LAYOUT, 0.15)


def record_of(group: int, language: str) -> MaskRecord:
    origin = {"examples": 40, "loss": 3.2, "corpus_revision": "text-hash", "licence": "CC-BY-SA-4.0"}
    return MaskRecord(recipe_of(group), language, 0, mask_of(language), **origin)


@functools.cache
def apart() -> None:
    """Use a cache of one's own, as on a machine of one's own, and a picture that costs nothing."""
    constants.HF_HUB_CACHE = tempfile.mkdtemp(prefix="pusher-")
    heat_map.heat_map = lambda *_: b"\x89PNG"


def pushed(where: str, token: str, group: int, language: str, *, create: bool = False) -> str | None:
    """Push a language; return None if that ended well, else what was said.

    Raises:
        Exception: anything other than the one sentence that a user may see.
    """
    apart()
    os.environ["HF_TOKEN"] = token
    with tempfile.TemporaryDirectory() as folder:
        local = MaskRepository(Path(folder) / "masks", create=True)
        local.add([record_of(group, language)])
        try:
            push(local, MaskRepository(where, create=create))
        except XsnsError as error:
            return str(error)
    return None
