"""Files of fitted heads: where they are, and which head one holds. Needs no torch."""

import hashlib
import re
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import cached_assets_path

from xsns_hf.errors import Damaged, XsnsError, parameter
from xsns_hf.models.embedded import EMBEDDED_REVISION

_PACKAGED_HEAD = Path(__file__).parents[1] / "assets" / "embedded_head.safetensors"
REMEDY = f"fit one with `xsns fit-head --model MODEL --text DIR`, or use {parameter('head', 'tied')}"


def fitted_head_path(revision: str) -> Path:
    """Return where in the cache the head fitted for a checkpoint is kept, whether or not it is there.

    Args:
        revision: the checkpoint's commit sha or content hash.
    """
    folder = cached_assets_path(library_name="xsns_hf", namespace="heads", subfolder="fitted")
    return folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', revision)}.safetensors"


def find_head(revision: str) -> Path:
    """Return the head to use for a checkpoint: the user's own fit, else the packaged one if it is embedded.

    Args:
        revision: the checkpoint's commit sha or content hash.

    Raises:
        XsnsError: if no head has been fitted for the checkpoint.
    """
    path = fitted_head_path(revision)
    if not path.exists() and revision == EMBEDDED_REVISION:
        path = _PACKAGED_HEAD
    if not path.exists():
        raise XsnsError(f"No head has been fitted for revision {revision} of the checkpoint: {REMEDY}.")
    return path


def head_fingerprint(path: Path) -> str:
    """Return 12 hex digits that stand for the head's weights (not for the file's bytes or metadata).

    Args:
        path: a file of `heads.save_head`.

    Raises:
        XsnsError: if the file is missing or damaged.
    """
    digest = hashlib.sha256()
    for name, value in sorted(read_head(path, "np")[1].items()):
        digest.update(f"{name} torch.{value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:12]


def read_head(path: Path, framework: Literal["pt", "np"]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the metadata of a head and its tensors, as torch (`pt`) or numpy (`np`) has them.

    Raises:
        XsnsError: if the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise XsnsError(f"There is no fitted head at {path}: {REMEDY}.") from error
    except SafetensorError as error:
        raise Damaged(f"The fitted head {path} is damaged ({error}): {REMEDY}.") from error
