"""What makes bfloat16 fast on a CPU: weights are cast once, and attention runs where PyTorch is quick at it.

Autocast keeps hidden states and normalisations in float32, which masks need: with a model that is in bfloat16 as a
whole they agree with those of float32 to 0.985, under autocast to 0.99. But it casts a frozen weight anew in every
call. Here copies in bfloat16 stand in for the weights during a pass, so that nothing is left to cast.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from xsns_hf.importance.head import Head


class Casts:
    """Copies in bfloat16 of a model's matrices, made on first use; they take half the memory of the matrices."""

    def __init__(self) -> None:
        self._copies: dict[nn.Parameter, Tensor] = {}

    @contextmanager
    def pass_through(self, body: nn.Module) -> Iterator[None]:
        """Run a body forward and backward in bfloat16, in this context."""
        linear = (module for module in body.modules() if isinstance(module, nn.Linear))
        with ExitStack() as stack:
            # PyTorch's fused attention in bfloat16 takes five times as long on a CPU, in the backward pass, as this.
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            stack.enter_context(self._standing_in(linear))
            yield

    @contextmanager
    def through_head(self, head: Head) -> Iterator[None]:
        """Run a head forward and backward in bfloat16, in this context: its word embeddings are its largest matrix."""
        words = getattr(head, "word_embeddings", None)
        with self._standing_in([] if words is None else [words]):
            yield

    @contextmanager
    def _standing_in(self, modules: Iterable[nn.Module]) -> Iterator[None]:
        """Have copies stand in for the weights that need no gradient."""
        weights = [module.weight for module in modules if isinstance(module.weight, nn.Parameter)]
        own = {weight: weight.data for weight in weights if weight.dtype == torch.float32 and not weight.requires_grad}
        try:
            for weight, values in own.items():
                if weight not in self._copies:
                    self._copies[weight] = values.to(torch.bfloat16)
                weight.data = self._copies[weight]
            yield
        finally:
            for weight, values in own.items():
                weight.data = values
