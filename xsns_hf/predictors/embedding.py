"""EMB: cosine of two languages' mean hidden states (Muller et al. 2023; appendix B)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from xsns_hf.errors import XsnsError
from xsns_hf.models.loading import Checkpoint, load_checkpoint
from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.text.corpus import Corpus, draw

BATCH = 16
"""Sentences that run through the model together."""

MAX_LENGTH = 128
"""Longest sentence in tokens, as in recipes; what is longer is cut."""


class Embedding(Predictor):
    """Cosine similarity of languages' mean embeddings in one layer of the checkpoint.

    An embedding is the mean of a sentence's token embeddings, special tokens left out; a language's is the mean of
    those of |D| sentences, or of all that it has. They are kept, so that each language runs through the model once.
    """

    name = "embedding"
    about = "cosine of mean sentence embeddings in the checkpoint (Muller et al. 2023)"
    needs = ("text", "model")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self.corpus = cast(Corpus, inputs.text)
        self._means: dict[tuple[str, int], np.ndarray] = {}

    @property
    def seeds(self) -> Sequence[int]:
        """Numbers of the samples of text."""
        return self.inputs.seeds

    @property
    def revision(self) -> str:
        """Commit sha or content hash of the checkpoint, as recipes have it.

        Raises:
            XsnsError: the model can't be loaded or lacks the layer.
        """
        return self._checkpoint.revision

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        """The checkpoint without a head, which has the layer that is wanted."""
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

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the cosines, in [−1, 1].

        Raises:
            XsnsError: the model can't be loaded or lacks the layer, or text can't be read.
        """
        codes = [code for code in dict.fromkeys([*targets, *sources]) if code in self.corpus.languages]
        for code in tqdm([code for code in codes if (code, seed) not in self._means], "embed", leave=False):
            self._means[code, seed] = self._mean(code, seed)
        means = [self._means[code, seed] for code in codes]
        units = np.array([mean / np.linalg.norm(mean) for mean in means]).reshape(len(codes), -1 if codes else 0)
        return pd.DataFrame(units @ units.T, codes, codes).reindex(index=list(targets), columns=list(sources))

    def _mean(self, language: str, seed: int) -> np.ndarray:
        """Return the mean embedding of a language's sentences, float64 [H]; NaN if none has an ordinary token."""
        checkpoint = self._checkpoint
        sentences = [example.text for example in draw(self.corpus, language, self.inputs.examples, seed)]
        encoded = checkpoint.tokenizer(
            sentences,
            truncation=True,
            max_length=min(MAX_LENGTH, checkpoint.positions),
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        pairs = zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
        usable = sorted((pair for pair in pairs if 0 in pair[1]), key=lambda pair: len(pair[0]))
        batches = [usable[start : start + self._together] for start in range(0, len(usable), self._together)]
        total = torch.zeros(checkpoint.body.config.hidden_size, dtype=torch.float64)
        for batch in batches:
            total += self._embeddings(batch).sum(dim=0)
        return (total / len(usable)).numpy()  # 0 / 0 is NaN

    @torch.inference_mode()
    def _embeddings(self, batch: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
        """Return the mean-pooled hidden states of B sentences, float64 [B, H].

        Args:
            batch: the ids of each sentence, and a 1 for each of them that is special.
        """
        body, padding = self._checkpoint.body, self._checkpoint.padding
        tokens, special, attended = (
            pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=filler).to(body.device)
            for rows, filler in (
                ([ids for ids, _ in batch], padding),
                ([special for _, special in batch], 1),
                ([[1] * len(ids) for ids, _ in batch], 0),
            )
        )
        states = body(input_ids=tokens, attention_mask=attended, output_hidden_states=True).hidden_states
        ordinary = (1 - special)[..., None].double()
        return ((states[self.inputs.layer].double() * ordinary).sum(dim=1) / ordinary.sum(dim=1)).cpu()
