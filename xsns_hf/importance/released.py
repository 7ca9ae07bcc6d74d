"""The Fisher information as the authors' released code computes it, for comparison with the paper's definition.

It is another quantity than the paper's equation: the square of the batch-mean gradient, each tensor's gradient
clipped to norm 1 before, with dropout on, averaged over batches.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from xsns_hf.importance.accumulators import Place
from xsns_hf.importance.base import Importance
from xsns_hf.importance.head import Head
from xsns_hf.models.blocks import block_parameters, layout_of
from xsns_hf.models.objectives import IGNORED
from xsns_hf.recipe import Stacks


class ReleasedFisher(Importance):
    """Sums squared, clipped batch-mean gradients, in float32 and with the model.

    Attributes:
        layout: the block parameters, in the order of `sums`.
        sums: float32 [layout.size] on the body's device.
        count: number of BATCHES in the sums.
        by_autograd: all of the block parameters' names.
    """

    batch = 16  # whose mean gradient is squared: the released code's default
    sums_anywhere = False

    def __init__(
        self,
        body: PreTrainedModel,
        precision: torch.dtype = torch.float32,
        sums_in: Place | None = None,
        stacks: Stacks = "both",
    ):
        """Start with sums of zero; recipes ask for no other precision than float32."""
        self.body = body.train().requires_grad_(False)
        self.layout = layout_of(body, stacks)
        self.sums = torch.zeros(self.layout.size, device=body.device)
        self.count = 0
        self._parameters = block_parameters(body, stacks)
        self.by_autograd = list(self._parameters)
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)

    def values(self) -> Tensor:
        """Return sums / count, float32 [layout.size]."""
        return self.sums / self.count

    def add(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor) -> Tensor:
        """Add one batch; arguments as of `Importance.add`.

        Returns:
            float32 [1], the mean cross-entropy over all predicted tokens of the batch.
        """
        predicted = labels != IGNORED
        hidden = self.body(input_ids=input_ids, attention_mask=attention_mask, **decoder).last_hidden_state
        if hasattr(head, "example_losses"):
            loss = head.example_losses(hidden[predicted], labels[predicted], predicted.nonzero()[:, 0]).mean()
        else:
            loss = F.cross_entropy(head(hidden[predicted]), labels[predicted])
        loss.backward()
        for tensor in self.layout.tensors:
            parameter = self._parameters[tensor.name]
            torch.nn.utils.clip_grad_norm_(parameter, 1.0)
            if parameter.grad is not None:
                gradient = parameter.grad.flatten().to(self.sums)
                self.sums[tensor.span].addcmul_(gradient, gradient)
                parameter.grad = None
        self.count += 1
        return loss.detach()[None]
