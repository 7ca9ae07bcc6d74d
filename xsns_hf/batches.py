"""Batches: examples of like length together, shared out over the processes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from xsns_hf.examples import Encoded
from xsns_hf.layouts import ParameterLayout
from xsns_hf.objectives import IGNORED
from xsns_hf.recipes import Recipe
from xsns_hf.released import BATCH

MOST_EXAMPLES = {"cpu": 16, "cuda": 256}
"""Examples of a batch: enough that the products run at full speed and the sums, read and written once a batch on a
GPU, don't hold it up."""

BATCH_MEMORY = 384 << 20
"""Bytes that a batch's activations may take, about; on a GPU an eighth of what is free."""


def batches(
    examples: Sequence[Encoded],
    recipe: Recipe,
    layout: ParameterLayout,
    device: torch.device,
    process: int = 0,
    processes: int = 1,
) -> Iterator[tuple[int, list[Encoded]]]:
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
    grouped: list[list[Encoded]] = []
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


def collate(batch: Sequence[Encoded], padding: int, device: torch.device) -> dict[str, torch.Tensor]:
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
