"""What all importances have in common: sums over examples that can be merged, added up over processes and cleared."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, distributed, nn
from transformers import PreTrainedModel

from xsns_hf.importance.accumulators import Place
from xsns_hf.importance.casting import Casts
from xsns_hf.importance.head import Head
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.models.blocks import layout_of
from xsns_hf.recipe import Stacks

PIECE = 1 << 26
"""Parameters whose sums are exchanged between processes at a time."""

SAMPLED = 61
"""The total is estimated from every 61st parameter: a prime, so that all columns of a matrix are sampled."""


class Importance(ABC):
    """Takes in examples and says how important each parameter is.

    Attributes:
        layout: what is measured, in the order of `sums`.
        sums: float32 [layout.size], over all examples so far.
        count: what the sums are divided by for a mean.
        by_autograd: names of the tensors whose gradients no formula covers; known after the first batch.
        batch: examples of a batch, as they are drawn, for an importance that depends on its batches; None for others.
        of_gradients: whether gradients are taken.
        cancels: whether sums of several examples may cancel, so that shares of them say nothing.
        sums_anywhere: whether the sums can be kept elsewhere than with the model.
        takes_norms: whether it knows the norms of the examples' gradients, and lets no example own the sums.
        casts: copies of weights that it makes for bfloat16; importances of one body can have them in common.
        norms: where it does, those of the batch added last, float32 [B], over all parameters of the layout.
    """

    layout: ParameterLayout
    sums: Tensor
    count: int
    by_autograd: list[str]
    norms: Tensor
    casts: Casts | None = None

    batch: ClassVar[int | None] = None
    of_gradients: ClassVar[bool] = True
    cancels: ClassVar[bool] = False
    sums_anywhere: ClassVar[bool] = True
    takes_norms: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, body: PreTrainedModel, precision: torch.dtype, sums_in: Place | None, stacks: Stacks):
        """Start with nothing added, see `ExactFisher`."""

    @staticmethod
    def layout_of(body: nn.Module, stacks: Stacks = "both") -> ParameterLayout:
        """Return what is measured of a body: its blocks' parameters."""
        return layout_of(body, stacks)

    @abstractmethod
    def add(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor) -> Tensor:
        """Add a batch of examples, each with at least one token to predict.

        Args:
            input_ids: int64 [B, T], padded on the right.
            attention_mask: int64 [B, T], 0 where padded.
            labels: int64 [B, T], or [B, U] for an encoder–decoder: what is to be predicted there, or `IGNORED`.
            head: what turns hidden states into predictions; it is applied to the predicted positions only.
            decoder: of an encoder–decoder only, `decoder_input_ids`, int64 [B, U], padded on the right, and
                `decoder_attention_mask`, int64 [B, U], 0 where padded.

        Returns:
            float32 [B], the loss −log p(y|x) of each example, the mean cross-entropy over its predicted tokens; or
            [1], that of the batch.

        Raises:
            XsnsError: the model can't be measured so.
        """

    @abstractmethod
    def values(self) -> Tensor:
        """Return the importances so far, float32 [layout.size], non-negative."""

    def weights(self, norms: Tensor) -> Tensor | None:
        """Return what each example shall count for in the sums, float64 [n], given the norms of all of a sample's.

        None where it is right as it was added: nothing is to be added again. To begin with each counts for 1.
        """
        return None

    def add_again(
        self, weights: Tensor, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor
    ) -> None:
        """Change what examples count for in the sums, where `weights` asks for it; they are not counted again.

        Args:
            weights: float [B], by how much: all above or all below zero.
            input_ids: as of `add`, like what follows.
            attention_mask: as of `add`.
            labels: as of `add`.
            head: as of `add`.
            decoder: as of `add`.
        """
        raise NotImplementedError

    def restart(self) -> None:
        """Have no example count for anything, without forgetting how many there are."""
        raise NotImplementedError

    def total(self) -> Tensor:
        """Return about 1/61 of the total of the sums, a float32 scalar where they are."""
        return self.sums[::SAMPLED].sum()

    def merge(self, other: "Importance") -> None:
        """Add the examples of another, of the same model."""
        self.sums += other.sums
        self.count += other.count

    def clear(self) -> None:
        """Forget all examples."""
        self.sums.zero_()
        self.count = 0

    def reduce(self, device: torch.device) -> None:
        """Sum over the processes, in place, since the sums are as large as the blocks.

        Args:
            device: by way of which the processes exchange values.
        """
        for piece in self.sums.split(PIECE):
            moved = piece.to(device)
            distributed.all_reduce(moved)
            piece.copy_(moved)
        count = torch.tensor(float(self.count), device=device)
        distributed.all_reduce(count)
        self.count = int(count)
