import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xsns_hf.errors import XsnsError
from xsns_hf.masks import similarity
from xsns_hf.masks import subnetwork as subnetworks
from xsns_hf.masks.layout import Arrangement, ParameterLayout
from xsns_hf.masks.similarity import jaccard, jaccard_matrix
from xsns_hf.masks.subnetwork import SubNetwork, select

shapes = st.lists(st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple), min_size=1, max_size=5)
layouts = shapes.map(lambda found: ParameterLayout.of((f"t{i}", shape) for i, shape in enumerate(found)))
fisher_values = st.floats(0, 2.0**100, width=32) | st.sampled_from([0.0, 1.0, 2.0**-149, 2.0**-140])


def fisher_of(layout: ParameterLayout):
    return hnp.arrays(np.float32, layout.size, elements=fisher_values)


def from_indices(layout: ParameterLayout, chosen: set[int]) -> SubNetwork:
    vector = np.zeros(layout.size, bool)
    vector[list(chosen)] = True
    return SubNetwork(layout, np.concatenate([np.packbits(vector[t.span]) for t in layout.tensors]), 0.0)


def indices(subnetwork: SubNetwork) -> set[int]:
    return {int(t.offset + i) for t, mask in subnetwork.masks() for i in np.flatnonzero(mask)}


@pytest.fixture(params=["compiled", "numpy"], scope="module")
def _in_c_and_numpy(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(subnetworks.native, "library", lambda *_: None)
        yield


@pytest.mark.thorough
@pytest.mark.usefixtures("_in_c_and_numpy")
@given(st.data(), layouts, st.floats(0.01, 0.99))
def test_select_takes_exactly_the_top_share_with_ties_by_position(data, layout, density):
    fisher = data.draw(fisher_of(layout))
    count = round(density * layout.size)
    if count == 0:
        with pytest.raises(XsnsError, match="selects none"):
            select(fisher, layout, density)
        return
    subnetwork = select(fisher, layout, density)
    expected = set(np.argsort(-fisher, kind="stable")[:count].tolist())
    assert indices(subnetwork) == expected
    assert subnetwork.n_selected == count
    assert np.float32(subnetwork.threshold) == np.sort(fisher)[-count]


@pytest.mark.usefixtures("_in_c_and_numpy")
def test_select_agrees_with_partition_on_many_values():
    values = np.random.default_rng(0).standard_normal(3_000_000).astype(np.float32) ** 2
    layout = ParameterLayout.of([("a", (1000, 1500)), ("b", (1500, 1000))])
    subnetwork = select(values, layout, 0.15)
    count = round(0.15 * values.size)
    assert subnetwork.n_selected == count
    assert np.float32(subnetwork.threshold) == np.partition(values, values.size - count)[values.size - count]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_select_refuses_values_that_are_no_fisher_information(bad):
    layout = ParameterLayout.of([("a", (4, 4))])
    fisher = np.ones(16, np.float32)
    fisher[5] = bad
    with pytest.raises(XsnsError, match="isn't finite"):
        select(fisher, layout, 0.5)


@pytest.mark.parametrize("density", [0, 1, -0.1, 1.5, float("nan")])
def test_select_refuses_a_density_out_of_range(density):
    with pytest.raises(XsnsError, match=r"must be in \(0, 1\)"):
        select(np.ones(16, np.float32), ParameterLayout.of([("a", (16,))]), density)


@given(st.data(), layouts)
def test_packed_masks_and_jaccard_agree_with_sets_of_indices(data, layout):
    index_sets = st.sets(st.integers(0, layout.size - 1))
    one, other = data.draw(index_sets), data.draw(index_sets)
    packed_one, packed_other = from_indices(layout, one), from_indices(layout, other)
    assert indices(packed_one) == one
    assert packed_one.n_selected == len(one)
    expected = len(one & other) / len(one | other) if one | other else 1.0
    assert jaccard(packed_one, packed_other) == pytest.approx(expected, abs=0)
    matrix = jaccard_matrix([packed_one, packed_other])
    assert matrix.tolist() == [[1.0, expected], [expected, 1.0]]


@given(st.data(), layouts)
def test_an_arrangement_moves_bits_and_changes_nothing_else(data, layout):
    index_sets = st.sets(st.integers(0, layout.size - 1))
    first, one, other = (from_indices(layout, data.draw(index_sets)) for _ in range(3))
    arranged = ParameterLayout(layout.tensors, Arrangement.by_density(first.masks()))
    moved = one.arranged(arranged)
    assert indices(moved) == indices(one)
    assert moved.n_selected == one.n_selected
    assert (moved.arranged(layout).bits == one.bits).all()
    assert jaccard(moved, other) == jaccard(one, other) == jaccard(one, other.arranged(arranged))
    assert arranged.fingerprint == layout.fingerprint


@pytest.mark.thorough
@given(
    st.integers(0, 9).flatmap(lambda n: hnp.arrays(np.uint8, st.tuples(st.just(n), st.integers(0, 3000)))),
    st.integers(0, 9),
    st.integers(1, 4),
)
def test_hamming_distances_in_c_and_numpy_are_the_definition(masks, rows, threads):
    rows = min(rows, len(masks))
    expected = np.zeros((rows, len(masks)), np.int64)
    for i in range(rows):
        for j in range(i + 1, len(masks)):
            expected[i, j] = np.unpackbits(masks[i] ^ masks[j]).sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BYTES_A_THREAD", 100)
        patch.setattr(similarity.native, "threads", lambda: threads)
        assert np.array_equal(similarity.hamming(list(masks), rows), expected)
        patch.setattr(similarity.native, "library", lambda *_: None)
        assert np.array_equal(similarity.hamming(list(masks), rows), expected)


@pytest.mark.thorough
@given(st.data(), layouts, st.integers(1, 5))
def test_masks_in_pieces_give_the_same_similarities(data, layout, number):
    masks = [from_indices(layout, data.draw(st.sets(st.integers(0, layout.size - 1)))) for _ in range(number)]
    pieces = zip(*([bits for _, bits in mask.packed()] for mask in masks), strict=True)
    found = similarity.jaccard_of_pieces([mask.n_selected for mask in masks], pieces)
    assert np.array_equal(found, jaccard_matrix(masks))


def test_unpacking_needs_three_lines_of_numpy():
    layout = ParameterLayout.of([("a", (3, 5)), ("b", (7,))])
    subnetwork = from_indices(layout, {0, 7, 14, 15, 21})
    for tensor, bits in subnetwork.packed():
        mask = np.unpackbits(np.frombuffer(bits.tobytes(), np.uint8), count=np.prod(tensor.shape))
        mask = mask.reshape(tensor.shape).astype(bool)
        assert (mask == {t.name: m for t, m in subnetwork.masks()}[tensor.name]).all()


def test_masks_of_different_layouts_are_not_compared():
    one = from_indices(ParameterLayout.of([("a", (8,))]), {1})
    other = from_indices(ParameterLayout.of([("b", (8,))]), {1})
    with pytest.raises(XsnsError, match="can't be compared"):
        jaccard(one, other)


def test_a_mask_of_the_wrong_size_is_refused():
    with pytest.raises(XsnsError, match="damaged"):
        SubNetwork(ParameterLayout.of([("a", (80,))]), np.zeros(9, np.uint8), 0.0)
