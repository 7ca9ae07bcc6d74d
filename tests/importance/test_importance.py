"""Alternatives to the Fisher information against the plainest computation of each, and through the command line."""

import numpy as np
import pytest
import torch
from conftest import SMALL, randomised, tiny_bert, tiny_xlmr
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fisher import a_batch, assert_equal_sums
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    FunnelConfig,
    FunnelModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    MambaConfig,
    MambaModel,
    MixtralConfig,
    MixtralModel,
    ModernBertConfig,
    ModernBertModel,
)

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.importance.activation import ActivationFrequency, feed_forward_outputs
from xsns_hf.importance.measures import GradientMagnitude, WeightTimesGradient
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.body import OwnHead
from xsns_hf.recipe import IMPORTANCES

models = {"xlm-r": tiny_xlmr(), "bert": tiny_bert()}
ALTERNATIVES = ["capped", "normalised", "gradient", "snip", "activation"]


def gradients(model, tokens, attended, labels) -> list[dict[str, torch.Tensor]]:
    """Return the gradients of each example's loss, each alone and without padding."""
    parameters = block_parameters(model.base_model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    found = []
    for one, mask, label in zip(tokens, attended, labels, strict=True):
        length = int(mask.sum())
        loss = model(input_ids=one[None, :length], labels=label[None, :length]).loss
        of_example = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        pairs = zip(parameters.items(), of_example, strict=True)
        found.append({name: torch.zeros_like(p) if g is None else g for (name, p), g in pairs})
    return found


def means(examples, of) -> dict[str, torch.Tensor]:
    return {name: sum(of(each[name]) for each in examples) / len(examples) for name in examples[0]}


def assert_equal_values(measure, expected: dict[str, torch.Tensor]) -> None:
    measure.sums = measure.values()
    # Gradients, unlike their squares, are as exact as the terms that cancel in them: some 1e-6 of the greatest.
    assert_equal_sums(measure, expected, rtol=1e-3, atol=2e-5)


lengths_of_examples = st.lists(st.integers(1, 40), min_size=1, max_size=6)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", models)
@settings(max_examples=10, deadline=None)
@given(lengths_of_examples, st.floats(0.05, 0.9), st.integers(0, 99))
def test_gradient_is_the_mean_magnitude_of_the_gradients_of_single_examples(kind, lengths, ratio, seed):
    model, batch = models[kind], a_batch(lengths, ratio, seed)
    expected = means(gradients(model, *batch), torch.abs)
    measure = GradientMagnitude(model.base_model)
    losses = measure.add(*batch, head=OwnHead(model))
    assert measure.count == len(lengths) == len(losses)
    assert_equal_values(measure, expected)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", models)
@settings(max_examples=10, deadline=None)
@given(lengths_of_examples, st.floats(0.05, 0.9), st.integers(0, 99))
def test_snip_is_the_magnitude_of_weight_times_mean_gradient(kind, lengths, ratio, seed):
    model, batch = models[kind], a_batch(lengths, ratio, seed)
    mean = means(gradients(model, *batch), lambda gradient: gradient)
    expected = {name: (p.detach() * mean[name]).abs() for name, p in block_parameters(model.base_model).items()}
    measure = WeightTimesGradient(model.base_model)
    measure.add(*batch, head=OwnHead(model))
    assert_equal_values(measure, expected)


@pytest.mark.parametrize("measure_of", [GradientMagnitude, WeightTimesGradient])
def test_layers_shared_between_blocks_are_taken_by_autograd_exactly(measure_of):
    torch.manual_seed(3)
    model = randomised(AlbertForMaskedLM(AlbertConfig(vocab_size=300, embedding_size=16, **SMALL)))
    batch = a_batch([9, 4, 14], 0.3, 1)
    examples = gradients(model, *batch)
    measure = measure_of(model.base_model)
    measure.add(*batch, head=OwnHead(model))
    parameters = block_parameters(model.base_model)
    expected = means(examples, torch.abs if measure_of is GradientMagnitude else lambda gradient: gradient)
    if measure_of is WeightTimesGradient:
        expected = {name: (parameters[name].detach() * mean).abs() for name, mean in expected.items()}
    assert_equal_values(measure, expected)


@pytest.mark.parametrize("kind", models)
@settings(max_examples=10, deadline=None)
@given(lengths_of_examples, st.integers(0, 99))
def test_activation_is_the_share_of_tokens_that_a_hook_sees_above_zero(kind, lengths, seed):
    model, (tokens, attended, labels) = models[kind], a_batch(lengths, 0.3, seed)
    seen: dict[int, list[torch.Tensor]] = {0: [], 1: []}
    layers = model.base_model.encoder.layer
    hooks = [
        layer.intermediate.register_forward_hook(lambda _, __, output, number=number: seen[number].append(output[0]))
        for number, layer in enumerate(layers)
    ]
    for one, mask in zip(tokens, attended, strict=True):
        model(input_ids=one[None, : int(mask.sum())])
    for hook in hooks:
        hook.remove()
    expected = torch.cat([(torch.cat(rows) > 0).float().mean(0) for rows in seen.values()])
    measure = ActivationFrequency(model.base_model)
    losses = measure.add(tokens, attended, labels, head=OwnHead(model))
    assert measure.count == sum(lengths)
    assert losses.shape == (len(lengths),)
    torch.testing.assert_close(measure.values(), expected, rtol=0, atol=1.5 / sum(lengths))  # a rounding at zero
    assert [tensor.shape for tensor in measure.layout.tensors] == [(64, 1)] * 2


@pytest.mark.thorough
@pytest.mark.parametrize("measure_of", [GradientMagnitude, WeightTimesGradient, ActivationFrequency])
@settings(max_examples=8, deadline=None)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_batch_size_and_order_change_only_the_rounding(measure_of, order, size):
    model = models["xlm-r"]
    tokens, attended, labels = a_batch([5, 30, 12, 3, 21, 8], 0.3, 0)
    whole, parts = measure_of(model.base_model), measure_of(model.base_model)
    expected = whole.add(tokens, attended, labels, head=OwnHead(model))
    losses = torch.zeros(6)
    for start in range(0, 6, size):
        rows = list(order[start : start + size])
        losses[rows] = parts.add(tokens[rows], attended[rows], labels[rows], head=OwnHead(model))
    torch.testing.assert_close(losses, expected)
    atol = 1.5 / parts.count if measure_of is ActivationFrequency else 2e-5 * float(whole.values().max())
    torch.testing.assert_close(parts.values(), whole.values(), rtol=1e-3, atol=atol)


def test_feed_forward_neurons_are_found_by_structure():
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    vocabulary = {"vocab_size": 300, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    modern = ModernBertModel(ModernBertConfig(**sizes, **vocabulary, cls_token_id=0, sep_token_id=2))
    # Heads wider than the model: attention widens and narrows too, but less than the feed-forward layer.
    llama = LlamaModel(LlamaConfig(**sizes, **vocabulary, head_dim=10, num_key_value_heads=4))
    gpt2 = GPT2Model(GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=300))
    assert list(feed_forward_outputs(modern)) == ["layers.0.mlp.Wo", "layers.1.mlp.Wo"]
    assert list(feed_forward_outputs(llama)) == ["layers.0.mlp.down_proj", "layers.1.mlp.down_proj"]
    assert list(feed_forward_outputs(gpt2)) == ["h.0.mlp.c_proj", "h.1.mlp.c_proj"]
    assert [tensor.size for tensor in ActivationFrequency(gpt2).layout.tensors] == [128, 128]


@pytest.mark.parametrize("name", ["mamba", "mixtral"])
def test_layers_that_only_look_like_feed_forward_ones_are_refused(name):
    """A mixer's output matrix, or the attention's where heads are wider than the model and experts are no layers."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 300}
    model = {
        "mamba": lambda: MambaModel(MambaConfig(**sizes, state_size=4, time_step_rank=4)),
        "mixtral": lambda: MixtralModel(
            MixtralConfig(
                **sizes, intermediate_size=48, num_attention_heads=4, num_key_value_heads=4, head_dim=16,
                num_local_experts=4,
            )
        ),
    }[name]()  # fmt: skip
    with pytest.raises(XsnsError, match="have experts or convolutions"):
        ActivationFrequency(model)


def test_loose_parameters_of_attention_are_no_experts():
    """Funnel's attention has one of three dimensions."""
    sizes = {"vocab_size": 300, "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 48}
    funnel = FunnelModel(FunnelConfig(block_sizes=[1, 1], num_decoder_layers=1, **sizes))
    assert [name.rpartition(".")[2] for name in feed_forward_outputs(funnel)] == ["linear_2"] * 3


def test_a_model_without_feed_forward_layers_is_refused():
    square = tiny_bert().base_model
    for layer in square.encoder.layer:
        layer.intermediate.dense, layer.output.dense = torch.nn.Linear(32, 32), torch.nn.Linear(32, 32)
    with pytest.raises(XsnsError, match="no feed-forward layers of two matrices"):
        ActivationFrequency(square)


def test_layers_that_see_tokens_regrouped_are_refused():
    model = tiny_bert()
    for layer in model.base_model.encoder.layer:
        layer.chunk_size_feed_forward = 1
    measure = ActivationFrequency(model.base_model)
    with pytest.raises(XsnsError, match="see tokens regrouped"):
        measure.add(*a_batch([6, 6], 0.3, 0), head=OwnHead(model))


@pytest.mark.thorough
@pytest.mark.parametrize("fisher", ALTERNATIVES)
def test_masks_of_every_importance_open_as_a_dataset_and_rank(fisher, tiny, text, tmp_path, xsns):
    out = tmp_path / "masks"
    extract = ["extract", "--model", tiny, "--text", text, "--examples", "24", "--seeds", "2", "--processes", "1"]
    assert xsns(*extract, "--importance", fisher, "--out", out)[0] == 0
    config = f"text-mlm-pretrained-n24-p0.15-{fisher}"
    masks = load_dataset(str(out), f"{config}.fin", split="train")
    neurons = sum(np.prod(shape) for shape, seed in zip(masks["shape"], masks["seed"], strict=True) if seed == 0)
    assert neurons == (128 if fisher == "activation" else MaskRepository(out).layout().size)
    selected = sum(count for count, seed in zip(masks["n_selected"], masks["seed"], strict=True) if seed == 0)
    assert selected == round(0.15 * neurons)
    assert set(load_dataset(str(out), split="train")["recipe"]) == {config}
    code, output, _ = xsns("rank", "fin", "--masks", out)
    assert code == 0 and "Sources for Finnish" in output
    card = (out / "README.md").read_text(encoding="utf-8")
    assert f"by {IMPORTANCES[fisher]}," in card
    assert ("feed-forward neurons by" in card) == (fisher == "activation")
    assert xsns("explain", "fin", "rus", "--masks", out)[0] == 0


@pytest.mark.thorough
def test_halves_of_the_sample_are_compared_for_every_importance(tiny, text, tmp_path, xsns):
    for fisher in ALTERNATIVES:
        extract = ["extract", "--model", tiny, "--text", text, "--languages", "fin", "--examples", "auto"]
        extract += ["--processes", "1"]
        out = tmp_path / fisher
        code, _, errors = xsns(*extract, "--most", "40", "--seeds", "1", "--importance", fisher, "--out", out)
        assert code == 0, errors
        assert 0 < MaskRepository(out).index()["agreement"][0] <= 1


@pytest.mark.thorough
def test_masks_of_different_importances_are_never_compared(tiny, text, tmp_path, xsns):
    extract = ["extract", "--model", tiny, "--text", text, "--examples", "8", "--seeds", "1", "--processes", "1"]
    extract += ["--out", tmp_path / "masks", "--importance"]
    for fisher in ("exact", "gradient", "snip"):
        assert xsns(*extract, fisher)[0] == 0
    repository = MaskRepository(tmp_path / "masks")
    assert {recipe.importance for recipe in repository.recipes().values()} == {"exact", "gradient", "snip"}
    assert repository.similarity().groupby("recipe").size().tolist() == [6, 6, 6]
    code, output, _ = xsns("rank", "fin", "--masks", tmp_path / "masks")
    assert code == 0 and "With --recipe: " in output
    card = (tmp_path / "masks" / "README.md").read_text(encoding="utf-8")
    assert all(f"{IMPORTANCES[fisher]} (*{fisher}* under Recipes)" in card for fisher in ("exact", "gradient", "snip"))
    code, _, errors = xsns(*extract, "activation")
    assert code == 2 and "give them a repository of their own" in errors
