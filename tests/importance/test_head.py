"""The head's losses and gradient: those of one cross-entropy over all logits, bit for bit, a few rows at a time."""

import torch
from conftest import tiny_xlmr
from torch.nn import functional as F

from xsns_hf.importance import head
from xsns_hf.models.body import OwnHead


def test_losses_of_a_few_rows_at_a_time_are_those_of_all_together(monkeypatch):
    model, rows = tiny_xlmr(), torch.randn(23, 32, generator=torch.Generator().manual_seed(0))
    targets, example = torch.arange(23), torch.arange(23) // 4
    hidden, weight = rows.clone().requires_grad_(True), 1 / torch.bincount(example)[example].float()
    all_losses = F.cross_entropy(model.lm_head(hidden), targets, reduction="none")
    (expected,) = torch.autograd.grad(all_losses @ weight, hidden)
    cross_entropy, taken = F.cross_entropy, []

    def noted(logits, *arguments, **options):
        taken.append(len(logits))
        return cross_entropy(logits, *arguments, **options)

    monkeypatch.setattr(F, "cross_entropy", noted)
    losses, gradient = head.through_head(rows, targets, example, OwnHead(model))
    assert max(taken) <= head.LOSS_ROWS < sum(taken) == len(rows)
    assert torch.equal(gradient, expected)
    assert torch.equal(losses, torch.zeros(6).index_add_(0, example, all_losses.detach() * weight))


def test_the_logits_gradient_is_not_copied_on_its_way_back():
    logits = OwnHead(tiny_xlmr())(torch.randn(9, 32))
    slopes = torch.ones_like(logits)
    assert logits.grad_fn(slopes).data_ptr() == slopes.data_ptr()
