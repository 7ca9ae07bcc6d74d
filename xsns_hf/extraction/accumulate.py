"""Accumulating: examples → sums of importances, over the processes, with what makes the sums doubtful."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, distributed

from xsns_hf.errors import XsnsError
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.extraction.weights import SampleWeights, Unusual
from xsns_hf.importance.accumulators import place_of_sums
from xsns_hf.importance.base import Importance
from xsns_hf.importance.choosing import importance_of
from xsns_hf.importance.head import Head
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import select
from xsns_hf.models.blocks import layout_of
from xsns_hf.models.loading import Checkpoint, is_spread
from xsns_hf.models.objectives import Encoded, example_generator
from xsns_hf.recipe import Recipe


class Accumulation:
    """The importances of one sample, summed round by round; each process adds its share of a round.

    Where halves of the sample are to be compared there are two sums, which take the examples by turns.

    Attributes:
        layout: what is measured.
        examples: how many are in the sums.
        loss: sum over the examples of −log p(y|x), float32 [].
        largest_batch: examples of the largest batch that this process added.
        by_autograd: tensors whose gradients no formula covers, see `ExactFisher`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        head: Head,
        recipe: Recipe,
        language: str,
        seed: int,
        accelerator: Accelerator,
        sums_in: Path | None = None,
    ):
        """Start with nothing added; arguments as of `extract`."""
        self.checkpoint, self.head, self.recipe = checkpoint, head, recipe
        self.language, self.seed, self.accelerator = language, seed, accelerator
        number = 2 if recipe.agreement else 1
        size = layout_of(checkpoint.body, recipe.stacks).size
        # Of a model over several GPUs, no one of them has room for the sums of all.
        device = torch.device("cpu") if is_spread(checkpoint.body) else accelerator.device
        place = place_of_sums(number * size, device, sums_in)
        self.parts = [importance_of(recipe, checkpoint.body, place) for _ in range(number)]
        for part in self.parts:
            part.casts = self.parts[0].casts
        self.layout = self.parts[0].layout
        self.examples, self.largest_batch = 0, 1
        self._shares: list[list[Encoded]] = [[] for _ in self.parts]  # the examples of each, if they may be added again
        self._weights = SampleWeights(accelerator.device) if self.parts[0].takes_norms else None
        self.loss = torch.zeros((), device=accelerator.device)
        self._largest_growth = torch.zeros((), device=accelerator.device)

    @property
    def by_autograd(self) -> Sequence[str]:
        """Names of the tensors whose gradients no formula covers."""
        return self.parts[0].by_autograd

    def add(self, examples: Sequence[Encoded], advance: Callable[[int], None]) -> None:
        """Add a round of examples, this process its share, and sum over the processes.

        Args:
            examples: of all processes.
            advance: called after each batch with about how many examples all processes did.

        Raises:
            XsnsError: the loss isn't finite.
        """
        if self.examples:
            self._leave_sums_to_main()
        if self._weights:
            self._weights.extend(examples)
        for number, part in enumerate(self.parts):
            share = examples[number :: len(self.parts)]
            self._add(part, share, advance)
            if self._weights:
                self._shares[number] += share
        if self._weights:
            self._weigh(self._weights)
        self._share_sums()
        self.examples += len(examples)

    def agreement(self) -> float:
        """Return the Jaccard coefficient of the masks of the halves; compared on the first process, for all alike."""
        agreement = self.loss.new_zeros(())
        if self.accelerator.is_main_process:
            halves = [select(part.values().cpu().numpy(), self.layout, self.recipe.density) for part in self.parts]
            agreement += jaccard(*halves)
        return float(broadcast(agreement))

    def largest_share(self) -> float | None:
        """Return the share of the sums that came from a single batch at most; None where sums can cancel, or where what
        each example counts for is known, see `unusual`.
        """
        if self.parts[0].cancels or self._weights:
            return None
        return float(self._largest_growth / sum(part.total() for part in self.parts))

    def unusual(self) -> Unusual | None:
        """Return what stands out among the examples, where the importance knows their gradients' norms."""
        return self._weights.unusual() if self._weights else None

    def merged_values(self) -> np.ndarray:
        """Merge the halves, if there are two, and return the importances, float32 [layout.size]."""
        whole, *others = self.parts
        for part in others:
            whole.merge(part)
        return whole.values().cpu().numpy()

    def _add(self, part: Importance, examples: Sequence[Encoded], advance: Callable[[int], None]) -> None:
        """Add this process's share of some examples to a sum."""
        before = part.total().to(self._largest_growth)
        for number, batch, inputs in self._batches(part, examples):
            # Dropout, where an importance uses it, depends on the batch and not on the process.
            torch.manual_seed(int(example_generator(self.seed, self.language, number).integers(2**31)))
            self.loss += part.add(**inputs, head=self.head).mean().to(self.loss) * len(batch)
            if self._weights:
                self._weights.note(batch, part.norms)
            if not torch.isfinite(self.loss):
                return  # and meet the other processes in their sum, where all of them see it
            after = part.total().to(self._largest_growth)
            self._largest_growth, before = torch.maximum(self._largest_growth, after - before), after
            self.largest_batch = max(self.largest_batch, len(batch))
            advance(len(batch) * self.accelerator.num_processes)

    def _weigh(self, weights: SampleWeights) -> None:
        """Have each example count for what the importance says, given the norms of all, those of earlier rounds too."""
        weights.gather(self.accelerator)
        wanted = self.parts[0].weights(weights.norms.cpu())
        if wanted is None:
            return
        if weights.cancelling(wanted):
            weights.weights.zero_()
            for part in self.parts:
                part.restart()
        for part, share in zip(self.parts, self._shares, strict=True):
            for examples in weights.changed(wanted, share):
                self._add_again(part, examples, weights, wanted)
        weights.weights = wanted

    def _add_again(self, part: Importance, examples: Sequence[Encoded], weights: SampleWeights, wanted: Tensor) -> None:
        """Have this process's share of some examples count for more or less in a sum than they do."""
        for _, batch, inputs in self._batches(part, examples):
            part.add_again(weights.difference(wanted, batch), **inputs, head=self.head)

    def _batches(
        self, part: Importance, examples: Sequence[Encoded]
    ) -> Iterator[tuple[int, list[Encoded], dict[str, Tensor]]]:
        """Yield this process's batches of some examples: the number, the examples, and what the importance takes."""
        group = self.accelerator.process_index, self.accelerator.num_processes
        device, alone = self.accelerator.device, not self.checkpoint.batched
        for number, batch in batches(examples, self.layout, device, *group, alone=alone, drawn=part.batch):
            yield number, batch, collate(batch, self.checkpoint.padding, device)

    def _share_sums(self) -> None:
        """Sum over the processes."""
        if self.accelerator.num_processes > 1:
            for part in self.parts:
                part.reduce(self.loss.device)
            distributed.all_reduce(self.loss)
            distributed.all_reduce(self._largest_growth, distributed.ReduceOp.MAX)
        if not torch.isfinite(self.loss):
            raise XsnsError(
                f"The loss of {self.checkpoint.name} on {self.language} isn't finite: check the checkpoint's weights "
                "for NaN or infinite values."
            )

    def _leave_sums_to_main(self) -> None:
        """Set the sums of all processes but the first to zero before another round.

        The first holds the total of all; summed up again over the processes, each example counts once.
        """
        if not self.accelerator.is_main_process:
            self.loss.zero_()
            for part in self.parts:
                part.clear()
