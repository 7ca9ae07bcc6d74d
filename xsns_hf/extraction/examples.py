"""Examples for the model: drawn, tokenized and made into the objective's task."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsns_hf.errors import TextError
from xsns_hf.languages.codes import name
from xsns_hf.models.kinds import make_objective, marked_as
from xsns_hf.models.loading import Checkpoint
from xsns_hf.models.objectives import Encoded, example_generator
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus, Example, draw

FEWEST_TOKENS = 5
"""Ordinary tokens that an example needs. Gradients of shorter ones can be freaks: of 146 Ukrainian sentences, a single
one of three tokens made up 57 % of the Fisher information (embedded checkpoint, tied head), and so the whole mask."""

logger = logging.getLogger(__name__)


def text_examples(
    checkpoint: Checkpoint, corpus: Corpus, recipe: Recipe, language: str, seed: int, *, quiet: bool = False
) -> list[Encoded]:
    """Draw and tokenize the first |D| examples that are long enough, and corrupt them as the objective does.

    Args:
        checkpoint: whose tokenizer to use.
        corpus: where the language's sentences are.
        recipe: which objective, how many examples, how long, how much of them masked.
        language: canonical code.
        seed: of the draw and the masking.
        quiet: don't warn of what makes the mask doubtful.

    Raises:
        XsnsError: no usable text.
    """
    with marked_as(checkpoint.tokenizer, language) as known:
        if not known and not quiet:
            logger.warning(
                "%s has no code for %s (%s): its text is marked as %s.",
                *(checkpoint.name, name(language), language, checkpoint.tokenizer.src_lang),
            )
        examples = _encoded(checkpoint, draw(corpus, language, sys.maxsize, seed), recipe, language, seed)
    if not examples:
        raise TextError(
            f"No sentence in {corpus.place(language)} has {FEWEST_TOKENS} tokens or more: give longer ones."
        )
    if len(examples) == 1 < recipe.examples:
        raise TextError(
            f"One sentence in {corpus.place(language)} has {FEWEST_TOKENS} tokens or more, which shows itself and not "
            "its language: give more."
        )
    if len(examples) < recipe.examples and not quiet:
        logger.warning(
            "%s (%s) has %d sentences of %d tokens or more in %s, fewer than |D| = %d: all of them are used.",
            *(name(language), language, len(examples), FEWEST_TOKENS, corpus.name, recipe.examples),
        )
    return examples


def _encoded(
    checkpoint: Checkpoint, drawn: Sequence[Example], recipe: Recipe, language: str, seed: int
) -> list[Encoded]:
    tokenizer = checkpoint.tokenizer
    objective = make_objective(recipe.objective, checkpoint.body.config, tokenizer, recipe.masking)
    longest = min(recipe.max_length, checkpoint.positions)
    found: list[Encoded] = []
    for start in range(0, len(drawn), recipe.examples):
        some = drawn[start : start + recipe.examples]
        encoded = tokenizer(
            [example.text for example in some],
            truncation=True,
            max_length=longest,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        for example, tokens, special in zip(some, encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
            if special.count(0) < FEWEST_TOKENS:
                continue
            random = example_generator(seed, language, example.line)
            corrupted = objective.corrupt(np.array(tokens), np.array(special, bool), random)
            found.append(replace(corrupted, line=example.line))
            if len(found) == recipe.examples:
                return found
    return found
