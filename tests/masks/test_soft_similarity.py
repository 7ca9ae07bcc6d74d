"""Similarities of weights: properties that hold for all weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.soft_similarity import CHUNK, cosine, log_ranks, log_ratios, weighted_jaccard
from xsns_hf.masks.subnetwork import select

importances = st.floats(2.0**-20, 2.0**20, width=32)
pairs = st.integers(1, 200).flatmap(
    lambda size: st.tuples(*[hnp.arrays(np.float32, size, elements=importances) for _ in range(2)])
)
SIMILARITIES = [weighted_jaccard, cosine]


@pytest.mark.thorough
@pytest.mark.parametrize("weights", [log_ratios, log_ranks])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@given(pairs)
def test_similarities_are_symmetric_within_0_and_1_and_1_with_oneself(weights, similarity, pair):
    one, other = map(weights, pair)
    assert (one >= 0).all() and one.dtype == np.float32
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == similarity(other, one)
    assert similarity(one, one) == pytest.approx(1)


@pytest.mark.thorough
@pytest.mark.parametrize("weights", [log_ratios, log_ranks])
@given(pairs, st.sampled_from([2.0**-9, 0.5, 4.0, 1024.0]))
def test_weights_are_the_same_for_all_multiples_and_keep_the_order(weights, pair, factor):
    values, _ = pair
    np.testing.assert_allclose(weights(values * np.float32(factor)), weights(values), rtol=1e-5)
    order = np.argsort(values, kind="stable")
    assert (np.diff(log_ratios(values)[order]) >= 0).all()


@given(pairs)
def test_log_ranks_of_any_values_are_those_of_their_order(pair):
    values, _ = pair
    assert np.array_equal(log_ranks(values), log_ranks(np.sqrt(values.astype(np.float64))))
    assert sorted(log_ranks(values))[0] == 0


@given(st.integers(0, 99), st.floats(0.05, 0.9))
def test_of_masks_it_is_the_jaccard_coefficient(seed, density):
    random = np.random.default_rng(seed)
    layout = ParameterLayout.of([("weight", (30, 21))])
    masks = [select(random.random(layout.size, np.float32), layout, density) for _ in range(2)]
    weights = [np.concatenate([mask.ravel() for _, mask in each.masks()]).astype(np.float32) for each in masks]
    assert weighted_jaccard(*weights) == pytest.approx(jaccard(*masks))


def test_long_vectors_take_several_chunks():
    one, other = np.random.default_rng(0).random((2, 2 * CHUNK + 17), np.float32)
    expected = np.minimum(one, other).sum(dtype=np.float64) / np.maximum(one, other).sum(dtype=np.float64)
    assert weighted_jaccard(one, other) == pytest.approx(expected)
    one, other = one.astype(np.float64), other.astype(np.float64)
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert cosine(one, other) == pytest.approx(expected)
