"""The study that compares importances, on a few sentences of three languages."""

import numpy as np
import pandas as pd
import pytest
from conftest import in_this_process
from study.importance import MASKS, cell, golds, task_rows
from study.markdown import METRICS
from study.reproduction import Study
from study.vectors import WEIGHTED, lacking

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import select
from xsns_hf.text.folder import SAMPLE_TEXT, sample_corpus

CODES = ["eng", "fin", "swe"]


@pytest.mark.slow
def test_each_importance_is_compared_with_the_default_on_the_same_pairs(tiny, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    (data / "text").mkdir(parents=True)
    for code in CODES:
        (data / "text" / f"{code}.txt").write_text("\n".join(sample_corpus().sentences(code)[:6]), encoding="utf-8")
    (data / "gold/xpos").mkdir(parents=True)
    gold = pd.read_csv(SAMPLE_TEXT.parent / "gold" / "xpos.csv")
    gold.to_csv(data / "gold/xpos/udpos-ft-10000.csv", index=False)
    study = Study(data, out, seeds=1, model=str(tiny), examples=6, densities=(0.15,), xsns=in_this_process)
    rows = task_rows(study, "pos", masks_only=False, processes=1)
    importances = [*MASKS, *WEIGHTED]
    assert [row[:3] for row in rows] == [["pos", importance, "6"] for importance in importances]
    assert {len(row) for row in rows} == {3 + len(METRICS)}
    assert "(" not in rows[0][3] and all("(" in row[3] for row in rows[1:])

    # The vectors are those that the masks were made from, and nothing is made twice.
    masks = {code: MaskRepository(out / "masks/ud").subnetwork("ud-mlm-pretrained-n6-p0.15", code, 0) for code in CODES}
    (folder,) = (out / "vectors").glob("ud-*")
    for code, mask in masks.items():
        assert jaccard(select(np.load(folder / f"{code}-0.npy"), mask.layout, 0.15), mask) >= 0.999
    assert lacking(study.corpus("pos"), folder, 0) == []
    assert lacking(study.corpus("pos"), folder, 1) == CODES


def test_pos_is_judged_by_scores_of_the_checkpoint_too_where_there_are_some(tmp_path):
    study = Study(None, tmp_path, 1)
    assert list(golds(study, "pos")) == ["pos", "pos, same checkpoint"]
    own, published = (gold.rows["score"] for gold in reversed(golds(study, "pos").values()))
    assert not np.array_equal(own, published)


def test_a_difference_is_starred_where_targets_agree_on_it():
    default = pd.Series([50.0, 60, 70, 80], name="pearson")
    assert cell(default, default, True) == "65.0"
    assert cell(default.add([1, 2, 3, 2]), default, False) == "67.0 (+2.0\\*)"
    assert cell(default.add([9, -3, -4, 6]), default, False) == "67.0 (+2.0)"
    assert cell(default - 1, default, False) == "64.0 (-1.0\\*)"
