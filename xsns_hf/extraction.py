"""Extraction: checkpoint × corpus × languages × seeds → sub-networks, through Accelerate.

One process or many, any batch size, any device: the same examples with the same masking, so the same masks
up to rounding.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import tqdm

from xsns_hf.checkpoints import Checkpoint
from xsns_hf.corpora import Corpus, draw
from xsns_hf.errors import XsnsError
from xsns_hf.fisher import ExactFisher
from xsns_hf.languages import name
from xsns_hf.numerics import flushed_denormals
from xsns_hf.objectives import IGNORED, MaskedLanguageModelling, example_generator
from xsns_hf.recipes import Recipe
from xsns_hf.released import BATCH, ReleasedFisher
from xsns_hf.subnetworks import SubNetwork, select

BATCH_EXAMPLES = 16
BATCH_TOKENS = 1024
"""Bounds of a batch, padding included: activations take about 1 MB a token in a model of XLM-R base's size."""

FEWEST_TOKENS = 5
"""Ordinary tokens that an example needs. Gradients of shorter ones can be freaks: of 146 Ukrainian sentences, a single
one of three tokens made up 57 % of the Fisher information (embedded checkpoint, tied head), and so the whole mask."""

LARGEST_SHARE = 0.3
"""Share of the Fisher information above which a single batch is reported."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extracted:
    """A sub-network and what it was made from.

    Attributes:
        language: canonical code.
        seed: of the sample and the masking.
        subnetwork: the mask.
        examples: the true |D|.
        loss: mean over examples of −log p(y|x), in nats a token.
    """

    language: str
    seed: int
    subnetwork: SubNetwork
    examples: int
    loss: float


@dataclass(frozen=True)
class _Masked:
    tokens: np.ndarray
    labels: np.ndarray


@flushed_denormals()
def extract(
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    language: str,
    seeds: Sequence[int],
    accelerator: Accelerator | None = None,
    *,
    title: str | None = None,
) -> list[Extracted]:
    """Extract a language's sub-network for each seed (§3).

    The examples are shared out over the accelerator's processes and their Fisher information is summed.

    Args:
        checkpoint: the model; it is moved to the accelerator's device.
        corpus: where the language's sentences are.
        recipe: how to make the masks.
        language: canonical code, in the corpus.
        seeds: one sub-network each.
        accelerator: by default a new `Accelerator()`.
        title: what the progress bar says; by default the language.

    Raises:
        XsnsError: no usable text, or a loss or gradient that isn't finite.
    """
    accelerator = accelerator or Accelerator()
    return [
        _extract_one(checkpoint, corpus, recipe, language, seed, accelerator, f"{title or language} seed {seed}")
        for seed in seeds
    ]


def _extract_one(
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    language: str,
    seed: int,
    accelerator: Accelerator,
    title: str,
) -> Extracted:
    examples = _masked_examples(checkpoint, corpus, recipe, language, seed)
    _check_number(len(examples), corpus, recipe, language, accelerator)
    batches = _batches(examples, recipe, accelerator.process_index, accelerator.num_processes)
    body = checkpoint.body.to(accelerator.device)
    checkpoint.head.to(accelerator.device)
    fisher = ExactFisher(body) if recipe.fisher == "exact" else ReleasedFisher(body)
    loss, largest = _accumulate(fisher, checkpoint, batches, language, seed, accelerator, title)
    sums = accelerator.reduce(fisher.sums, reduction="sum")
    loss, count = accelerator.reduce(torch.stack([loss, loss.new_tensor(fisher.count)]), reduction="sum")
    if not torch.isfinite(loss):
        raise XsnsError(
            f"The loss of {checkpoint.name} on {language} isn't finite: check the checkpoint's weights "
            "for NaN or infinite values."
        )
    share = float(accelerator.gather(largest[None]).max() / sums.sum())
    usual = BATCH_EXAMPLES / len(examples)
    if share > LARGEST_SHARE > 2 * usual and accelerator.is_main_process:
        logger.warning(
            "%s (%s), seed %d: one batch of at most %d sentences makes up %.0f %% of the Fisher information, so the "
            "mask shows these more than the language; look for odd lines in the text, or use more of it.",
            *(name(language), language, seed, BATCH_EXAMPLES, 100 * share),
        )
    subnetwork = select((sums / count).cpu().numpy(), fisher.layout, recipe.density)
    return Extracted(language, seed, subnetwork, len(examples), float(loss) / len(examples))


def _accumulate(
    fisher: ExactFisher | ReleasedFisher,
    checkpoint: Checkpoint,
    batches: Sequence[tuple[int, list[_Masked]]],
    language: str,
    seed: int,
    accelerator: Accelerator,
    title: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Add this process's batches; return the sum of their losses and the largest batch's Fisher sum."""
    loss, total, largest = fisher.sums.new_zeros(3).unbind()
    for number, batch in tqdm(batches, desc=title, unit="batch", leave=False):
        # Dropout, where the released variant uses it, depends on the batch and not on the process.
        torch.manual_seed(int(example_generator(seed, language, number).integers(2**31)))
        inputs = _collate(batch, checkpoint.tokenizer.pad_token_id or 0, accelerator.device)
        loss = loss + fisher.add(**inputs, head=checkpoint.head).mean() * len(batch)
        if not torch.isfinite(loss):
            break  # and meet the other processes in their sum, where all of them see it
        before, total = total, fisher.sums.sum()
        largest = torch.maximum(largest, total - before)
    return loss, largest


