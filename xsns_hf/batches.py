"""Examples for the model: drawn, tokenized, masked, and grouped in batches of like length."""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from xsns_hf.checkpoints import Checkpoint
from xsns_hf.corpora import Corpus, Example, draw
from xsns_hf.errors import XsnsError
from xsns_hf.languages import name
from xsns_hf.layouts import ParameterLayout
from xsns_hf.objectives import IGNORED, MaskedLanguageModelling, example_generator
from xsns_hf.recipes import Recipe
from xsns_hf.released import BATCH

FEWEST_TOKENS = 5
"""Ordinary tokens that an example needs. Gradients of shorter ones can be freaks: of 146 Ukrainian sentences, a single
one of three tokens made up 57 % of the Fisher information (embedded checkpoint, tied head), and so the whole mask."""

MOST_EXAMPLES = {"cpu": 16, "cuda": 256}
"""Examples of a batch: enough that the products run at full speed and the sums, read and written once a batch on a
GPU, don't hold it up."""

BATCH_MEMORY = 384 << 20
"""Bytes that a batch's activations may take, about; on a GPU an eighth of what is free."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Masked:
    """An example as the model sees it.

    Attributes:
        tokens: int64 [T], ids, some of them replaced.
        labels: int64 [T], the original id where it is to be predicted, else `IGNORED`.
    """

    tokens: np.ndarray
    labels: np.ndarray


def masked_examples(
    checkpoint: Checkpoint, corpus: Corpus, recipe: Recipe, language: str, seed: int, *, quiet: bool = False
) -> list[Masked]:
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


def _masked(checkpoint: Checkpoint, drawn: Sequence[Example], recipe: Recipe, language: str, seed: int) -> list[Masked]:
    tokenizer = checkpoint.tokenizer
    objective = MaskedLanguageModelling(tokenizer.mask_token_id, len(tokenizer), recipe.masking)
    masked: list[Masked] = []
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
            masked.append(Masked(*objective.corrupt(np.array(tokens), np.array(special, bool), random)))
            if len(masked) == recipe.examples:
                return masked
    return masked


def batches(
    examples: Sequence[Masked],
    recipe: Recipe,
    layout: ParameterLayout,
    device: torch.device,
    process: int = 0,
    processes: int = 1,
) -> Iterator[tuple[int, list[Masked]]]:
    """Yield one process's batches with their numbers.

    For the exact Fisher information, where batches don't matter, every process gets as many examples of each length
    as the others, and groups those of like length. The released variant depends on its batches: they are made of 16
    examples as drawn, whatever the number of processes.

    Args:
        examples: of all processes.
        recipe: which Fisher information.
        layout: the model's blocks, whose widths say how much memory a token takes.
        device: where the batches will run.
        process: number of this process.
        processes: how many share the examples.
    """
    if recipe.fisher == "released":
        whole = [list(examples[start : start + BATCH]) for start in range(0, len(examples), BATCH)]
        yield from list(enumerate(whole))[process::processes]
        return
    most_examples, most_tokens = MOST_EXAMPLES.get(device.type, 16), _most_tokens(layout, device)
    grouped: list[list[Masked]] = []
    for example in sorted(examples, key=lambda example: len(example.tokens), reverse=True)[process::processes]:
        last = grouped[-1] if grouped else []
        if last and len(last) < most_examples and len(last[0].tokens) * (len(last) + 1) <= most_tokens:
            last.append(example)
        else:
            grouped.append([example])
    yield from enumerate(grouped)


def _most_tokens(layout: ParameterLayout, device: torch.device) -> int:
    """Return how many tokens, padding included, a batch may have.

    What autograd keeps of a token is close to a float for each row of a layer's weight and one for each of its
    biases: 0.8 MB for XLM-R base.
    """
    floats = sum(tensor.shape[0] for tensor in layout.tensors)
    memory = torch.cuda.mem_get_info(device)[0] // 8 if device.type == "cuda" else BATCH_MEMORY
    return memory // (4 * floats)


def collate(batch: Sequence[Masked], padding: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Return a batch as `ExactFisher.add` takes it, int64 [B, T] each, padded on the right.

    Args:
        batch: B examples of at most T tokens.
        padding: the id to pad with.
        device: where the tensors go.
    """
    shape = len(batch), max(len(example.tokens) for example in batch)
    tokens, attended, labels = np.full(shape, padding), np.zeros(shape, np.int64), np.full(shape, IGNORED)
    for row, example in enumerate(batch):
        length = len(example.tokens)
        tokens[row, :length], labels[row, :length], attended[row, :length] = example.tokens, example.labels, 1
    arrays = {"input_ids": tokens, "attention_mask": attended, "labels": labels}
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
