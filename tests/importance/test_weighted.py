"""Fisher informations in which no sentence counts for too much, against autograd, one example at a time."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import tiny_xlmr
from families import random_model, save
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fisher import a_batch
from torch import nn

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.extraction import batches
from xsns_hf.extraction.accumulate import Accumulation
from xsns_hf.extraction.examples import text_examples
from xsns_hf.extraction.weights import MOST_TAKEN_OFF
from xsns_hf.importance.gradients import Gradients, Product
from xsns_hf.importance.weighted import CappedFisher, NormalisedFisher
from xsns_hf.masks.similarity import jaccard
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.body import OwnHead
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.models.objectives import IGNORED
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus

FAMILIES = ["xlm-r", "mt5", "gpt2", "mixtral", "albert"]
EXAMPLES = 12
model = tiny_xlmr()


class Freaks(nn.Module):
    """A head under which some examples' losses are many times as large: those with a label of a certain kind."""

    def __init__(self, model, factors: dict[int, float]):
        super().__init__()
        self.head, self.factors = OwnHead(model), factors

    def example_losses(self, hidden, labels, example):
        losses = nn.functional.cross_entropy(self.head(hidden), labels, reduction="none")
        number = int(example[-1]) + 1
        means = losses.new_zeros(number).index_add(0, example, losses) / torch.bincount(example, minlength=number)
        first = [int(labels[example == each][0]) for each in range(number)]
        return means * torch.tensor([self.factors.get(label, 1.0) for label in first])


def squared_gradients(body, head, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return each example's squared gradient of all block parameters, by autograd, float64 [B, size]."""
    parameters = list(block_parameters(body).values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    squares = []
    for number in range(len(batch["labels"])):
        one = {name: values[number : number + 1] for name, values in batch.items()}
        lengths = {"": int(one["attention_mask"].sum())}
        if "decoder_attention_mask" in one:
            lengths["decoder_"] = int(one["decoder_attention_mask"].sum())
        own = {name: v[:, : lengths["decoder_" * name.startswith("decoder")]] for name, v in one.items()}
        labels = one["labels"][:, : lengths.get("decoder_", lengths[""])]
        inputs = {name: values for name, values in own.items() if name != "labels"}
        hidden = body(**inputs).last_hidden_state[labels != IGNORED]
        targets = labels[labels != IGNORED]
        if hasattr(head, "example_losses"):
            loss = head.example_losses(hidden, targets, torch.zeros(len(targets), dtype=torch.int64)).sum()
        else:
            loss = nn.functional.cross_entropy(head(hidden).float(), targets)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        pairs = zip(gradients, parameters, strict=True)
        squares.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs]).double() ** 2)
    for parameter in parameters:
        parameter.requires_grad_(False)
    return torch.stack(squares)


def weights_of(importance: str, squares: torch.Tensor) -> torch.Tensor:
    norms = squares.sum(1).sqrt()
    if importance == "normalised":
        return 1 / norms**2
    return (CappedFisher.cap * norms.quantile(0.5) / norms).square().clamp(max=1)


def assert_near(values: torch.Tensor, expected: torch.Tensor, layout, rtol: float = 1e-4) -> None:
    """Compare tensor by tensor; a key's bias has no gradient in theory, and rounding noise in practice."""
    largest = float(expected.max())
    for tensor in layout.tensors:
        if not tensor.name.endswith("key.bias"):
            theirs = expected[tensor.span].float()
            atol = max(1e-6 * float(theirs.max()), 1e-10 * largest)
            torch.testing.assert_close(values[tensor.span], theirs, rtol=rtol, atol=atol, msg=tensor.name)


def tokens_to(examples: int, tokens: int, rows: int, columns: int, seed: int) -> Product:
    random = torch.Generator().manual_seed(seed)
    sides = (torch.randn(examples, tokens, size, generator=random) for size in (rows, columns))
    return Product(*sides, torch.rand(examples, tokens, generator=random) < 0.7)


