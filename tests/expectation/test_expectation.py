"""What is expected of sources: donor strength, the joined order, sets, probabilities and intervals that hold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsns_hf.expectation.choice import HOLDS, fit_choice, smallest_set
from xsns_hf.expectation.donors import donor_strength, donor_strength_elsewhere
from xsns_hf.expectation.learning import Expectation, expect
from xsns_hf.expectation.levels import Scale

SEEDS = st.integers(0, 10_000)


def language_codes(number: int) -> list[str]:
    return [f"l{place:02}" for place in range(number)]


def world(seed: int, size: int = 16, donor: float = 1.0, noise: float = 0.4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return similarities and gold scores in percent, which similarity, donors and Gumbel noise make, on logits."""
    random, codes = np.random.default_rng(seed), language_codes(size)
    similarity = random.normal(size=(size, size))
    gold = similarity + donor * random.normal(size=size) + noise * random.gumbel(size=(size, size))
    gold += random.normal(size=(size, 1))
    percent = 100 / (1 + np.exp(-gold / 2))
    return pd.DataFrame(0.6 + similarity / 100, codes, codes), pd.DataFrame(percent, codes, codes)


def of(similarity: pd.DataFrame, scores: pd.DataFrame, target: str) -> Expectation:
    return expect(similarity, scores, target, [code for code in similarity if code != target])


def test_donor_strength_is_the_shrunk_mean_advantage_over_others():
    scores = pd.DataFrame({"a": [99, 60, 80], "b": [50, 99, 70], "c": [40, 40, np.nan]}, ["a", "b", "d"], dtype=float)
    found = donor_strength(scores)
    # For a: 60 − 40 on target b, 80 − 70 on target d; its score on itself doesn't count.
    assert found["a"] == pytest.approx((20 + 10) / (2 + 3))
    assert found["c"] == pytest.approx((-10 - 20) / (2 + 3))


@pytest.mark.thorough
@given(SEEDS)
def test_donor_strength_elsewhere_leaves_each_target_out(seed):
    scores = world(seed, 6)[1]
    found = donor_strength_elsewhere(scores)
    for target in scores.index:
        np.testing.assert_allclose(found.loc[target], donor_strength(scores.drop(index=target)), atol=1e-9)


@pytest.mark.thorough
@settings(max_examples=10)
@given(SEEDS)
def test_the_targets_own_scores_are_never_looked_at(seed):
    similarity, scores = world(seed, 8)
    changed = scores.copy()
    changed.loc["l03"] = np.random.default_rng(seed).permutation(changed.loc["l03"].to_numpy()) / 2
    pd.testing.assert_frame_equal(of(similarity, scores, "l03").table(), of(similarity, changed, "l03").table())
    without = of(similarity, scores.drop(index="l03"), "l03")
    pd.testing.assert_frame_equal(of(similarity, scores, "l03").table(), without.table())


def test_donor_strength_counts_where_it_says_something_and_not_where_it_says_nothing():
    strong, none = ([of(*world(seed, donor=donor), "l00").weight for seed in range(10)] for donor in (3.0, 0.0))
    assert np.mean(strong) >= 0.9
    assert np.mean(none) <= 0.25


@pytest.mark.thorough
def test_the_joined_order_is_better_than_either_part():
    agreement = {"index": [], "similarity": [], "donor": []}
    for seed in range(2):
        similarity, scores = world(seed)
        for target in scores.index:
            found = of(similarity, scores, target)
            for part, values in agreement.items():
                own = found.index if part == "index" else found.parts[part]
                values.append(own.corr(scores.loc[target, own.index], method="spearman"))
    means = {part: np.mean(values) for part, values in agreement.items()}
    assert means["index"] > max(means["similarity"], means["donor"]) + 0.05


@pytest.mark.thorough
@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_sets_and_intervals_hold_what_they_promise(noise):
    held, inside, close, said, sizes = [], [], [], [], []
    for seed in range(4):
        similarity, scores = world(seed, noise=noise)
        for target in scores.index:
            table = of(similarity, scores, target).table()
            true = scores.loc[target, table.index]
            chosen = smallest_set(table["best"])
            held.append(true.idxmax() in chosen)
            sizes.append(len(chosen))
            inside.append(true.between(table["lower"], table["upper"]).mean())
            close.append((true >= true.max() - 1).mean())
            said.append(table["close"].mean())
    assert HOLDS - 0.07 <= np.mean(held) <= HOLDS + 0.15
    assert np.mean(sizes) < 11, "of 15"
    assert 0.85 <= np.mean(inside) <= 0.97
    assert np.mean(said) == pytest.approx(np.mean(close), abs=0.03)


