"""Masks of the same samples by every weighting and at several sizes, from as few passes over the text as that takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.growing_samples import similarity_of_bits
from study.sample_size import rankings_compared
from study.workers import add_examples, for_each, whole_file
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.extraction.examples import text_examples
from xsns_hf.importance.adding import AddingNormalised, AddingWithNorms
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.gradients import Gradients, Sums
from xsns_hf.importance.weighted import CappedFisher, capped_weights
from xsns_hf.masks.subnetwork import select
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.loading import Checkpoint, load_checkpoint
from xsns_hf.models.objectives import Encoded
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

CAPS = (1.0, 2.0, 3.0)
"""The caps that are tried, in median norms."""

DENSITY = 0.15


@dataclass(frozen=True)
class Samples:
    """A kind of text, sampled.

    Attributes:
        model: a masked language model.
        corpus: its text.
        folder: where the files are.
        sizes: the |D|.
        tried: the caps on the first seed; on others the default's alone.
    """

    model: str
    corpus: Corpus
    folder: Path
    sizes: Sequence[int]
    tried: Sequence[float] = CAPS
    _compared: dict[int, dict[tuple[str, int], pd.DataFrame]] = field(default_factory=dict, repr=False, compare=False)

    def make(self, seeds: Sequence[int], processes: int) -> None:
        """Make the files that are missing, a process for each of some languages."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            lacking = [code for code in self.corpus.languages if not self.file(code, seed).exists()]
            for_each(lacking, partial(save, self, seed), processes, f"{self.corpus.name} seed {seed}")

    def caps(self, seed: int) -> Sequence[float]:
        """Return the caps that are tried on a seed."""
        return (CappedFisher.cap,) if seed else self.tried

    def ways(self, seed: int) -> list[str]:
        """Return the names of the weightings tried on a seed, in the order in which a file holds them."""
        return ["exact", *(f"capped, c = {cap:g}" for cap in self.caps(seed)), "normalised"]

    def file(self, language: str, seed: int) -> Path:
        """Return where the masks of a language's sample are."""
        return self.folder / f"{language}-{seed}.npz"

    def similarity(self, way: str, size: int, seed: int) -> pd.DataFrame:
        """Return the similarities of all languages by one weighting, a square table."""
        if seed not in self._compared:
            self._compared[seed] = self._compare(seed)
        return self._compared[seed][way, size]

    def _compare(self, seed: int) -> dict[tuple[str, int], pd.DataFrame]:
        """Return the similarities by each weighting and |D|, for which each file is read once."""
        packed = {code: np.load(self.file(code, seed))["packed"] for code in self.corpus.languages}
        return {
            (way, size): similarity_of_bits({code: bits[row, column] for code, bits in packed.items()})
            for (row, size), (column, way) in product(enumerate(self.sizes), enumerate(self.ways(seed)))
        }

    def agreement(self, way: str, size: int, seeds: Sequence[int]) -> float:
        """Return the mean Spearman correlation of a target's rankings by two seeds."""
        tables = [self.similarity(way, size, seed) for seed in seeds]
        return float(np.mean([rankings_compared(*pair)[0] for pair in combinations(tables, 2)]))


@flushed_denormals()
def save(samples: Samples, seed: int, language: str) -> None:
    """Save the masks of a language's sample by every weighting and at each size, and the norms of its gradients."""
    checkpoint = load_checkpoint(samples.model)
    named = checkpoint.name, checkpoint.revision, checkpoint.head_name, samples.corpus.name
    recipe = Recipe(*named, checkpoint.objective, examples=max(samples.sizes))
    examples = text_examples(checkpoint, samples.corpus, recipe, language, seed)
    sums, norms = summed(checkpoint, examples, samples.sizes, samples.caps(seed))
    layout = CappedFisher(checkpoint.body).layout
    packed = [[select(values.clamp_(min=0).numpy(), layout, DENSITY).bits for values in of_size] for of_size in sums]
    with whole_file(samples.file(language, seed)) as file:
        np.savez(file, packed=packed, norms=norms.numpy())


class BothFisher(CappedFisher):
    """Sums squared gradients and notes norms as `CappedFisher` does, and in the same pass sums those of norm one.

    Attributes:
        normalised: float32 [layout.size], what `NormalisedFisher` sums.
    """

    def __init__(self, body: PreTrainedModel):
        """Start with both sums zero."""
        super().__init__(body)
        self.normalised = torch.zeros_like(self.sums)

    def _new_adding(self, labels: Tensor) -> AddingWithNorms:
        """Return what adds to both sums, see `NormedFisher`."""
        self._addings.append(AddingBoth(self.normalised, len(labels)))
        return self._addings[-1]


class AddingBoth(AddingNormalised):
    """Adds a batch's gradients as they come, and once their norms are known adds them to a second sum, of norm one."""

    def __init__(self, normalised: Tensor, examples: int):
        """Start; the second sum is laid out as the first."""
        super().__init__("square", examples, normalised.device)
        self.normalised = normalised

    def take(self, sums: Sums, gradients: Gradients) -> None:
        """Add the gradients of some parameters to the first sum, and hold them for the second."""
        gradients.add_to(sums, self.moment)
        second = {
            name: self.normalised.as_strided(first.shape, first.stride(), first.storage_offset())
            for name, first in sums.items()
        }
        super().take(second, gradients)


def summed(
    checkpoint: Checkpoint, examples: Sequence[Encoded], sizes: Sequence[int], caps: Sequence[float]
) -> tuple[list[list[Tensor]], Tensor]:
    """Return for each size the sum by each weighting, float32 [layout.size], and the examples' norms, float32 [n]."""
    both, sums, norms = BothFisher(checkpoint.body), [], torch.zeros(0)
    for size in sizes:
        norms = torch.cat([norms, add_with_norms(both, examples[len(norms) : size], checkpoint)])
        sums.append([both.sums.clone(), *(both.sums.clone() for _ in caps), both.normalised.clone()])
    excess = {(size, way): 1 - capped_weights(norms[:size], cap) for size in sizes for way, cap in enumerate(caps, 1)}
    fisher = ExactFisher(checkpoint.body)
    wanted = {int(number) for too_much in excess.values() for number in too_much.nonzero()}
    for number in sorted(wanted):
        fisher.sums.zero_()
        add_examples(fisher, [examples[number]], checkpoint)
        for (size, way), too_much in excess.items():
            if number < len(too_much) and too_much[number] > 0:
                sums[sizes.index(size)][way].sub_(fisher.sums, alpha=float(too_much[number]))
    return sums, norms


def add_with_norms(fisher: CappedFisher, examples: Sequence[Encoded], checkpoint: Checkpoint) -> Tensor:
    """Add examples and return their gradients' norms, float32 [n]."""
    cpu, places = torch.device("cpu"), {id(example): number for number, example in enumerate(examples)}
    norms = torch.zeros(len(examples))
    for _, batch in batches(examples, fisher.layout, cpu, alone=not checkpoint.batched):
        fisher.add(**collate(batch, checkpoint.padding, cpu), head=checkpoint.head)
        norms[[places[id(example)] for example in batch]] = fisher.norms
    return norms
