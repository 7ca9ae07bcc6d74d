"""Masked-LM heads for encoders that ship none (E5, BGE-M3, LaBSE, sentence-transformers), and their files.

A tied head needs no fitting: the logits are the last hidden states times the word embeddings. A fitted head
adds what a masked-LM head has before that product; `head_fitting.py` fits it.
"""

import os
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from xsns_hf.errors import Incompatible, XsnsError
from xsns_hf.models.head_files import REMEDY, read_head

_SAMPLED_ROWS = 16  # of the word embeddings, kept in a head's file


class TiedHead(nn.Module):
    """Logits by the word embeddings alone: hidden · Eᵀ. It has no parameters of its own.

    Args:
        word_embeddings: the encoder's input embeddings, [V, H].
    """

    bias: Tensor | None

    def __init__(self, word_embeddings: nn.Embedding):
        super().__init__()
        # In a tuple, so that the embeddings stay the encoder's: not counted, saved or moved twice.
        self._tied = (word_embeddings,)
        self.register_buffer("bias", None)

    @property
    def word_embeddings(self) -> nn.Embedding:
        """The encoder's own input embeddings, [V, H]."""
        return self._tied[0]

    def features(self, hidden: Tensor) -> Tensor:
        """Return what is multiplied by the word embeddings, [N, H]."""
        return hidden

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits.

        Args:
            hidden: last hidden states, [N, H].

        Returns:
            Logits over the whole vocabulary, [N, V].

        Raises:
            XsnsError: if the hidden states and the word embeddings differ in width.
        """
        check_width(self.word_embeddings, hidden.shape[-1])
        weight = self.word_embeddings.weight
        return F.linear(self.features(hidden.to(weight.device)), weight, self.bias)


class FittedHead(TiedHead):
    """A masked-LM head: dense, GELU, LayerNorm, a decoder tied to the word embeddings, a bias per token.

    The biases [V] are a buffer: they are the log frequencies of the text, which training hardly improves.

    Args:
        word_embeddings: the encoder's input embeddings, [V, H].
    """

    bias: Tensor

    def __init__(self, word_embeddings: nn.Embedding):
        super().__init__(word_embeddings)
        vocabulary, width = word_embeddings.weight.shape
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.register_buffer("bias", torch.zeros(vocabulary))

    def features(self, hidden: Tensor) -> Tensor:
        """Return what is multiplied by the word embeddings, [N, H]."""
        return self.norm(F.gelu(self.dense(hidden)))


def save_head(head: FittedHead, path: Path, metadata: dict[str, str]) -> None:
    """Write a head in safetensors: the bias in float16, the rest in float32; whole or not at all.

    A few rows of the word embeddings go along, so that `load_head` knows the checkpoint again.

    Args:
        head: the head.
        path: the file to write; its folder is made.
        metadata: where the head comes from: "revision" (of the checkpoint), "steps", "seed", "tokens", "corpus".
    """
    tensors = {name: value.detach().float().cpu() for name, value in head.state_dict().items()}
    tensors["bias"] = tensors["bias"].half()
    tensors["embedding_rows"] = _embedding_rows(head.word_embeddings)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(save(tensors, metadata))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def load_head(path: Path, word_embeddings: nn.Embedding, revision: str | None = None) -> FittedHead:
    """Read a head and tie it to an encoder's word embeddings.

    Args:
        path: a file of `save_head`.
        word_embeddings: the encoder's input embeddings, [V, H].
        revision: the checkpoint's revision, compared with the head's; None leaves that out.

    Returns:
        The head, in evaluation mode and frozen, on the device and in the dtype of the word embeddings.

    Raises:
        XsnsError: if the file is missing or damaged, or the head was fitted for another checkpoint.
    """
    metadata, tensors = read_head(path, "pt")
    head = FittedHead(word_embeddings)
    rows = tensors.pop("embedding_rows", torch.empty(0))
    shapes = {name: value.shape for name, value in tensors.items()}
    if shapes != {name: value.shape for name, value in head.state_dict().items()} or not _same_rows(
        rows, _embedding_rows(word_embeddings)
    ):
        raise Incompatible(f"The head {path} was fitted for another checkpoint: {REMEDY}.")
    if revision is not None and metadata.get("revision") != revision:
        raise Incompatible(
            f"The head {path} was fitted for revision {metadata.get('revision')} of the checkpoint, "
            f"not {revision}: {REMEDY}."
        )
    head.load_state_dict(tensors)
    return head.to(word_embeddings.weight).requires_grad_(False).eval()


def head_metadata(path: Path) -> dict[str, str]:
    """Return what `save_head` was told about a head.

    Args:
        path: a file of `save_head`.

    Raises:
        XsnsError: if the file is missing or damaged.
    """
    return read_head(path, "pt")[0]


def check_width(word_embeddings: nn.Embedding, width: int) -> None:
    """Check that a head for hidden states of some width can be tied to the word embeddings.

    Args:
        word_embeddings: the encoder's input embeddings, [V, H].
        width: of the hidden states.

    Raises:
        XsnsError: if it isn't H.
    """
    if width != word_embeddings.embedding_dim:
        raise XsnsError(
            f"The hidden states are {width} wide and the word embeddings {word_embeddings.embedding_dim}, so no "
            "head can be tied to them: use a checkpoint that ships its own head."
        )


def _embedding_rows(word_embeddings: nn.Embedding) -> Tensor:
    """Return evenly spaced rows of the word embeddings, float16 [up to 16, H]."""
    weight = word_embeddings.weight.detach()
    rows = torch.linspace(0, len(weight) - 1, _SAMPLED_ROWS).long()
    return weight[rows.to(weight.device)].half().cpu()


def _same_rows(saved: Tensor, present: Tensor) -> bool:
    """Compare with room for a model that was loaded in bfloat16 (8 bits of precision)."""
    return saved.shape == present.shape and torch.allclose(saved.float(), present.float(), 0.02, 1e-4)