@pytest.mark.thorough
@settings(max_examples=15)
@given(SEEDS, st.sampled_from([1.0, 100.0]))
def test_scores_and_intervals_stay_on_the_scale_and_in_the_order_of_the_index(seed, top):
    similarity, scores = world(seed, 7, donor=4.0)
    found = of(similarity, scores / 100 * top, "l01")
    table = found.table()
    assert ((table[["lower", "expected", "upper"]] >= 0) & (table[["lower", "expected", "upper"]] <= top)).all(
        axis=None
    )
    assert ((table["lower"] <= table["expected"]) & (table["expected"] <= table["upper"])).all()
    by_index = table.loc[found.index.sort_values(ascending=False).index, "expected"]
    assert (by_index.diff().dropna() <= 1e-9).all()
    assert found.scale == Scale(top)


def test_scores_that_are_no_shares_have_an_open_scale():
    similarity, scores = world(1, 7)
    assert of(similarity, -scores, "l01").scale.top is None


def test_a_source_without_scores_is_an_average_donor():
    similarity, scores = world(3)
    found = of(similarity, scores.drop(columns="l05"), "l00")
    assert abs(found.parts["donor"]["l05"]) < 0.5
    assert found.index.notna().all()
    assert found.table()["best"].sum() == pytest.approx(1)


@pytest.mark.thorough
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=12), st.floats(0.1, 5), st.floats(0, 5))
def test_probabilities(index, temperature, lead):
    from xsns_hf.expectation.choice import Choice

    values = pd.Series(index, language_codes(len(index)))
    choice = Choice(temperature, lead)
    best, close = choice.best(values), choice.close(values)
    assert best.sum() == pytest.approx(1)
    assert (close >= best - 1e-9).all()
    chosen = smallest_set(best)
    assert best[chosen].sum() >= HOLDS - 1e-6
    assert best[chosen[:-1]].sum() < HOLDS
    assert best[chosen].min() >= best.drop(chosen).max() - 1e-12 if len(chosen) < len(best) else True


def test_what_is_known_for_sure_breaks_nothing():
    index = pd.DataFrame([[3.0, 0, -3], [3.0, 0, -3]], list("xy"), list("abc"))
    choice = fit_choice(index, index * 30, 1.0)
    assert choice.best(index.loc["x"])["a"] > 0.99
    assert np.isfinite(choice.close(index.loc["x"])).all()


@pytest.mark.thorough
@settings(max_examples=15)
@given(SEEDS)
def test_an_index_is_the_sum_of_its_parts_and_evidence_of_nothing_changes_nothing(seed):
    similarity, scores = world(seed, 9)
    random = np.random.default_rng(seed)
    more = pd.DataFrame(random.normal(size=(9, 9)), similarity.index, similarity.columns)
    candidates = [code for code in similarity if code != "l02"]
    found = expect(similarity, scores, "l02", candidates, {"more": more})
    assert list(found.parts) == ["similarity", "more", "donor"]
    np.testing.assert_allclose(found.parts.sum(axis=1), found.index)
    unknown = expect(similarity, scores, "l02", candidates, {"more": more * np.nan})
    np.testing.assert_allclose(unknown.index, of(similarity, scores, "l02").index)
    assert not unknown.parts["more"].any()
    # What a scale is makes no difference, and the target's own scores neither.
    other = expect(similarity, scores.drop(index="l02"), "l02", candidates, {"more": 7 * more + 3})
    np.testing.assert_allclose(other.index, found.index)


def test_true_evidence_beside_similarity_makes_the_order_better():
    better = []
    for seed in range(6):
        similarity, scores = world(seed, noise=0.2)
        noise = np.random.default_rng([seed, 1]).normal(size=similarity.shape) / 100
        rough, more = similarity + 1.5 * noise, similarity - noise
        for target in list(scores)[:5]:
            candidates = [code for code in scores if code != target]
            indices = [expect(rough, scores, target, candidates, beside).index for beside in ({}, {"more": more})]
            better.append(np.diff([index.corr(scores.loc[target, index.index]) for index in indices])[0])
    assert np.mean(better) > 0.005


def test_of_weights_that_do_about_as_well_the_least_is_taken():
    """Where donors explain as much as similarity does, correlation hardly changes between a half and one."""
    weights = [of(*world(seed, donor=1.0), "l00").weight for seed in range(10)]
    assert 0.25 <= np.mean(weights) <= 0.75
