"""Predictors against gold: the pairs that count, the seeds that are averaged, what is reported as missing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import ndcg_score

from xsns_hf.errors import XsnsError
from xsns_hf.evaluation.evaluate import evaluate
from xsns_hf.gold import Gold
from xsns_hf.predictors import Inputs, Predictor

CODES = ["deu", "eng", "fin", "fra", "rus", "swe"]


class Given(Predictor):
    """A predictor that says what it is told, by seed."""

    name = "given"
    about = "a test"

    def __init__(self, tables: Sequence[pd.DataFrame]):
        super().__init__(Inputs())
        self.tables = tables

    @property
    def seeds(self):
        return range(len(self.tables))

    def scores(self, targets, sources, seed=0):
        return self.tables[seed].reindex(index=targets, columns=sources)


def square(seed: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).random((6, 6)), CODES, CODES)


def gold_of(*tables: pd.DataFrame) -> Gold:
    rows = [
        (source, target, seed, table.loc[target, source])
        for seed, table in enumerate(tables)
        for target in table.index
        for source in table.columns
        if table.notna().loc[target, source]
    ]
    return Gold("gold.csv", pd.DataFrame(rows, columns=["source", "target", "seed", "score"]), [])


def ndcg_as_the_authors(predicted: pd.Series, gold: pd.Series) -> float:
    return ndcg_score([rankdata(gold)], [rankdata(predicted)], k=3)


def test_all_combinations_of_seeds_are_averaged_without_the_target_itself():
    masks, runs = [square(1), square(2), square(3)], [square(4), square(5), square(6)]
    found = evaluate(gold_of(*runs), [Given(masks)])
    expected = np.mean(
        [
            ndcg_as_the_authors(mask.loc[target].drop(target), run.loc[target].drop(target))
            for target in CODES
            for mask in masks
            for run in runs
        ]
    )
    assert found.table.loc["given", "ndcg@3"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.sampled_from(CODES), max_size=3))
def test_pairs_that_are_missing_are_reported_and_left_out(seed, lacking):
    predictions = square(seed)
    predictions[sorted(lacking)] = np.nan
    found = evaluate(gold_of(square(seed + 1)), [Given([predictions])])
    for target in CODES:
        assert found.candidates[target] == [code for code in CODES if code != target and code not in lacking]
        assert found.left_out.get(target, []) == sorted(lacking - {target})


def test_predictors_are_compared_on_the_same_pairs():
    some = square(1)
    some.loc["fin", "swe"] = np.nan
    with_gap, whole = Given([some]), Given([square(1)])
    with_gap.name = "with-gap"
    found = evaluate(gold_of(square(2)), [whole, with_gap])
    assert found.left_out == {"fin": ["swe"]}
    pd.testing.assert_series_equal(found.table.loc["given"], found.table.loc["with-gap"], check_names=False)


@pytest.mark.thorough
def test_a_seed_that_only_some_languages_have_is_left_out():
    partial = square(2)
    partial["swe"] = np.nan
    found = evaluate(gold_of(square(1)), [Given([square(3), partial])])
    assert found.left_out == {}
    pd.testing.assert_frame_equal(found.table, evaluate(gold_of(square(1)), [Given([square(3)])]).table)


def test_targets_with_one_candidate_are_skipped_with_a_reason():
    truth = square(1)
    truth.loc["fin", ["deu", "fra", "rus", "swe"]] = np.nan
    found = evaluate(gold_of(truth), [Given([square(2)])])
    assert found.skipped == {"fin": "only one candidate"}
    assert "fin" not in found.to_dict(per_target=True)["given"]["per_target"]
    assert found.to_dict()["given"]["targets"] == 5


def test_nothing_to_evaluate():
    with pytest.raises(XsnsError, match=r"No target of gold\.csv can be evaluated"):
        evaluate(gold_of(square(1)), [Given([square(2) * np.nan])])


def test_latex_marks_the_best_and_escapes():
    perfect, noise = Given([square(1)]), Given([square(2)])
    noise.name = "no_ise"
    text = evaluate(gold_of(square(1)), [perfect, noise]).to_latex()
    assert r"\textbf{100.00}" in text
    assert r"no\_ise" in text
    assert r"\toprule" in text
