"""Objectives p(y|x): how an example's text becomes a prediction task (§3 of the paper).

Masked language modelling is the paper's default (its footnote 3: ratio 0.15, as in pre-training). What is
masked in an example depends on the seed, the language and the example's line number alone, so that it is the
same in any batch, in any order, on any device and with any number of processes.
"""

import zlib
from dataclasses import dataclass

import numpy as np

IGNORED = -100
"""Label of a position that isn't predicted, as in transformers and torch's cross-entropy."""


def example_generator(seed: int, language: str, line: int) -> np.random.Generator:
    """Return the random numbers of one example: a function of (seed, language, line) and nothing else."""
    return np.random.default_rng([seed, zlib.crc32(language.encode()), line])


@dataclass(frozen=True)
class MaskedLanguageModelling:
    """BERT's masking: a share of the tokens is predicted; 80 % of it masked, 10 % random, 10 % left as it is.

    Attributes:
        mask_token: id of the mask token.
        vocabulary: number of ids that a random replacement is drawn from.
        ratio: share of the ordinary tokens that is predicted, in (0, 1).
    """

    mask_token: int
    vocabulary: int
    ratio: float = 0.15

    def corrupt(
        self, tokens: np.ndarray, special: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mask one example.

        Args:
            tokens: int64 [T], the ids of the example with its special tokens.
            special: bool [T], true where a token must never be masked (`<s>`, `</s>`, …).
            random: the example's own generator, see `example_generator`.

        Returns:
            The corrupted ids, int64 [T], and the labels, int64 [T]: the original id where it is to be
            predicted, `IGNORED` elsewhere. At least one token is predicted, since an example without
            any has no loss; none if every token is special.
        """
        ordinary = np.flatnonzero(~special)
        labels = np.full_like(tokens, IGNORED)
        if ordinary.size == 0:
            return tokens.copy(), labels
        chosen = ordinary[random.random(ordinary.size) < self.ratio]
        if chosen.size == 0:
            chosen = random.choice(ordinary, size=1)
        labels[chosen] = tokens[chosen]
        fate = random.random(chosen.size)
        corrupted = tokens.copy()
        corrupted[chosen[fate < 0.8]] = self.mask_token
        replaced = chosen[(fate >= 0.8) & (fate < 0.9)]
        corrupted[replaced] = random.integers(self.vocabulary, size=replaced.size)
        return corrupted, labels
