"""Extraction: squared per-example gradients of a masked language model."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from transformers import PreTrainedModel

from bench.contestants import Batch, OurHead, Ours, Run, floor, floor_of_head, naive, naive_gathered, released
from bench.earlier import revision
from bench.measuring import alternate, console, titled_table, wait_for
from bench.peers import BackPack, Opacus, by_vmap
from bench.settings import Settings, masked_sentences, random_model
from xsns_hf.extraction.batches import collate
from xsns_hf.extraction.precision import has_units
from xsns_hf.importance.kernels import blas
from xsns_hf.importance.weighted import CappedFisher, NormalisedFisher
from xsns_hf.models.blocks import layout_of
from xsns_hf.models.denormals import flushed_denormals


def bench(settings: Settings) -> None:
    """Print what a sentence costs each contestant, in time and against the floor."""
    warnings.filterwarnings("ignore", message="Full backward hook is firing")  # BackPACK's and Opacus'
    compare(settings, [*ours(settings), *others(settings)])


def bench_ours(settings: Settings) -> None:
    """Print the same of this package's own ways only, which are quick, so that many rounds can be had."""
    compare(settings, ours(settings))


def compare(settings: Settings, everyone: "list[Contestant]") -> None:
    """Print what a sentence costs each contestant, in time and against the first, the floor.

    Where an earlier revision is asked for, its own ways run beside today's, and today's are held against them too.
    """
    floor_, *_ = everyone
    failures: dict[str, str] = {}
    with revision(settings.before) if settings.before else nullcontext() as earlier:
        material = Material.of(settings)
        measures: dict[str, Callable[[], float]] = {}
        for each in everyone:
            measures[each.name] = partial(seconds_a_token, each, material, settings.device)
            if earlier and isinstance(each.run, Ours):
                measures[_before(each)] = partial(earlier, seconds_of, settings, each.name)
        seconds = alternate(measures, settings.rounds, failures)
    length, size = material.mean_length(), layout_of(material.model.base_model).size
    title = f"Extraction: {size:,} block parameters, {length:.0f} tokens a sentence"
    table = titled_table(title, "a sentence", "× floor", *["× before"] * bool(settings.before))
    own = {each.name: _before(each) for each in everyone}
    for name, times in seconds.items():
        if name in failures:
            table.add_row(name, "–", failures[name][:30])
            continue
        against = [floor_.name, *([own[name]] if own.get(name) in seconds else [])]
        ratios = (f"{np.median(times / seconds[other]):.2f}" for other in against if other not in failures)
        table.add_row(name, f"{1e3 * length * np.median(times):.3g} ms", *ratios)
    console.print(table)


def seconds_of(settings: Settings, name: str) -> float:
    """Return the time a token of one of this package's own ways, by its name; the model is made once a process."""
    return _measures(settings)[name]()


@cache
def _measures(settings: Settings) -> dict[str, Callable[[], float]]:
    material = Material.of(settings)
    return {each.name: partial(seconds_a_token, each, material, settings.device) for each in ours(settings)}


def _before(contestant: "Contestant") -> str:
    return f"{contestant.name}, before"


@dataclass(frozen=True)
class Contestant:
    """Something that takes batches through a model.

    Attributes:
        name: what it is.
        run: does it.
        batch: how many sentences at a time; of those that take one, only every fourth.
    """

    name: str
    run: Run
    batch: int


def ours(settings: Settings) -> list[Contestant]:
    """Return the floor and this package's own ways."""
    batch, rough = settings.batch, partial(Ours, precision=torch.bfloat16)
    in_bfloat16 = [
        Contestant("ours, bfloat16", rough(), batch),
        Contestant("ours, capped (first pass), bfloat16", rough(importance=CappedFisher), batch),
        Contestant("ours, normalised, bfloat16", rough(importance=NormalisedFisher), batch),
    ]
    return [
        Contestant(f"floor: forward and backward in batches of {batch}", floor, batch),
        Contestant("ours", Ours(), batch),
        Contestant("ours, capped (first pass)", Ours(importance=CappedFisher), batch),
        Contestant("ours, normalised", Ours(importance=NormalisedFisher), batch),
        Contestant("ours, PyTorch only", Ours(blas.add_squares), batch),
        *(in_bfloat16 if has_units(settings.device) else []),
        Contestant("the floor's head alone", floor_of_head, batch),
        Contestant("our head alone", OurHead(), batch),
    ]


def others(settings: Settings) -> list[Contestant]:
    """Return who else is compared."""
    return [
        Contestant("exact, one at a time, block gradients only, head at masked positions", naive_gathered, 1),
        Contestant("exact, one at a time, loss.backward() of the whole model", naive, 1),
        Contestant("the released code, batches of 16 (not per example)", released, 16),
        Contestant("torch.func: vmap of grad, batches of 4", by_vmap, 4),
        Contestant("BackPACK SumGradSquared, batches of 4 (no LayerNorms)", BackPack(), 4),
        Contestant("Opacus GradSampleModule, batches of 4", Opacus(), 4),
    ]


@dataclass(frozen=True)
class Material:
    """A random model with real sentences, masked.

    Attributes:
        model: on its device.
        batches: of sentences of like length.
        subset: every fourth sentence of them, by itself.
    """

    model: PreTrainedModel
    batches: list[Batch]
    subset: list[Batch]

    @classmethod
    def of(cls, settings: Settings) -> "Material":
        """Sort 1,024 sentences by length, as extraction does, and take batches from all over them."""
        size, device = settings.batch, settings.device
        masked = sorted(masked_sentences(1024), key=lambda sentence: len(sentence.tokens), reverse=True)
        number = max(1, settings.examples // size)
        starts = (size * round(len(masked) / size * (place + 0.5) / number - 0.5) for place in range(number))
        chosen = [masked[start : start + size] for start in starts]
        batches = [collate(sentences, 1, device) for sentences in chosen]
        single = [collate([sentence], 1, device) for sentences in chosen for sentence in sentences[2 :: size // 4]]
        return cls(random_model(settings.size, device), batches, single)

    def inputs(self, size: int) -> list[Batch]:
        """Return the batches in parts of a size; for 1, the subset."""
        return self.subset if size == 1 else list(split(self.batches, size))

    def mean_length(self) -> float:
        """Return the mean number of tokens of a sentence."""
        return float(np.mean([float(batch["attention_mask"].sum(1).float().mean()) for batch in self.batches]))


def split(batches: list[Batch], size: int) -> Iterator[Batch]:
    """Yield parts of batches, with no more padding than they need."""
    for batch in batches:
        for start in range(0, len(batch["labels"]), size):
            part = {name: value[start : start + size] for name, value in batch.items()}
            longest = int(part["attention_mask"].sum(1).max())
            yield {name: value[:, :longest].contiguous() for name, value in part.items()}


def seconds_a_token(contestant: Contestant, material: Material, device: torch.device) -> float:
    """Return the time that a contestant takes for a token."""
    inputs = material.inputs(contestant.batch)
    material.model.requires_grad_(False)
    # What else runs on a busy machine counts less in a process's own time, which is that of all its threads.
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    wait_for(device)
    start = clock()
    with flushed_denormals():
        for batch in inputs:
            contestant.run(material.model, batch)
    wait_for(device)
    return (clock() - start) / sum(int(batch["attention_mask"].sum()) for batch in inputs)