@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_the_norm_of_a_product_needs_no_product(examples, tokens, rows, columns, seed):
    product = tokens_to(examples, tokens, rows, columns, seed)
    left, right = (torch.where(product.used[..., None], side, 0).double() for side in (product.left, product.right))
    expected = (left.mT @ right).square().sum((1, 2)).float()
    torch.testing.assert_close(product.squared_norms(), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(product._norms_of_products(), expected, rtol=1e-4, atol=1e-4)


def test_what_unused_tokens_hold_is_not_looked_at():
    product = tokens_to(2, 6, 20, 30, 0)
    for values in (product.left, product.right):
        values[~product.used] = float("nan")
    assert product.squared_norms().isfinite().all()
    assert product._norms_of_products().isfinite().all()


def test_scaled_gradients_have_scaled_norms():
    gradients = Gradients({"bias": torch.randn(3, 7)}, {"weight": tokens_to(3, 5, 7, 9, 1)})
    factors = torch.tensor([2.0, 0.5, 0.0])
    expected = gradients.squared_norms() * factors**2
    torch.testing.assert_close(gradients.scaled(factors).squared_norms(), expected)


@settings(max_examples=8)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(0.05, 0.9), st.integers(0, 99))
def test_normalised_is_the_mean_of_squares_over_squared_norms(lengths, ratio, seed):
    tokens, attended, labels = a_batch(lengths, ratio, seed)
    batch = {"input_ids": tokens, "attention_mask": attended, "labels": labels}
    squares = squared_gradients(model.base_model, OwnHead(model), batch)
    measure = NormalisedFisher(model.base_model)
    measure.add(**batch, head=OwnHead(model))
    torch.testing.assert_close(measure.norms.double(), squares.sum(1).sqrt(), rtol=1e-4, atol=0)
    assert_near(measure.values(), (squares / squares.sum(1, keepdim=True)).mean(0), measure.layout)
    assert float(measure.values().sum()) == pytest.approx(1, rel=1e-4)


@settings(max_examples=6)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_batch_size_and_order_change_only_the_rounding_of_normalised(order, size):
    tokens, attended, labels = a_batch([5, 30, 12, 3, 21, 8], 0.3, 0)
    whole, parts = NormalisedFisher(model.base_model), NormalisedFisher(model.base_model)
    whole.add(tokens, attended, labels, head=OwnHead(model))
    for start in range(0, 6, size):
        rows = list(order[start : start + size])
        parts.add(tokens[rows], attended[rows], labels[rows], head=OwnHead(model))
    assert_near(parts.values(), whole.values(), whole.layout)


def test_a_loss_that_is_a_thousand_times_as_large_changes_nothing_of_normalised():
    tokens, attended, labels = a_batch([5, 30, 12, 3, 21, 8], 0.3, 0)
    labels[2][labels[2] != IGNORED] = 290
    found = []
    for factor in (1.0, 1000.0):
        measure = NormalisedFisher(model.base_model)
        losses = measure.add(tokens, attended, labels, head=Freaks(model, {290: factor}))
        found.append((measure.values(), float(losses[2])))
    assert found[1][1] == pytest.approx(1000 * found[0][1], rel=1e-4)
    assert_near(found[1][0], found[0][0], measure.layout)


def test_an_example_without_gradient_is_left_out():
    tokens, attended, labels = a_batch([5, 9, 12], 0.3, 0)
    labels[1][labels[1] != IGNORED] = 290
    measure, others = NormalisedFisher(model.base_model), NormalisedFisher(model.base_model)
    measure.add(tokens, attended, labels, head=Freaks(model, {290: 0.0}))
    assert (measure.norms == 0).tolist() == [False, True, False]
    others.add(tokens[[0, 2]], attended[[0, 2]], labels[[0, 2]], head=Freaks(model, {}))
    assert_near(measure.sums, others.sums, measure.layout)


