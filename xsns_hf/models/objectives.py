"""Objectives p(y|x): how an example's text becomes a prediction task (§3 of the paper).

They are the pre-training objectives ℒ of the kinds of language model that there are:

- `mlm`, masked language modelling: an encoder restores masked tokens (BERT, XLM-R); the paper's default, with ratio
  0.15 as in pre-training (its footnote 3).
- `clm`, causal language modelling: a decoder predicts each token from those before it (GPT-2, BLOOM, Llama).
- `span`, span denoising: an encoder–decoder writes the spans that sentinels stand for (T5, mT5).
- `infilling`, text infilling: an encoder–decoder writes the whole sentence of which a mask token replaces spans (BART,
  mBART).

What is masked in an example depends on the seed, the language and the example's line number alone, so that it is the
same in any batch, in any order, on any device and with any number of processes.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

IGNORED = -100
"""Label of a position that isn't predicted, as in transformers and torch's cross-entropy."""


@dataclass(frozen=True)
class Encoded:
    """An example as the model sees it.

    Attributes:
        tokens: int64 [T], ids, some of them replaced where a language model is to restore them.
        labels: int64, the id or class where something is to be predicted, else `IGNORED`: [T], one for each token; or
            [U], one for each token of the decoder where there is one.
        decoder_tokens: int64 [U], what the decoder of an encoder–decoder has written so far; None for other models.
        line: number of the sentence, or the row, among the language's, from 0; None where it isn't from a corpus.
    """

    tokens: np.ndarray
    labels: np.ndarray
    decoder_tokens: np.ndarray | None = None
    line: int | None = None

    @property
    def length(self) -> int:
        """Tokens that the model sees, T + U."""
        return len(self.tokens) + (0 if self.decoder_tokens is None else len(self.decoder_tokens))


class Objective(Protocol):
    """What makes a prediction task of an example."""

    def corrupt(self, tokens: np.ndarray, special: np.ndarray, random: np.random.Generator) -> Encoded:
        """Return an example as the model is to see it, and what it is to predict.

        Args:
            tokens: int64 [T], the ids of the example with its special tokens.
            special: bool [T], true where a token is none of the text (`<s>`, `</s>`, a language's code, …).
            random: the example's own generator, see `example_generator`.
        """
        ...


def example_generator(seed: int, language: str, line: int) -> np.random.Generator:
    """Return the random numbers of one example: a function of (seed, language, line) and nothing else."""
    return np.random.default_rng([seed, zlib.crc32(language.encode()), line])


@dataclass(frozen=True)
class MaskedLanguageModelling:
    """BERT's masking: a share of the tokens is predicted; 80 % of it masked, 10 % random, 10 % left as it is.

    At least one token is predicted, since an example without any has no loss; none if every token is special.

    Attributes:
        mask_token: id of the mask token.
        vocabulary: number of ids that a random replacement is drawn from.
        ratio: share of the ordinary tokens that is predicted, in (0, 1).
    """

    mask_token: int
    vocabulary: int
    ratio: float = 0.15

    def corrupt(self, tokens: np.ndarray, special: np.ndarray, random: np.random.Generator) -> Encoded:
        """Mask one example; see `Objective`."""
        ordinary = np.flatnonzero(~special)
        labels = np.full_like(tokens, IGNORED)
        if ordinary.size == 0:
            return Encoded(tokens.copy(), labels)
        chosen = ordinary[random.random(ordinary.size) < self.ratio]
        if chosen.size == 0:
            chosen = random.choice(ordinary, size=1)
        labels[chosen] = tokens[chosen]
        fate = random.random(chosen.size)
        corrupted = tokens.copy()
        corrupted[chosen[fate < 0.8]] = self.mask_token
        replaced = chosen[(fate >= 0.8) & (fate < 0.9)]
        corrupted[replaced] = random.integers(self.vocabulary, size=replaced.size)
        return Encoded(corrupted, labels)


@dataclass(frozen=True)
class CausalLanguageModelling:
    """Every ordinary token but the very first is predicted from the tokens before it; nothing is masked."""

    def corrupt(self, tokens: np.ndarray, special: np.ndarray, random: np.random.Generator) -> Encoded:
        """Label each position with the token that follows; see `Objective`."""
        labels = np.full_like(tokens, IGNORED)
        labels[:-1] = np.where(special[1:], IGNORED, tokens[1:])
        return Encoded(tokens.copy(), labels)


@dataclass(frozen=True)
class SpanDenoising:
    """T5's denoising (Raffel et al. 2020): spans give way to sentinels, and the decoder writes sentinels and spans.

    Of the ordinary tokens `ratio` are dropped, at least one, in spans of `mean_span` tokens on average. All ways to lay
    the spans out with a token or more between them are equally likely. T5 itself always ends with a span; it cuts long
    texts anywhere, while here that would always be the end of a sentence.

    Attributes:
        sentinels: ids of `<extra_id_0>`, `<extra_id_1>`, …
        end: id of the token that ends input and output.
        start: id that the decoder begins with.
        ratio: share of the ordinary tokens that is dropped, in (0, 1).
        mean_span: tokens of a span, on average.
    """

    sentinels: Sequence[int]
    end: int
    start: int
    ratio: float = 0.15
    mean_span: float = 3.0

    def corrupt(self, tokens: np.ndarray, special: np.ndarray, random: np.random.Generator) -> Encoded:
        """Drop spans; special tokens are left out, but for the end; see `Objective`."""
        text = tokens[~special]
        dropped = max(1, round(text.size * self.ratio))
        kept = text.size - dropped
        spans = min(max(1, round(dropped / self.mean_span)), dropped, kept + 1, len(self.sentinels) - 1)
        lengths = _parts(dropped, spans, random)
        # Between two spans there is a token at least, before the first and after the last there may be none.
        gaps = _parts(kept + 2, spans + 1, random)
        gaps[[0, -1]] -= 1
        source, target, at = [], [], 0
        for sentinel, gap, length in zip(self.sentinels, gaps, lengths, strict=False):
            source += [*text[at : at + gap], sentinel]
            target += [sentinel, *text[at + gap : at + gap + length]]
            at += gap + length
        if at < text.size:
            source += list(text[at:])
            target.append(self.sentinels[spans])
        labels = np.array([*target, self.end], np.int64)
        return Encoded(np.array([*source, self.end], np.int64), labels, shifted(labels, self.start))


@dataclass(frozen=True)
class TextInfilling:
    """BART's infilling (Lewis et al. 2020): a mask token replaces each span, and the decoder writes the whole sentence.

    Spans have lengths of a Poisson distribution, those of none aside, until `ratio` of the ordinary tokens are masked.

    Attributes:
        mask_token: id of the mask token.
        start: id that the decoder begins with; by default the last token of the example, as in mBART.
        ratio: share of the ordinary tokens that is masked, in (0, 1).
        mean_span: mean of the Poisson distribution.
    """

    mask_token: int
    start: int | None = None
    ratio: float = 0.15
    mean_span: float = 3.5

    def corrupt(self, tokens: np.ndarray, special: np.ndarray, random: np.random.Generator) -> Encoded:
        """Mask spans; all tokens of the sentence are predicted, special ones too; see `Objective`."""
        ordinary = np.flatnonzero(~special)
        masked = np.zeros(tokens.size, bool)
        missing = max(1, round(ordinary.size * self.ratio)) if ordinary.size else 0
        while missing > 0:
            length = min(max(1, random.poisson(self.mean_span)), missing)
            first = random.integers(ordinary.size)
            span = ordinary[first : first + length]
            missing -= int(np.count_nonzero(~masked[span]))
            masked[span] = True
        begins = masked & ~np.r_[False, masked[:-1]]
        corrupted = np.where(masked, self.mask_token, tokens)[~masked | begins]
        start = tokens[-1] if self.start is None else self.start
        return Encoded(corrupted, tokens.copy(), shifted(tokens, start))


def shifted(labels: np.ndarray, start: int) -> np.ndarray:
    """Return what a decoder has written before each label, int64 [U]: the start, then all labels but the last."""
    return np.r_[start, labels[:-1]].astype(np.int64)


def _parts(total: int, number: int, random: np.random.Generator) -> np.ndarray:
    """Cut a total into so many parts of at least 1, all ways equally likely: int64 [number]."""
    cuts = np.sort(random.choice(total - 1, number - 1, replace=False)) + 1
    return np.diff(np.r_[0, cuts, total])
