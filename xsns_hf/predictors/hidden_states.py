"""Hidden states of one layer of a checkpoint, which predictors compare languages by.

Here as in all predictors, torch is imported when a model is asked for: most need none, and it takes seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from xsns_hf.errors import XsnsError
from xsns_hf.predictors.base import Inputs
from xsns_hf.text.corpus import Corpus, draw

if TYPE_CHECKING:
    import torch

    from xsns_hf.models.loading import Checkpoint

BATCH = 16
"""Sentences that run through the model together."""

MAX_LENGTH = 128
"""Longest sentence in tokens, as in recipes; what is longer is cut."""


class HiddenStates:
    """The hidden states of the sentences of a corpus. The model is loaded when the first are asked for."""

    def __init__(self, inputs: Inputs):
        """Take what is needed.

        Args:
            inputs: whose text, model, examples and layer count.
        """
        self.inputs = inputs
        self.corpus = cast(Corpus, inputs.text)

    @cached_property
    def checkpoint(self) -> "Checkpoint":
        """The checkpoint without a head, which has the layer that is wanted.

        Raises:
            XsnsError: the model can't be loaded or lacks the layer.
        """
        import torch

        from xsns_hf.models.loading import load_checkpoint

        checkpoint = load_checkpoint(self.inputs.model, head="random")
        self._together = BATCH if checkpoint.batched else 1
        if checkpoint.body.config.is_encoder_decoder:
            checkpoint = replace(checkpoint, body=checkpoint.body.get_encoder())
        last = checkpoint.body.config.num_hidden_layers
        if not -last - 1 <= self.inputs.layer <= last:
            raise XsnsError(
                f"{self.inputs.model} has no layer {self.inputs.layer}: use 0 (the embeddings) to {last}, "
                f"or −1 (the last) to −{last + 1}."
            )
        checkpoint.body.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        return checkpoint

    @property
    def width(self) -> int:
        """H, the length of a hidden state."""
        return self.checkpoint.body.config.hidden_size

    def batches(self, language: str, seed: int) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Run |D| sentences of a language through the model, or all that it has, the shortest first.

        Sentences without an ordinary token are left out.

        Yields:
            Of B sentences, the hidden states, float [B, T, H], and which of them are those of ordinary tokens, neither
            special nor padding, bool [B, T].

        Raises:
            XsnsError: the model can't be loaded or lacks the layer, or text can't be read.
        """
        checkpoint = self.checkpoint
        encoded = checkpoint.tokenizer(
            [example.text for example in draw(self.corpus, language, self.inputs.examples, seed)],
            truncation=True,
            max_length=min(MAX_LENGTH, checkpoint.positions),
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        pairs = zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
        usable = sorted((pair for pair in pairs if 0 in pair[1]), key=lambda pair: len(pair[0]))
        for start in range(0, len(usable), self._together):
            yield self._run(usable[start : start + self._together])

    def _run(self, batch: Sequence[tuple[list[int], list[int]]]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the hidden states of a batch and which are of ordinary tokens, see `batches`.

        Args:
            batch: the ids of each sentence, and a 1 for each of them that is special.
        """
        import torch
        from torch.nn.utils.rnn import pad_sequence

        body, padding = self.checkpoint.body, self.checkpoint.padding
        tokens, special, attended = (
            pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=filler).to(body.device)
            for rows, filler in (
                ([ids for ids, _ in batch], padding),
                ([special for _, special in batch], 1),
                ([[1] * len(ids) for ids, _ in batch], 0),
            )
        )
        with torch.inference_mode():
            states = body(input_ids=tokens, attention_mask=attended, output_hidden_states=True).hidden_states
        return states[self.inputs.layer], special == 0
