"""Masks compared in all layers and again in the lower half: by the library, and as a user asks for it."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import records
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.dataset.early_masks import lower_half
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe

LAYOUT = ParameterLayout.of([(f"encoder.layer.{layer}.attention.weight", (12, 9)) for layer in range(5)])
LOWER = 2 * 12 * 9
LANGUAGES = ["deu", "fin", "rus", "swe"]
SEEDS = (0, 3)


def chosen(language: str, seed: int) -> np.ndarray:
    """Return which parameters a language's mask selects, bool [540]."""
    values = np.random.default_rng([LANGUAGES.index(language), seed]).random(LAYOUT.size).astype(np.float32)
    return values >= np.sort(values)[-81]


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> MaskRepository:
    repository = MaskRepository(tmp_path_factory.mktemp("early") / "masks", create=True)
    for language in LANGUAGES:
        seeds = SEEDS if language != "swe" else (0,)
        made = {seed: select(chosen(language, seed).astype(np.float32), LAYOUT, 0.15) for seed in seeds}
        repository.add(records(Recipe("tiny", "r", "tied", "text"), language, made))
    return repository


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def test_similarity_is_the_mean_of_both_coefficients(masks):
    early = masks.masks(layers="early")
    pairs = early.pairs.set_index(["seed", "target", "source"])["jaccard"]
    assert len(pairs) == len(masks.masks().pairs) == 4 * 3 + 3 * 2
    for (seed, target, source), value in pairs.items():
        one, other = chosen(target, seed), chosen(source, seed)
        assert value == pytest.approx((jaccard(one, other) + jaccard(one[:LOWER], other[:LOWER])) / 2)
    assert early.similarity().loc["fin", "deu"] == pytest.approx(pairs[:, "fin", "deu"].mean())


def test_rank_and_evaluate_take_them(masks, xsns, tmp_path):
    code, output, errors = xsns("rank", "fin", "--masks", masks.name, "--layers", "early", "--json")
    assert code == 0, errors
    record = json.loads(output)
    wanted = masks.masks(layers="early").similarity([0])  # the one seed that all languages have
    assert {row["language"]: row["similarity"] for row in record["sources"]} == pytest.approx(
        wanted.loc["fin"].drop("fin").to_dict(), abs=1e-6
    )
    assert record["layers"] == "early"
    assert "again in the lower half" in xsns("rank", "fin", "--masks", masks.name, "--layers", "early")[1]
    rows = [(source, target) for source in LANGUAGES for target in LANGUAGES if source != target]
    gold = pd.DataFrame(rows, columns=["source", "target"])
    gold["score"] = [100 * wanted.at[target, source] for source, target in rows]
    gold.to_csv(tmp_path / "gold.csv", index=False)
    arguments = ["evaluate", "--gold", tmp_path / "gold.csv", "--masks", masks.name, "--predictors", "xsns", "--json"]
    found = [json.loads(xsns(*arguments, "--layers", layers)[1])["xsns"]["pearson"] for layers in ("early", "all")]
    assert found[0] > found[1]


@given(st.integers(1, 40))
def test_the_lower_half_leaves_out_the_middle_of_an_odd_number(layers):
    names = [f"layers.{layer}.mlp.weight" for layer in range(layers)]
    assert lower_half(names) == set(names[: layers // 2])


def test_each_stack_has_its_own_half():
    names = [f"{stack}.block.{layer}.w" for stack, count in (("encoder", 4), ("decoder", 2)) for layer in range(count)]
    assert lower_half([*names, "encoder.norm.weight"]) == {names[0], names[1], "decoder.block.0.w"}
