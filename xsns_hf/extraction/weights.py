"""Weights: what each sentence of a sample counts for in the sums, by the norms of all, and which of them stand out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, distributed

from xsns_hf.models.objectives import Encoded

MOST_TAKEN_OFF = 16
"""By how much a sentence may have counted for too much in the sums, at most, to be taken off from them again. What
rounding leaves of it grows by as much, compared with what the sentence shall count for."""


@dataclass(frozen=True)
class Unusual:
    """What stands out in a sample.

    Attributes:
        silent: number of sentences without any gradient.
        capped: number of those that count for less than others would.
        weight: what the one with the largest gradient counts for, in (0, 1].
        share: that it would have of the sums if it counted for 1.
        line: its number among the language's sentences, from 0, where that is known.
    """

    silent: int
    capped: int
    weight: float
    share: float
    line: int | None


class SampleWeights:
    """The norms of a sample's gradients, and what each example counts for in the sums; alike in all processes.

    Attributes:
        examples: of all processes.
        norms: float32 [n], of the examples' gradients; 0 for what other processes add, until `gather`.
        weights: float64 [n], what each example counts for.
    """

    def __init__(self, device: torch.device):
        """Start without examples; processes exchange values by way of a device."""
        self.examples: list[Encoded] = []
        self.norms = torch.zeros(0, device=device)
        self.weights = torch.zeros(0, dtype=torch.float64)
        self._places: dict[int, int] = {}
        self._gathered = 0

    def extend(self, examples: Sequence[Encoded]) -> None:
        """Append the examples of a round, each of which is about to be added, for 1."""
        self._places |= {id(example): number for number, example in enumerate(examples, len(self.examples))}
        self.examples += examples
        self.norms = torch.cat([self.norms, self.norms.new_zeros(len(examples))])
        self.weights = torch.cat([self.weights, torch.ones(len(examples), dtype=torch.float64)])

    def note(self, batch: Sequence[Encoded], norms: Tensor) -> None:
        """Note the norms of a batch, float [B]."""
        self.norms[self._places_of(batch)] = norms.to(self.norms)

    def gather(self, accelerator: Accelerator) -> None:
        """Have all processes know the norms of the last round."""
        if accelerator.num_processes > 1:
            new = self.norms[self._gathered :].clone()
            distributed.all_reduce(new)
            self.norms[self._gathered :] = new
        self._gathered = len(self.examples)

    def cancelling(self, wanted: Tensor) -> bool:
        """Return whether an example counts for so much that taking it off again would leave rounding errors behind."""
        return bool((self.weights > MOST_TAKEN_OFF * wanted).any())

    def changed(self, wanted: Tensor, examples: Sequence[Encoded]) -> list[list[Encoded]]:
        """Return which of some examples are to count for less than they do, and which for more."""
        more = wanted - self.weights
        return [[each for each in examples if sign * float(more[self._places[id(each)]]) > 0] for sign in (-1, 1)]

    def difference(self, wanted: Tensor, batch: Sequence[Encoded]) -> Tensor:
        """Return how much more each example of a batch is to count for, float64 [B]."""
        return (wanted - self.weights)[self._places_of(batch)]

    def unusual(self) -> Unusual:
        """Return what stands out."""
        norms = self.norms.double().cpu()
        largest = int(norms.argmax())
        share = float(norms[largest].square() / norms.square().sum())
        return Unusual(
            int((norms == 0).sum()),
            int((self.weights < 1).sum()),
            float(self.weights[largest]),
            share,
            self.examples[largest].line,
        )

    def _places_of(self, examples: Sequence[Encoded]) -> list[int]:
        return [self._places[id(example)] for example in examples]