def _check_number(found: int, corpus: Corpus, recipe: Recipe, language: str, accelerator: Accelerator) -> None:
    if not found:
        raise XsnsError(
            f"No sentence of {name(language)} ({language}) in {corpus.name} has {FEWEST_TOKENS} tokens or more: "
            "give longer sentences."
        )
    if found < recipe.examples and accelerator.is_main_process:
        logger.warning(
            "%s (%s) has %d sentences of %d tokens or more in %s, fewer than |D| = %d: all of them are used.",
            *(name(language), language, found, FEWEST_TOKENS, corpus.name, recipe.examples),
        )


def _masked_examples(checkpoint: Checkpoint, corpus: Corpus, recipe: Recipe, language: str, seed: int) -> list[_Masked]:
    """Draw, tokenize and mask the first |D| examples that are long enough."""
    tokenizer = checkpoint.tokenizer
    objective = MaskedLanguageModelling(tokenizer.mask_token_id, len(tokenizer), recipe.masking)
    shuffled = draw(corpus, language, len(corpus.sentences(language)), seed)
    masked: list[_Masked] = []
    for start in range(0, len(shuffled), recipe.examples):
        drawn = shuffled[start : start + recipe.examples]
        encoded = tokenizer(
            [example.text for example in drawn],
            truncation=True,
            max_length=min(recipe.max_length, checkpoint.positions),
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        for example, tokens, special in zip(drawn, encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
            if special.count(0) < FEWEST_TOKENS:
                continue
            random = example_generator(seed, language, example.line)
            masked.append(_Masked(*objective.corrupt(np.array(tokens), np.array(special, bool), random)))
            if len(masked) == recipe.examples:
                return masked
    return masked


def _batches(
    examples: Sequence[_Masked], recipe: Recipe, process: int = 0, processes: int = 1
) -> list[tuple[int, list[_Masked]]]:
    """Return one process's numbered batches.

    For the exact Fisher information, where batches don't matter, every process gets as many examples of each length
    as the others, and groups those of like length. The released variant depends on its batches: they are made of 16
    examples as drawn, whatever the number of processes.
    """
    if recipe.fisher == "released":
        whole = [list(examples[start : start + BATCH]) for start in range(0, len(examples), BATCH)]
        return list(enumerate(whole))[process::processes]
    batches: list[list[_Masked]] = []
    for example in sorted(examples, key=lambda example: len(example.tokens), reverse=True)[process::processes]:
        last = batches[-1] if batches else []
        if last and len(last) < BATCH_EXAMPLES and len(last[0].tokens) * (len(last) + 1) <= BATCH_TOKENS:
            last.append(example)
        else:
            batches.append([example])
    return list(enumerate(batches))


def _collate(batch: Sequence[_Masked], padding: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Return a batch as `ExactFisher.add` takes it, int64 [B, T] each, padded on the right."""
    shape = len(batch), max(len(example.tokens) for example in batch)
    tokens, attended, labels = np.full(shape, padding), np.zeros(shape, np.int64), np.full(shape, IGNORED)
    for row, example in enumerate(batch):
        length = len(example.tokens)
        tokens[row, :length], labels[row, :length], attended[row, :length] = example.tokens, example.labels, 1
    arrays = {"input_ids": tokens, "attention_mask": attended, "labels": labels}
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
