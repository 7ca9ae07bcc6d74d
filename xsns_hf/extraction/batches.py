"""Batches: examples of like length together, shared out over the processes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.models.objectives import IGNORED, Encoded

MOST_EXAMPLES = {"cpu": 16, "cuda": 256}
"""Examples of a batch: enough that the products run at full speed and the sums, read and written once a batch on a
GPU, take a small part of the time."""

BATCH_MEMORY = 384 << 20
"""Bytes that a batch's activations may take, about; on a GPU an eighth of what is free."""


def batches(
    examples: Sequence[Encoded],
    layout: ParameterLayout,
    device: torch.device,
    process: int = 0,
    processes: int = 1,
    *,
    alone: bool = False,
    drawn: int | None = None,
) -> Iterator[tuple[int, list[Encoded]]]:
    """Yield one process's batches with their numbers.

    Where batches make no difference, every process gets as many examples of each length as the others, and groups those
    of like length.

    Args:
        examples: of all processes.
        layout: the model's blocks, whose widths say how much memory a token takes.
        device: where the batches will run.
        process: number of this process.
        processes: how many share the examples.
        alone: a batch for each example, so that nothing is padded.
        drawn: batches of so many examples as they were drawn, whatever the number of processes; see `Importance.batch`.
    """
    if drawn:
        whole = [list(examples[start : start + drawn]) for start in range(0, len(examples), drawn)]
        yield from list(enumerate(whole))[process::processes]
        return
    most, tokens = 1 if alone else MOST_EXAMPLES.get(device.type, 16), most_tokens(layout, device)
    grouped: list[list[Encoded]] = []
    for example in sorted(examples, key=lambda example: example.length, reverse=True)[process::processes]:
        last = grouped[-1] if grouped else []
        if last and len(last) < most and last[0].length * (len(last) + 1) <= tokens:
            last.append(example)
        else:
            grouped.append([example])
    yield from enumerate(grouped)


def most_tokens(layout: ParameterLayout, device: torch.device) -> int:
    """Return how many tokens, padding included, a batch may have.

    Args:
        layout: the model's blocks.
        device: where the batch will run.

    What autograd keeps of a token is close to a float for each row of a layer's weight and one for each of its
    biases: 0.8 MB for XLM-R base.
    """
    floats = sum(tensor.shape[0] for tensor in layout.tensors)
    memory = torch.cuda.mem_get_info(device)[0] // 8 if device.type == "cuda" else BATCH_MEMORY
    return memory // (4 * floats)


def collate(batch: Sequence[Encoded], padding: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Return a batch as `Importance.add` takes it, int64 [B, T] or [B, U] each, padded on the right.

    Args:
        batch: B examples of at most T tokens, and of at most U tokens of a decoder, where there is one.
        padding: the id to pad with.
        device: where the tensors go.
    """
    arrays = {
        "input_ids": _padded([each.tokens for each in batch], padding),
        "attention_mask": _padded([np.ones_like(each.tokens) for each in batch], 0),
        "labels": _padded([each.labels for each in batch], IGNORED),
    }
    decoded = [each.decoder_tokens for each in batch if each.decoder_tokens is not None]
    if decoded:
        arrays["decoder_input_ids"] = _padded(decoded, padding)
        arrays["decoder_attention_mask"] = _padded([np.ones_like(each) for each in decoded], 0)
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def _padded(rows: Sequence[np.ndarray], filler: int) -> np.ndarray:
    """Return rows of different lengths as one array, int64 [B, the longest]."""
    array = np.full((len(rows), max(map(len, rows))), filler, np.int64)
    for row, values in zip(array, rows, strict=True):
        row[: len(values)] = values
    return array
