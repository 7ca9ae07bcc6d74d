"""Masked sentences in batches, for fitting a head: endless ones to fit on, and fixed ones to evaluate with."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

from xsns_hf.errors import TextError, XsnsError
from xsns_hf.models.objectives import IGNORED, MaskedLanguageModelling, example_generator

POOL = 16
"""Batches that are drawn together and sorted by length."""

_FEWEST_SENTENCES = 10
_MOST_HELD_OUT = 40  # sentences a language
_BATCH = 32

_Masked = tuple[np.ndarray, np.ndarray, str]
"""Tokens and labels of an example, and its language."""


@dataclass(frozen=True)
class Batch:
    """Masked examples, padded at the end.

    Attributes:
        tokens: int64 [B, T], some of them masked.
        attended: int64 [B, T], 0 where padded.
        labels: int64 [B, T], what is to be predicted there, or `IGNORED`.
        languages: of each example.
    """

    tokens: Tensor
    attended: Tensor
    labels: Tensor
    languages: list[str]


@dataclass(frozen=True)
class MaskedText:
    """Tokenised sentences by language, int64 [T] each, and how they are masked.

    Attributes:
        fitting: the sentences to fit on.
        held_out: those to evaluate with.
        special: ids of the special tokens, which are never masked.
        masking: which of the others are.
        seed: of everything random.
    """

    fitting: dict[str, list[np.ndarray]]
    held_out: dict[str, list[np.ndarray]]
    special: np.ndarray
    masking: MaskedLanguageModelling
    seed: int

    def log_frequencies(self, vocabulary: int) -> Tensor:
        """Return the log share of each token, float32 [vocabulary]: every language counts alike, half a token added."""
        shares, total = np.zeros(vocabulary), 0
        for sentences in self.fitting.values():
            counts = np.bincount(np.concatenate(sentences), minlength=vocabulary).astype(float)
            counts[self.special] = 0
            shares += counts / counts.sum() / len(self.fitting)
            total += counts.sum()
        return torch.from_numpy(np.log((shares * total + 0.5) / (total + 0.5 * vocabulary))).float()

    def fitting_batches(self) -> Iterator[Batch]:
        """Yield batches without end: the languages in turn, sentences of like length together."""
        languages = sorted(self.fitting)
        size = _BATCH * POOL
        for pool in itertools.count():
            random = np.random.default_rng([self.seed, 1, pool])
            drawn = []
            for number in range(pool * size, (pool + 1) * size):
                language = languages[number % len(languages)]
                sentences = self.fitting[language]
                tokens = sentences[random.integers(len(sentences))]
                drawn.append(self._masked(tokens, language, random))
            batches = _collated(drawn)
            for index in random.permutation(len(batches)):
                yield batches[index]

    def held_out_batches(self) -> list[Batch]:
        """Return the held-out sentences, masked in the same way each time."""
        return _collated(
            [
                self._masked(tokens, language, example_generator(self.seed, language, line))
                for language, sentences in self.held_out.items()
                for line, tokens in enumerate(sentences)
            ]
        )

    def _masked(self, tokens: np.ndarray, language: str, random: np.random.Generator) -> _Masked:
        example = self.masking.corrupt(tokens, np.isin(tokens, self.special), random)
        return example.tokens, example.labels, language


def masked_text(
    tokenizer: PreTrainedTokenizerBase, texts: dict[str, list[str]], max_length: int, seed: int
) -> MaskedText:
    """Tokenise every different sentence and set some of each language aside.

    Args:
        tokenizer: with a mask token.
        texts: sentences by language.
        max_length: sentences are cut at this many tokens.
        seed: of everything random.

    Raises:
        XsnsError: no mask token, no text, or a language with fewer than ten different sentences.
    """
    if tokenizer.mask_token_id is None:
        raise XsnsError("The tokenizer has no mask token, so no masked-LM head can be fitted: use an encoder.")
    if not texts:
        raise TextError("There is no text to fit a head on: give at least one language.")
    special = np.array(tokenizer.all_special_ids)
    fitting, held_out = {}, {}
    for language, sentences in sorted(texts.items()):
        encoded = tokenizer(list(dict.fromkeys(sentences)), truncation=True, max_length=max_length)["input_ids"]
        examples = [np.array(tokens) for tokens in encoded if not np.isin(tokens, special).all()]
        if len(examples) < _FEWEST_SENTENCES:
            raise TextError(
                f"The text for {language} has {len(examples)} different sentences, too few to fit a head on: "
                f"give {_FEWEST_SENTENCES} or more, or leave the language out."
            )
        count = min(max(len(examples) // 20, 3), _MOST_HELD_OUT)
        order = example_generator(seed, language, 0).permutation(len(examples))
        held_out[language] = [examples[index] for index in order[:count]]
        fitting[language] = [examples[index] for index in order[count:]]
    masking = MaskedLanguageModelling(cast(int, tokenizer.mask_token_id), len(tokenizer))
    return MaskedText(fitting, held_out, special, masking, seed)


def _collated(examples: list[_Masked]) -> list[Batch]:
    """Make batches of masked examples, sorted by length."""
    examples = sorted(examples, key=lambda example: len(example[0]))
    batches = []
    for start in range(0, len(examples), _BATCH):
        tokens, labels, languages = zip(*examples[start : start + _BATCH], strict=True)
        attended = [np.ones_like(row) for row in tokens]
        batches.append(Batch(_padded(tokens, 0), _padded(attended, 0), _padded(labels, IGNORED), list(languages)))
    return batches


def _padded(rows: Sequence[np.ndarray], value: int) -> Tensor:
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True, padding_value=value)
