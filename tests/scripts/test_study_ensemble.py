"""The study of the ensemble's weights, on made-up z-scores."""

import numpy as np
import pandas as pd
import pytest
from study.ensemble import PARTS, PENALTIES, SUMS, fitted, judged_ways, left_out

CODES = ["deu", "eng", "fin", "rus", "swe"]


def rows_of(weights: list[float], seed: int) -> pd.DataFrame:
    """Pairs whose gold scores are a weighted sum of the parts."""
    random = np.random.default_rng(seed)
    pairs = [(target, source) for target in CODES for source in CODES if target != source]
    rows = pd.DataFrame(pairs, columns=["target", "source"])
    rows[PARTS] = random.normal(size=(len(rows), len(PARTS)))
    return rows.assign(gold=rows[PARTS] @ np.array(weights), score=rows[PARTS] @ np.array(weights))


def test_weights_are_found_and_drawn_towards_equal_ones():
    rows = rows_of([2, 1, 0, 0, 0], 0)
    assert fitted(rows, 1e-9) == pytest.approx([2, 1, 0, 0, 0], abs=1e-6)
    assert fitted(rows, 1e9) == pytest.approx([0.2] * 5, abs=1e-6)
    assert left_out(rows, 1e-9).to_numpy() == pytest.approx(rows["gold"].to_numpy())


@pytest.mark.thorough
def test_every_way_is_judged_and_without_other_tasks_none_is_fitted_to_them():
    samples, others = [rows_of([1, 0, 0, 0, 0], seed) for seed in (0, 1)], [rows_of([0, 1, 0, 0, 0], 2)]
    judged = judged_ways(samples, others)
    assert list(judged)[: len(SUMS)] == list(SUMS) and len(judged) == len(SUMS) + 2 * len(PENALTIES)
    assert judged["xsns alone"]["pearson"] == pytest.approx(1) and judged["xsns alone"]["regret"] == pytest.approx(0)
    assert judged["fitted to the other targets, penalty 1"]["spearman"] > 0.9
    assert judged["fitted to the other tasks, penalty 1"]["spearman"] < 0.5
    assert len(judged_ways(samples, [])) == len(SUMS) + len(PENALTIES)
