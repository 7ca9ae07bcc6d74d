import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import XsnsError
from xsns_hf.explanation.overlap import COUNTS, overlap, summed
from xsns_hf.masks.layout import Arrangement, ParameterLayout
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork

PLACES = {  # tensor: stack, layer, module
    "encoder.layer.0.attention.self.query.weight": ("", 0, "attention"),
    "encoder.layer.0.attention.output.dense.bias": ("", 0, "attention"),
    "encoder.layer.0.attention.output.LayerNorm.weight": ("", 0, "norm"),
    "encoder.layer.10.intermediate.dense.weight": ("", 10, "feed-forward"),
    "encoder.layer.10.output.dense.weight": ("", 10, "feed-forward"),
    "encoder.layer.10.output.LayerNorm.bias": ("", 10, "norm"),
    "layers.3.mlp.up_proj.weight": ("", 3, "feed-forward"),
    "layers.3.self_attn.q_proj.weight": ("", 3, "attention"),
    "layers.3.self_attn.q_norm.weight": ("", 3, "norm"),
    "layers.3.post_attention_layernorm.weight": ("", 3, "norm"),
    "h.5.attn.c_attn.weight": ("", 5, "attention"),
    "h.5.ln_1.weight": ("", 5, "norm"),
    "h.5.mlp.c_fc.weight": ("", 5, "feed-forward"),
    "transformer.layer.0.ffn.lin1.weight": ("", 0, "feed-forward"),
    "transformer.layer.0.attention.q_lin.weight": ("", 0, "attention"),
    "transformer.layer.0.sa_layer_norm.weight": ("", 0, "norm"),
    "encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight": ("", 0, "feed-forward"),
    "attentions.4.q_lin.weight": ("", 4, "attention"),
    "layers.2.mixer.in_proj.weight": ("", 2, "other"),
    "attention.weight": ("", None, "attention"),
}
TWO_STACKS = {
    "encoder.block.0.layer.0.SelfAttention.q.weight": ("encoder", 0, "attention"),
    "encoder.block.0.layer.0.layer_norm.weight": ("encoder", 0, "norm"),
    "decoder.block.1.layer.1.EncDecAttention.q.weight": ("decoder", 1, "attention"),
    "decoder.block.1.layer.2.DenseReluDense.wi_0.weight": ("decoder", 1, "feed-forward"),
    "decoder.final_layer_norm.weight": ("decoder", None, "norm"),
    "bias": ("", None, "other"),
}


def layout(names) -> ParameterLayout:
    return ParameterLayout.of((name, (3, 1 + number)) for number, name in enumerate(names))


def random_mask(layout: ParameterLayout, seed: int, density: float = 0.4) -> SubNetwork:
    chosen = np.random.default_rng(seed).random(layout.size) < density
    bits = [layout.pack(tensor, chosen[tensor.span].reshape(tensor.shape)) for tensor in layout.tensors]
    return SubNetwork(layout, np.concatenate(bits), 0.0)


masks = st.builds(
    lambda names, seeds, densities: tuple(map(random_mask, [layout(names)] * 2, seeds, densities)),
    st.lists(st.sampled_from([*PLACES, *TWO_STACKS]), min_size=1, unique=True),
    st.tuples(*[st.integers(0, 1000)] * 2),
    st.tuples(*[st.floats(0, 1)] * 2),
)
groupings = st.lists(st.sampled_from(["tensor", "stack", "layer", "module"]), unique=True)


@pytest.mark.parametrize("name", PLACES)
def test_place_of_a_tensor(name):
    mask = random_mask(layout([name]), 0)
    row = overlap(mask, mask).iloc[0]
    stack, number, module = PLACES[name]
    assert (row["stack"], row["module"]) == (stack, module)
    assert row["layer"] is pd.NA if number is None else row["layer"] == number


def test_stacks_of_an_encoder_and_a_decoder_are_told_apart():
    mask = random_mask(layout(TWO_STACKS), 0)
    rows = overlap(mask, mask).set_index("tensor")
    found = {tensor: (row["stack"], row["layer"], row["module"]) for tensor, row in rows.iterrows()}
    expected = {t: (stack, pd.NA if number is None else number, m) for t, (stack, number, m) in TWO_STACKS.items()}
    assert found == expected


def test_columns_and_types():
    one, other = random_mask(layout(PLACES), 0), random_mask(layout(PLACES), 1)
    found = overlap(one, other)
    assert list(found.columns) == ["tensor", "stack", "layer", "module", *COUNTS]
    assert str(found["layer"].dtype) == "Int64"
    assert {str(found[column].dtype) for column in COUNTS} == {"int64"}
    assert list(found["tensor"]) == list(PLACES)
    for row, (_, mine), (_, others) in zip(found.to_dict("records"), one.masks(), other.masks(), strict=True):
        counts = (mine.size, mine.sum(), others.sum(), (mine & others).sum())
        assert tuple(row[column] for column in COUNTS) == counts


@pytest.mark.thorough
@given(masks, groupings)
def test_groups_add_up_to_the_whole_masks(pair, by):
    one, other = pair
    found = summed(overlap(one, other), by)
    assert found["parameters"].sum() == one.layout.size
    assert (found["one"].sum(), found["other"].sum()) == (one.n_selected, other.n_selected)
    assert list(found.columns) == [*by, *COUNTS, "jaccard", "density_one", "density_other"]
    assert (found["density_one"] * found["parameters"]).sum() == pytest.approx(one.n_selected)
    assert found["jaccard"].dropna().between(0, 1).all()
    assert (found["jaccard"].isna() == ((found["one"] == 0) & (found["other"] == 0))).all()


@pytest.mark.thorough
@given(masks)
def test_all_tensors_together_give_the_similarity(pair):
    one, other = pair
    whole = summed(overlap(one, other), [])
    assert len(whole) == 1
    if one.n_selected + other.n_selected:
        assert whole["jaccard"].item() == pytest.approx(jaccard(one, other))
    else:
        assert np.isnan(whole["jaccard"].item())


@pytest.mark.thorough
@given(masks)
def test_arrangement_of_the_bits_does_not_matter(pair):
    one, other = pair
    arranged = ParameterLayout(one.layout.tensors, Arrangement.by_density(one.masks()))
    pd.testing.assert_frame_equal(overlap(one, other.arranged(arranged)), overlap(one, other))
    pd.testing.assert_frame_equal(overlap(one.arranged(arranged), other), overlap(one, other))


def test_several_seeds_add_up():
    pairs = [(random_mask(layout(PLACES), seed), random_mask(layout(PLACES), 10 + seed)) for seed in range(3)]
    each = [summed(overlap(*pair), "module") for pair in pairs]
    together = summed(pd.concat([overlap(*pair) for pair in pairs]), "module")
    assert list(together["module"]) == list(each[0]["module"])
    for column in COUNTS:
        assert list(together[column]) == list(sum(found[column] for found in each))


def test_masks_of_other_parameters_are_refused():
    with pytest.raises(XsnsError, match="different parameters"):
        overlap(random_mask(layout(["a"]), 0), random_mask(layout(["b"]), 0))
