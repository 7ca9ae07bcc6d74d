"""What extraction is compared with: the least that any gradient costs, plain loops, and ours in several ways."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from bench.measuring import replaced
from xsns_hf.importance import gradients as per_example
from xsns_hf.importance import kernels
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.head import through_head
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.body import OwnHead, body_of
from xsns_hf.models.objectives import IGNORED

Batch = dict[str, torch.Tensor]
Run = Callable[[PreTrainedModel, Batch], None]
"""Takes a batch through a model whose parameters are frozen."""


@cache
def sums_of(parameter: nn.Parameter) -> torch.Tensor:
    """Return the sums that a parameter's squares are added to, of zero at first."""
    return torch.zeros_like(parameter, requires_grad=False)


def unfrozen_blocks(model: nn.Module) -> Sequence[nn.Parameter]:
    """Have the block parameters, and no others, require a gradient; return them."""
    model.requires_grad_(False)
    parameters = list(block_parameters(model).values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    return parameters


def gathered_loss(model: PreTrainedModel, batch: Batch, **inputs: torch.Tensor) -> torch.Tensor:
    """Return the mean loss, with the head at the masked positions only."""
    chosen = batch["labels"] != IGNORED
    hidden = model.base_model(input_ids=batch["input_ids"], **inputs).last_hidden_state
    return F.cross_entropy(model.lm_head(hidden[chosen]), batch["labels"][chosen])


def floor(model: PreTrainedModel, batch: Batch) -> None:
    """Compute what any gradient takes: blocks only, logits at the masked positions only."""
    parameters = unfrozen_blocks(model.base_model)
    gathered_loss(model, batch, attention_mask=batch["attention_mask"]).backward()
    for parameter in parameters:
        parameter.grad = None


def floor_of_head(model: PreTrainedModel, batch: Batch) -> None:
    """Compute what of that is the head's: from the hidden states at the masked positions to their gradient."""
    rows, labels, _ = hidden_rows(model, batch)
    F.cross_entropy(model.lm_head(rows.requires_grad_(True)), labels).backward()


def hidden_rows(model: PreTrainedModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return made-up hidden states [N, H] of a batch's N masked positions, their labels, and their examples."""
    chosen = batch["labels"] != IGNORED
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(int(chosen.sum()), model.config.hidden_size, generator=random)
    return rows.to(chosen.device), batch["labels"][chosen], chosen.nonzero()[:, 0]


class Ours:
    """The package's own, in one of its ways."""

    def __init__(
        self,
        add: Callable[..., Any] = kernels.add_squares,
        precision: torch.dtype = torch.float32,
        importance: type[ExactFisher] = ExactFisher,
    ):
        self.add, self.precision, self.importance = add, precision, importance
        self.fisher: ExactFisher | None = None

    def __call__(self, model: PreTrainedModel, batch: Batch) -> None:
        """Add a batch."""
        if self.fisher is None:
            self.fisher = self.importance(body_of(model), self.precision)
        with replaced(per_example, "ADD", {**per_example.ADD, "square": self.add}):
            self.fisher.add(**batch, head=OwnHead(model))


class OurHead(Ours):
    """What of it is the head's."""

    def __call__(self, model: PreTrainedModel, batch: Batch) -> None:
        """Take a batch's masked positions through the head."""
        through_head(*hidden_rows(model, batch), OwnHead(model))


def naive_gathered(model: PreTrainedModel, batch: Batch) -> None:
    """Run the plain loop, with the head at the masked positions only."""
    parameters = unfrozen_blocks(model.base_model)
    gradients = torch.autograd.grad(gathered_loss(model, batch), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        sums_of(parameter).addcmul_(gradient, gradient)


def naive(model: PreTrainedModel, batch: Batch) -> None:
    """Run the loop that everybody writes first: exact, a backward pass of the whole model for each example."""
    model.requires_grad_(True)
    model(input_ids=batch["input_ids"], labels=batch["labels"]).loss.backward()
    for parameter in block_parameters(model.base_model).values():
        if parameter.grad is not None:
            sums_of(parameter).addcmul_(parameter.grad, parameter.grad)
    model.zero_grad()


def released(model: PreTrainedModel, batch: Batch) -> None:
    """Run the loop of the authors' code: train mode, all parameters, clipping, the batch-mean gradient squared."""
    model.train().requires_grad_(True)
    model(**batch).loss.backward()
    for name, parameter in model.named_parameters():
        if "layer" in name and parameter.grad is not None:
            torch.nn.utils.clip_grad_norm_(parameter, 1.0)
            sums_of(parameter).add_(parameter.grad.square())
    model.zero_grad()
    model.eval()
