"""The Fisher information against the plainest computation of it: autograd, one example at a time, full head."""

import pytest
import torch
from conftest import SMALL, randomised, tiny_bert, tiny_xlmr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AlbertConfig, AlbertForMaskedLM

from xsns_hf.errors import XsnsError
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.released import ReleasedFisher
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.body import OwnHead
from xsns_hf.models.objectives import IGNORED

models = {"xlm-r": tiny_xlmr(), "bert": tiny_bert()}


def a_batch(lengths: list[int], ratio: float, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    shape = len(lengths), max(lengths)
    tokens = torch.randint(5, 300, shape, generator=random)
    attended = (torch.arange(shape[1])[None] < torch.tensor(lengths)[:, None]).long()
    predicted = (torch.rand(shape, generator=random) < ratio) & attended.bool()
    predicted[:, 0] |= ~predicted.any(1)
    labels = torch.where(predicted, tokens, IGNORED)
    tokens = torch.where(attended.bool(), tokens, 1)
    return tokens, attended, labels


def naive(model, tokens, attended, labels) -> dict[str, torch.Tensor]:
    """Sum the squared gradients of each example alone, without padding, through the model's own loss."""
    parameters = block_parameters(model.base_model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    sums = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for one, mask, label in zip(tokens, attended, labels, strict=True):
        length = int(mask.sum())
        loss = model(input_ids=one[None, :length], labels=label[None, :length]).loss
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                sums[name] += gradient**2
    return sums


def assert_equal_sums(fisher, expected: dict[str, torch.Tensor], rtol: float = 1e-4, atol: float = 1e-6) -> None:
    """Compare tensor by tensor; `atol` is relative to a tensor's greatest value."""
    assert [tensor.name for tensor in fisher.layout.tensors] == list(expected)
    for tensor in fisher.layout.tensors:
        if tensor.name.endswith("key.bias"):
            continue  # zero in theory (a constant added to all scores), rounding noise in practice
        ours, theirs = fisher.sums[tensor.span].view(tensor.shape), expected[tensor.name]
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol * float(theirs.max()), msg=tensor.name)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", models)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(0.05, 0.9), st.integers(0, 99))
def test_exact_fisher_equals_autograd_one_example_at_a_time(kind, lengths, ratio, seed):
    model = models[kind]
    batch = a_batch(lengths, ratio, seed)
    expected = naive(model, *batch)
    fisher = ExactFisher(model.base_model)
    losses = fisher.add(*batch, head=OwnHead(model))
    assert fisher.count == len(lengths) == len(losses)
    assert fisher.by_autograd == []
    assert all(parameter.grad is None for parameter in model.parameters())
    assert_equal_sums(fisher, expected)


@pytest.mark.parametrize("kind", models)
def test_bfloat16_stays_within_a_few_percent(kind):
    model, batch = models[kind], a_batch([5, 30, 12, 3, 21, 8], 0.3, 0)
    exact, rough = ExactFisher(model.base_model), ExactFisher(model.base_model, torch.bfloat16)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    for fisher in (exact, rough):
        fisher.add(*batch, head=OwnHead(model))
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert rough.sums.dtype == torch.float32
    for tensor in exact.layout.tensors:
        if not tensor.name.endswith("key.bias"):
            difference = (rough.sums - exact.sums)[tensor.span].abs().sum()
            assert 0 < difference < 0.05 * exact.sums[tensor.span].sum(), tensor.name


@pytest.mark.thorough
@settings(max_examples=10, deadline=None)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_batch_size_and_order_change_only_the_rounding(order, size):
    model = models["xlm-r"]
    tokens, attended, labels = a_batch([5, 30, 12, 3, 21, 8], 0.3, 0)
    whole, parts = ExactFisher(model.base_model), ExactFisher(model.base_model)
    whole.add(tokens, attended, labels, head=OwnHead(model))
    for start in range(0, 6, size):
        rows = list(order[start : start + size])
        parts.add(tokens[rows], attended[rows], labels[rows], head=OwnHead(model))
    torch.testing.assert_close(parts.sums, whole.sums, rtol=1e-4, atol=1e-6 * float(whole.sums.max()))


def test_layers_shared_between_blocks_are_summed_over_their_calls():
    torch.manual_seed(3)
    model = randomised(AlbertForMaskedLM(AlbertConfig(vocab_size=300, embedding_size=16, **SMALL)))
    batch = a_batch([9, 4, 14], 0.3, 1)
    expected = naive(model, *batch)
    fisher = ExactFisher(model.base_model)
    fisher.add(*batch, head=OwnHead(model))
    assert fisher.by_autograd == []
    for name, parameter in expected.items():
        if not name.endswith("key.bias"):
            tensor = next(t for t in fisher.layout.tensors if t.name == name)
            torch.testing.assert_close(
                fisher.sums[tensor.span].view(tensor.shape), parameter, rtol=1e-4, atol=1e-6 * float(parameter.max())
            )


def test_blocks_leave_out_embeddings_and_heads():
    names = list(block_parameters(models["xlm-r"].base_model))
    assert len(names) == 2 * 16
    assert all(name.startswith("encoder.layer.") for name in names)


def test_a_model_without_blocks_is_refused():
    with pytest.raises(XsnsError, match="no list of transformer blocks"):
        block_parameters(nn.Sequential(nn.Linear(2, 2)))


def test_released_variant_squares_the_clipped_batch_mean_gradient():
    model = tiny_bert()
    model.config.hidden_dropout_prob = 0.0
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    batch = a_batch([9, 4, 14], 0.3, 1)
    fisher = ReleasedFisher(model.base_model)
    fisher.add(*batch, head=OwnHead(model))
    tokens, attended, labels = batch
    parameters = block_parameters(model.base_model)
    loss = model(input_ids=tokens, attention_mask=attended, labels=labels).loss
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    expected = {
        name: (g * min(1.0, 1.0 / (float(g.norm()) + 1e-6))) ** 2 for name, g in zip(parameters, gradients, strict=True)
    }
    assert fisher.count == 1
    assert_equal_sums(fisher, expected, rtol=1e-3)
