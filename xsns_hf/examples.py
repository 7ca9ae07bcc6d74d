"""Examples for the model: drawn, tokenized and masked."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsns_hf.checkpoints import Checkpoint
from xsns_hf.corpora import Corpus, Example, draw
from xsns_hf.errors import XsnsError
from xsns_hf.languages import name
from xsns_hf.objectives import MaskedLanguageModelling, example_generator
from xsns_hf.recipes import Recipe

FEWEST_TOKENS = 5
"""Ordinary tokens that an example needs. Gradients of shorter ones can be freaks: of 146 Ukrainian sentences, a single
one of three tokens made up 57 % of the Fisher information (embedded checkpoint, tied head), and so the whole mask."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoded:
    """An example as the model sees it.

    Attributes:
        tokens: int64 [T], ids, some of them replaced where a language model is to restore them.
        labels: int64 [T], the id or class where something is to be predicted, else `objectives.IGNORED`.
    """

    tokens: np.ndarray
    labels: np.ndarray


def masked_examples(
    checkpoint: Checkpoint, corpus: Corpus, recipe: Recipe, language: str, seed: int, *, quiet: bool = False
) -> list[Encoded]:
    """Draw, tokenize and mask the first |D| examples that are long enough.

    Args:
        checkpoint: whose tokenizer to use.
        corpus: where the language's sentences are.
        recipe: how many examples, how long, how much of them masked.
        language: canonical code.
        seed: of the draw and the masking.
        quiet: don't warn if there are fewer than asked for.

    Raises:
        XsnsError: no usable text.
    """
    examples = _masked(checkpoint, draw(corpus, language, sys.maxsize, seed), recipe, language, seed)
    if not examples:
        raise XsnsError(
            f"No sentence of {name(language)} ({language}) in {corpus.name} has {FEWEST_TOKENS} tokens or more: "
            "give longer sentences."
        )
    if len(examples) < recipe.examples and not quiet:
        logger.warning(
            "%s (%s) has %d sentences of %d tokens or more in %s, fewer than |D| = %d: all of them are used.",
            *(name(language), language, len(examples), FEWEST_TOKENS, corpus.name, recipe.examples),
        )
    return examples


def _masked(
    checkpoint: Checkpoint, drawn: Sequence[Example], recipe: Recipe, language: str, seed: int
) -> list[Encoded]:
    tokenizer = checkpoint.tokenizer
    objective = MaskedLanguageModelling(tokenizer.mask_token_id, len(tokenizer), recipe.masking)
    masked: list[Encoded] = []
    for start in range(0, len(drawn), recipe.examples):
        some = drawn[start : start + recipe.examples]
        encoded = tokenizer(
            [example.text for example in some],
            truncation=True,
            max_length=min(recipe.max_length, checkpoint.positions),
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        for example, tokens, special in zip(some, encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
            if special.count(0) < FEWEST_TOKENS:
                continue
            random = example_generator(seed, language, example.line)
            masked.append(Encoded(*objective.corrupt(np.array(tokens), np.array(special, bool), random)))
            if len(masked) == recipe.examples:
                return masked
    return masked
