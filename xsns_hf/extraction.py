"""Extraction: checkpoint × corpus × languages × seeds → sub-networks, through Accelerate.

One process or many, any batch size, any device: the same examples with the same masking, so the same masks
up to rounding.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import tqdm

from xsns_hf.checkpoints import Checkpoint
from xsns_hf.corpora import Corpus, Example, draw
from xsns_hf.errors import XsnsError
from xsns_hf.fisher import ExactFisher
from xsns_hf.languages import name
from xsns_hf.objectives import IGNORED, MaskedLanguageModelling, example_generator
from xsns_hf.recipes import Recipe
from xsns_hf.released import BATCH, ReleasedFisher
from xsns_hf.subnetworks import SubNetwork, select

BATCH_EXAMPLES = 16
BATCH_TOKENS = 1024
"""Bounds of a batch, padding included: activations take about 1 MB a token in a model of XLM-R base's size."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extracted:
    """A sub-network and what it was made from.

    Attributes:
        language: canonical code.
        seed: of the sample and the masking.
        subnetwork: the mask.
        examples: the true |D|, after leaving out examples without an ordinary token.
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
    # Denormal numbers, which a softmax over a large vocabulary is full of, make a CPU many times slower.
    torch.set_flush_denormal(True)
    available = len(corpus.sentences(language))
    if available < recipe.examples and accelerator.is_main_process:
        logger.warning(
            "%s (%s) has %d sentences in %s, fewer than |D| = %d: all of them are used.",
            name(language),
            language,
            available,
            corpus.name,
            recipe.examples,
        )
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
    examples = _masked_examples(checkpoint, recipe, draw(corpus, language, recipe.examples, seed), language, seed)
    if not examples:
        raise XsnsError(
            f"No sentence of {language} in {corpus.name} holds a token that can be masked: "
            "check the text and that the tokenizer knows its script."
        )
    batches = list(_batches(examples, recipe))
    body = checkpoint.body.to(accelerator.device)
    if isinstance(checkpoint.head, torch.nn.Module):
        checkpoint.head.to(accelerator.device)
    fisher = ExactFisher(body) if recipe.fisher == "exact" else ReleasedFisher(body)
    own = list(enumerate(batches))[accelerator.process_index :: accelerator.num_processes]
    loss = torch.zeros((), device=accelerator.device)
    for number, batch in tqdm(own, desc=title, unit="batch", leave=False):
        # Dropout, where the released variant uses it, depends on the batch and not on the process.
        torch.manual_seed(int(example_generator(seed, language, number).integers(2**31)))
        inputs = _collate(batch, checkpoint.tokenizer.pad_token_id, accelerator.device)
        loss += fisher.add(**inputs, head=checkpoint.head).mean() * len(batch)
        if not torch.isfinite(loss):
            break  # and meet the other processes in the sum below, where all of them see it
    sums = accelerator.reduce(fisher.sums, reduction="sum")
    counts = accelerator.reduce(torch.stack([loss, loss.new_tensor(fisher.count)]), reduction="sum")
    if not torch.isfinite(counts[0]):
        raise XsnsError(
            f"The loss of {checkpoint.name} on {language} isn't finite: check the checkpoint's weights "
            "for NaN or infinite values."
        )
    mean = (sums / counts[1]).cpu().numpy()
    subnetwork = select(mean, fisher.layout, recipe.density)
    return Extracted(language, seed, subnetwork, len(examples), float(counts[0]) / len(examples))


def _masked_examples(
    checkpoint: Checkpoint, recipe: Recipe, drawn: Sequence[Example], language: str, seed: int
) -> list[_Masked]:
    """Tokenize and mask; examples without an ordinary token are left out, since they have no loss."""
    tokenizer = checkpoint.tokenizer
    objective = MaskedLanguageModelling(tokenizer.mask_token_id, len(tokenizer), recipe.masking)
    encoded = tokenizer(
        [example.text for example in drawn],
        truncation=True,
        max_length=min(recipe.max_length, checkpoint.positions),
        return_special_tokens_mask=True,
        return_attention_mask=False,
    )
    masked = []
    for example, tokens, special in zip(drawn, encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
        if all(special):
            continue
        random = example_generator(seed, language, example.line)
        masked.append(_Masked(*objective.corrupt(np.array(tokens), np.array(special, bool), random)))
    return masked


def _batches(examples: Sequence[_Masked], recipe: Recipe) -> Iterator[list[_Masked]]:
    """Group examples: of like length for the exact Fisher; as drawn, 16 at a time, for the released one."""
    if recipe.fisher == "released":
        for start in range(0, len(examples), BATCH):
            yield list(examples[start : start + BATCH])
        return
    batch: list[_Masked] = []
    for example in sorted(examples, key=lambda example: len(example.tokens), reverse=True):
        if batch and (len(batch) == BATCH_EXAMPLES or len(batch[0].tokens) * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(example)
    yield batch


def _collate(batch: Sequence[_Masked], padding: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Return a batch as `ExactFisher.add` takes it, int64 [B, T] each, padded on the right."""
    shape = len(batch), max(len(example.tokens) for example in batch)
    tokens, attended, labels = np.full(shape, padding), np.zeros(shape, np.int64), np.full(shape, IGNORED)
    for row, example in enumerate(batch):
        length = len(example.tokens)
        tokens[row, :length], labels[row, :length], attended[row, :length] = example.tokens, example.labels, 1
    arrays = {"input_ids": tokens, "attention_mask": attended, "labels": labels}
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
