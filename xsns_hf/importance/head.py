"""From hidden states through the head to losses, and their gradient with respect to the hidden states."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from xsns_hf.errors import XsnsError, parameter

Head = Callable[[Tensor], Tensor]
"""Maps hidden states [N, H] to logits [N, V], each position a prediction by itself; or has a method
`example_losses(hidden, labels, example)`, which returns the loss of each example (`extraction.random_heads.SpanHead`).
"""


LOGIT_ROWS = 96
"""Predictions whose logits are held at a time: 96 MB of float32 for a vocabulary of 250,000, and as much again for
their gradient. A few dozen are enough for the product with the word embeddings to run at full speed."""

LOSS_ROWS = 8
"""Predictions whose loss is taken at a time on a CPU. What a softmax needs beside them is then small enough to be used
again, where large memory is given back to the system and has to be cleared anew for every batch."""


def through_head(rows: Tensor, targets: Tensor, example: Tensor, head: Head) -> tuple[Tensor, Tensor]:
    """Return each example's loss [B] and the gradient [N, H] of their sum with respect to the rows."""
    if hasattr(head, "example_losses"):
        hidden = rows.clone().requires_grad_(True)
        losses = head.example_losses(hidden, targets, example)
        return losses.detach(), torch.autograd.grad(losses.sum(), hidden)[0]
    weight = torch.bincount(example).float().reciprocal()[example]
    parts = -(-len(rows) // LOGIT_ROWS)  # a few rows at a time, since a vocabulary is large
    row_losses, gradients = [], []
    for part, target, share in zip(*(values.tensor_split(parts) for values in (rows, targets, weight)), strict=True):
        hidden = part.clone().requires_grad_(True)
        logits = head(hidden)
        loss, slopes = _cross_entropy(logits.detach(), target.to(logits.device), share.to(logits.device))
        uses = logits.requires_grad
        (gradient,) = torch.autograd.grad(logits, hidden, slopes, allow_unused=True) if uses else (None,)
        if gradient is None:
            raise XsnsError(
                f"The model's head doesn't look at the last hidden states: use {parameter('head', 'tied')}."
            )
        gradients.append(gradient)
        row_losses.append(loss.to(rows.device))
    weighted = torch.cat(row_losses) * weight
    return weighted.new_zeros(int(example[-1]) + 1).index_add_(0, example, weighted), torch.cat(gradients)


def _cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row's cross-entropy, float32 [N], and the gradient of their weighted sum by the logits, [N, V]."""
    at_once = LOSS_ROWS if logits.device.type == "cpu" else len(logits)
    losses, slopes = [], torch.empty_like(logits)
    for row, target, weight, slope in zip(*(v.split(at_once) for v in (logits, targets, weights, slopes)), strict=True):
        own = row.float().requires_grad_(True)
        loss = F.cross_entropy(own, target, reduction="none")
        slope.copy_(torch.autograd.grad(loss @ weight, own)[0])
        losses.append(loss.detach())
    return torch.cat(losses), slopes