def test_weights_are_of_the_cap():
    measure = CappedFisher(model.base_model)
    assert measure.weights(torch.tensor([1.0, 1.0, 2.0, 4.0, 1.0])).tolist() == [1, 1, 1, 0.25, 1]
    assert measure.weights(torch.tensor([0.0, 0.0, 0.0, 4.0, 1.0])).tolist() == [1] * 5, "of those with a gradient"
    for nothing in ([0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        assert measure.weights(torch.tensor(nothing)).tolist() == [1, 1]


# From here on through extraction, where the norms of all examples are known.


@pytest.fixture(scope="module")
def checkpoint_of(tmp_path_factory):
    saved = {}

    def get(name: str):
        if name not in saved:
            saved[name] = load_checkpoint(str(save(name, tmp_path_factory.mktemp("weighted") / f"tiny-{name}")))
        return saved[name]

    return get


def recipe_of(checkpoint, importance: str, examples: int = EXAMPLES) -> Recipe:
    return Recipe("tiny", "r", "pretrained", "sample", checkpoint.objective, importance, examples=examples)


def accumulated(checkpoint, importance: str, examples, rounds=(EXAMPLES,), head=None, **options) -> Accumulation:
    recipe = recipe_of(checkpoint, importance)
    head = head or checkpoint.head
    sums = Accumulation(checkpoint, head, recipe, "fin", 0, Accelerator(cpu=True), **options)
    for end in rounds:
        sums.add(examples[sums.examples : end], lambda _: None)
    return sums


def drawn(checkpoint, number: int = EXAMPLES):
    return text_examples(checkpoint, sample_corpus(), recipe_of(checkpoint, "exact", number), "fin", 0)


def by_loop(checkpoint, examples, importance: str, head=None) -> torch.Tensor:
    batch = batches.collate(examples, checkpoint.padding, torch.device("cpu"))
    squares = squared_gradients(checkpoint.body, head or checkpoint.head, batch)
    return (weights_of(importance, squares)[:, None] * squares).mean(0)


@pytest.mark.thorough
@pytest.mark.parametrize("importance", ["capped", "normalised"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_against_a_loop(name, importance, checkpoint_of, monkeypatch):
    monkeypatch.setattr(CappedFisher, "cap", 0.95)  # so that about half of the examples are above it
    checkpoint = checkpoint_of(name)
    examples = drawn(checkpoint)
    expected = by_loop(checkpoint, examples, importance)
    sums = accumulated(checkpoint, importance, examples)
    assert_near(torch.from_numpy(sums.merged_values()), expected, sums.layout, rtol=1e-3)
    if importance == "capped":
        assert 1 <= sums.unusual().capped < EXAMPLES


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["xlm-r", "mixtral"])
@pytest.mark.parametrize("factor", [3.0, 1000.0])
@pytest.mark.parametrize("size", [1, 5, 16])
def test_a_freak_counts_for_the_cap(name, factor, size, checkpoint_of, monkeypatch):
    """Whether it is taken off the sums, or would leave too much of itself there so that these are made anew."""
    monkeypatch.setitem(batches.MOST_EXAMPLES, "cpu", size)
    checkpoint = checkpoint_of(name)
    examples = drawn(checkpoint)
    freak = freak_of(examples)
    head = Freaks(random_model(name), {290: factor})
    expected = by_loop(checkpoint, freak, "capped", head)
    sums = accumulated(checkpoint, "capped", freak, head=head)
    values = torch.from_numpy(sums.merged_values())
    assert_near(values, expected, sums.layout, rtol=1e-3)
    unusual = sums.unusual()
    assert unusual.capped >= 1 and unusual.line == freak[4].line
    assert unusual.weight < (1 / MOST_TAKEN_OFF if factor > 100 else 1)
    # It moves the sums by no more than the cap: w‖g‖² is the square of twice the median norm at most.
    exact = torch.from_numpy(accumulated(checkpoint, "exact", freak[:4] + freak[5:]).merged_values())
    moved = float((values * EXAMPLES - exact * (EXAMPLES - 1)).clamp(min=0).sum())
    assert moved <= (CappedFisher.cap * float(sums._weights.norms.quantile(0.5))) ** 2 * 1.001


def freak_of(examples):
    """Return the examples with one whose labels are those that `Freaks` looks for, and no other's."""
    marked = []
    for number, example in enumerate(examples):
        labels = np.where(example.labels == 290, 289, example.labels)
        marked.append(replace(example, labels=np.where(labels != IGNORED, 290, IGNORED) if number == 4 else labels))
    return marked


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["xlm-r", "mixtral"])
def test_without_unusual_sentences_capped_is_exact_bit_for_bit(name, checkpoint_of):
    checkpoint = checkpoint_of(name)
    norms = accumulated(checkpoint, "capped", drawn(checkpoint))._weights.norms
    usual = (norms <= 1.2 * norms.quantile(0.5)).tolist()
    examples = [example for example, is_usual in zip(drawn(checkpoint), usual, strict=True) if is_usual]
    exact, capped = (accumulated(checkpoint, importance, examples) for importance in ("exact", "capped"))
    assert capped.unusual().capped == 0 and capped.unusual().weight == 1
    assert np.array_equal(exact.merged_values(), capped.merged_values())


@pytest.mark.thorough
@pytest.mark.parametrize("importance", ["capped", "normalised"])
@settings(max_examples=5)
@given(order=st.permutations(range(EXAMPLES)), size=st.integers(1, 16), end=st.integers(1, EXAMPLES))
def test_batches_order_and_rounds_change_only_the_rounding(importance, order, size, end, checkpoint_of):
    checkpoint = checkpoint_of("xlm-r")
    examples = freak_of(drawn(checkpoint))
    head = Freaks(random_model("xlm-r"), {290: 30.0})
    whole = accumulated(checkpoint, importance, examples, head=head)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(batches.MOST_EXAMPLES, "cpu", size)
        shuffled = [examples[number] for number in order]
        rounds = accumulated(checkpoint, importance, shuffled, sorted({end, EXAMPLES}), head=head)
    values = torch.from_numpy(whole.merged_values())
    assert_near(torch.from_numpy(rounds.merged_values()), values, whole.layout, rtol=1e-3)
    assert (rounds.unusual().capped, rounds.unusual().line) == (whole.unusual().capped, whole.unusual().line)


def test_sums_on_disk_are_weighted_alike(checkpoint_of, tmp_path):
    checkpoint = checkpoint_of("xlm-r")
    examples, head = freak_of(drawn(checkpoint)), Freaks(random_model("xlm-r"), {290: 3.0})
    for importance in ("capped", "normalised"):
        memory = accumulated(checkpoint, importance, examples, head=head)
        disk = accumulated(checkpoint, importance, examples, head=head, sums_in=tmp_path)
        assert np.array_equal(memory.merged_values(), disk.merged_values())


def test_a_sentence_that_would_be_the_mask_is_named(checkpoint_of, caplog):
    from xsns_hf.extraction.extract import _warn

    checkpoint = checkpoint_of("xlm-r")
    examples = freak_of(drawn(checkpoint))
    sums = accumulated(checkpoint, "capped", examples, head=Freaks(random_model("xlm-r"), {290: 1000.0}))
    with caplog.at_level(logging.WARNING):
        _warn(sums, None)
    assert f"sentence {examples[4].line + 1} of its text would make up 100 % of" in caplog.text
    sums = accumulated(checkpoint, "normalised", examples, head=Freaks(random_model("xlm-r"), {290: 0.0}))
    with caplog.at_level(logging.WARNING):
        _warn(sums, None)
    assert "1 of 12 sentences have no gradient at all and are left out" in caplog.text


EXTRACT = ["--examples", "24", "--seeds", "1", "--languages", "fin,rus"]


@pytest.mark.thorough
@pytest.mark.parametrize("importance", ["capped", "normalised"])
def test_from_the_command_line_to_a_ranking(importance, tiny, text, tmp_path, xsns, monkeypatch):
    monkeypatch.setattr(CappedFisher, "cap", 1.05)
    extract = ["extract", "--model", tiny, "--text", text, *EXTRACT, "--processes", "1", "--importance", importance]
    code, output, errors = xsns(*extract, "--out", tmp_path / "masks")
    assert code == 0, errors
    assert ("count for less than their square" in output) == (importance == "capped")
    code, output, _ = xsns("rank", "fin", "--masks", tmp_path / "masks")
    assert code == 0 and "Sources for Finnish" in output


@pytest.mark.slow
@pytest.mark.parametrize("importance", ["capped", "normalised"])
def test_two_processes_make_the_masks_of_one(importance, tiny, text, tmp_path, xsns):
    from xsns_hf.cli import launching

    with (text / "fin.txt").open("a", encoding="utf-8") as file:
        file.write("\n" + "On on on on on on." * 3)
    extract = ["extract", "--model", tiny, "--text", text, "--examples", "16,41", "--seeds", "1", "--importance"]
    extract += [importance, "--out"]
    assert xsns(*extract, tmp_path / "one", "--processes", "1")[0] == 0
    assert launching.run([str(each) for each in (*extract, tmp_path / "two")], 2) == 0
    one, two = (MaskRepository(tmp_path / each) for each in ("one", "two"))
    for recipe in one.recipes():
        assert jaccard(one.subnetwork(recipe, "fin", 0), two.subnetwork(recipe, "fin", 0)) >= 0.9995


@pytest.mark.thorough
@pytest.mark.parametrize("importance", ["capped", "normalised"])
def test_halves_are_compared_and_make_the_mask_of_a_fixed_number(importance, tiny, text, tmp_path, xsns):
    extract = ["extract", "--model", tiny, "--text", text, "--languages", "fin", "--seeds", "1", "--processes", "1"]
    extract += ["--importance", importance]
    found = []
    for options in (["--examples", "auto", "--most", "40"], ["--examples", "40"]):
        code, _, errors = xsns(*extract, *options, "--out", tmp_path / options[1])
        assert code == 0, errors
        repository = MaskRepository(tmp_path / options[1])
        found.append(repository.subnetwork(next(iter(repository.recipes())), "fin", 0))
    assert jaccard(*found) >= 0.9995
