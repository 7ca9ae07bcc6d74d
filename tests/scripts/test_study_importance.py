"""The script that compares importances, on a few sentences of three languages."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import select
from xsns_hf.text.folder import SAMPLE_TEXT, sample_corpus

CODES = ["eng", "fin", "swe"]


@pytest.fixture
def script(monkeypatch, in_this_process):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    module, tables = import_module("study_importance"), import_module("reproduce_tables")
    monkeypatch.setattr(tables, "EXAMPLES", 6)
    monkeypatch.setattr(tables, "DENSITIES", (0.15,))
    monkeypatch.setattr(module, "EXAMPLES", 6)
    return module


def test_each_importance_is_compared_with_the_default_on_the_same_pairs(script, tiny, tmp_path, capsys, monkeypatch):
    data, out = tmp_path / "data", tmp_path / "out"
    (data / "text").mkdir(parents=True)
    for code in CODES:
        (data / "text" / f"{code}.txt").write_text("\n".join(sample_corpus().sentences(code)[:6]), encoding="utf-8")
    (data / "gold/xpos").mkdir(parents=True)
    gold = pd.read_csv(SAMPLE_TEXT.parent / "gold" / "xpos.csv")
    gold.to_csv(data / "gold/xpos/udpos-ft-10000.csv", index=False)
    script.main(data, out, "pos", seeds=1, processes=1, model=str(tiny))
    table = (out / "importance.md").read_text("utf-8")
    assert table in capsys.readouterr().out + "\n"
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    importances = [*script.MASKS, *script.WEIGHTED]
    assert [row[:3] for row in rows] == [["| pos", importance, "6"] for importance in importances]
    assert "(" not in rows[0][3] and all("(" in row[3] for row in rows[1 : len(importances)])

    # The vectors are those that the masks were made from, and nothing is made twice.
    masks = [
        MaskRepository(out / "masks/ud").subnetwork("ud-mlm-pretrained-n6-p0.15", code, 0) for code in ("eng", "fin")
    ]
    (folder,) = (out / "vectors").glob("ud-*")
    vectors = {code: np.load(folder / f"{code}-0.npy") for code in CODES}
    assert jaccard(select(vectors["eng"], masks[0].layout, 0.15), masks[0]) >= 0.999
    assert jaccard(select(vectors["fin"], masks[1].layout, 0.15), masks[1]) >= 0.999
    monkeypatch.setattr(script.multiprocessing, "get_context", lambda _: pytest.fail("made again"))
    script.make_vectors(str(tiny), script.Study(data, out, 1).corpus("pos"), folder, 0, 1)


def test_pos_is_judged_by_scores_of_the_checkpoint_too_where_there_are_some(script, tmp_path):
    study = import_module("reproduce_tables").Study(None, tmp_path, 1)
    assert list(script.golds(study, "pos")) == ["pos", "pos, same checkpoint"]
    own, published = (gold.rows["score"] for gold in reversed(script.golds(study, "pos").values()))
    assert not np.array_equal(own, published)


def test_a_difference_is_starred_where_targets_agree_on_it(script):
    default = pd.Series([50.0, 60, 70, 80], name="pearson")
    assert script.cell(default, default, True) == "65.0"
    assert script.cell(default.add([1, 2, 3, 2]), default, False) == "67.0 (+2.0\\*)"
    assert script.cell(default.add([9, -3, -4, 6]), default, False) == "67.0 (+2.0)"
    assert script.cell(default - 1, default, False) == "64.0 (-1.0\\*)"
