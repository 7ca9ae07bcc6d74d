"""Work on many languages: a process each with one thread, files that are whole or not there, Fisher information."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch
from tqdm import tqdm

from xsns_hf.extraction.batches import batches, collate
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.models.loading import Checkpoint
from xsns_hf.models.objectives import Encoded


def for_each(languages: Sequence[str], work: Callable[[str], None], processes: int, title: str) -> None:
    """Call a function with each language, in several processes."""
    if not languages:
        return
    with multiprocessing.get_context("spawn").Pool(processes, torch.set_num_threads, (1,)) as workers:
        for _ in tqdm(workers.imap_unordered(work, languages), total=len(languages), desc=title):
            pass


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write to, which gets its name only once it is complete."""
    unfinished = path.with_name(f".{path.stem}")
    with unfinished.open("wb") as file:
        yield file
    unfinished.rename(path)


def add_examples(fisher: ExactFisher, examples: Sequence[Encoded], checkpoint: Checkpoint) -> None:
    """Add examples to Fisher information on the CPU."""
    cpu = torch.device("cpu")
    for _, batch in batches(examples, fisher.layout, cpu, alone=not checkpoint.batched):
        fisher.add(**collate(batch, checkpoint.padding, cpu), head=checkpoint.head)
