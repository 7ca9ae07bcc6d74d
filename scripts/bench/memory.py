"""Memory: what a batch takes beyond the model and the sums, in a process of its own."""

from pathlib import Path

import numpy as np
import torch

from bench.measuring import apart, console, memory_of, titled_table
from bench.settings import MASK, TOKENS, Settings, Size, random_model
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.models.body import OwnHead, body_of
from xsns_hf.models.objectives import MaskedLanguageModelling


def bench(settings: Settings) -> None:
    """Print the peak of a batch of short and of one of long texts."""
    if not Path("/proc/self/clear_refs").exists():
        console.print("Peak memory is measured on Linux only.")
        return
    table = titled_table("Memory of extraction beyond model and sums", "peak")
    lengths = {f"{settings.batch} sentences of 27 tokens": 27, "texts of 512 tokens, as many as a batch takes": 512}
    for name, length in lengths.items():
        mebibytes = apart(peak, settings.device, settings.size, length, settings.batch)
        table.add_row(name, f"{mebibytes:.0f} MiB")
    console.print(table)


def peak(device: torch.device, size: Size, length: int, number: int) -> float:
    """Return the MiB that a batch takes at most, beyond what is held before."""
    model = random_model(size, device)
    ours = ExactFisher(body_of(model))
    ours.sums.fill_(0)
    random = np.random.default_rng(0)
    objective = MaskedLanguageModelling(MASK, TOKENS)
    tokens = random.integers(5, TOKENS, (number, min(length, 512)))
    special = np.zeros(tokens.shape[1], bool)
    examples = [objective.corrupt(row, special, random) for row in tokens]
    _, batch = next(batches(examples, ours.layout, device))
    ours.add(**collate(batch[:1], 1, device), head=OwnHead(model))  # what libraries set up once
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        ours.add(**collate(batch, 1, device), head=OwnHead(model))
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = memory_of("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    ours.add(**collate(batch, 1, device), head=OwnHead(model))
    return (memory_of("VmHWM") - before) / 1024
