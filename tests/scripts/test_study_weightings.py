"""The study that compares weightings of sentences and orders of sources, on few sentences of three languages."""

import numpy as np
import pandas as pd
import pytest
from study.weightings.orders import DEFAULT, TODAY, joined, predicted_sets
from study.weightings.samples import Samples

from xsns_hf.extraction.extract import extract
from xsns_hf.gold import Gold
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus, text_folder

CODES = ["eng", "fin", "swe"]
SIZES = (6, 12)


@pytest.fixture
def samples(tiny, tmp_path) -> Samples:
    (tmp_path / "text").mkdir()
    for code in CODES:
        sentences = sample_corpus().sentences(code)[:12]
        (tmp_path / f"text/{code}.txt").write_text("\n".join(sentences), encoding="utf-8")
    return Samples(str(tiny), text_folder(tmp_path / "text", "mine"), tmp_path / "out", SIZES)


@pytest.mark.slow
def test_masks_from_one_pass_are_those_of_extract(samples):
    samples.make([0, 1], 1)
    checkpoint = load_checkpoint(samples.model)
    for seed, importance, way in ((0, "exact", "exact"), (0, "capped", DEFAULT), (1, "normalised", "normalised")):
        for number, size in enumerate(SIZES):
            recipe = Recipe(
                *(checkpoint.name, checkpoint.revision, checkpoint.head_name, "mine"),
                importance=importance,
                examples=size,
            )
            (made,) = extract(checkpoint, samples.corpus, recipe, "fin", [seed])
            bits = np.load(samples.file("fin", seed))["packed"][number, samples.ways(seed).index(way)]
            assert jaccard(made.mask, SubNetwork(made.mask.layout, bits, 0.0)) > 0.999
    table = samples.similarity("capped, c = 1", 12, 0)
    assert list(table) == CODES and np.allclose(table, table.T) and (np.diag(table) == 1).all()
    assert -1 <= samples.agreement("exact", 12, [0, 1]) <= 1
    assert samples.ways(1) == ["exact", DEFAULT, "normalised"], "other caps are tried on the first seed only"


def test_parts_are_joined_by_their_weights_and_what_is_unknown_adds_nothing():
    near = pd.DataFrame([[np.nan, 0.2, 0.4], [0.1, np.nan, 0.3]], index=["eng", "fin"], columns=CODES)
    unknown = pd.DataFrame(np.nan, index=near.index, columns=near.columns)
    both = joined(near, [near, unknown, unknown, unknown], TODAY)
    assert both.loc["eng", ["fin", "swe"]].tolist() == pytest.approx([0.2 - 2 * 0.5**0.5, 0.4 + 2 * 0.5**0.5])


def test_sets_are_judged_target_by_target(monkeypatch):
    codes = [f"l{number:02}" for number in range(12)]
    rng = np.random.default_rng(0)
    quality, near = rng.normal(size=12), rng.random((12, 12))
    near = (near + near.T) / 2
    scores = 60 + 10 * quality[None, :] + 30 * near
    rows = [(s, t, scores[j, i]) for i, s in enumerate(codes) for j, t in enumerate(codes) if s != t]
    gold = Gold("gold", pd.DataFrame(rows, columns=["source", "target", "score"]).assign(seed=0), [])
    table = pd.DataFrame(near, index=codes, columns=codes)
    monkeypatch.setattr(Samples, "similarity", lambda *_: table)
    judged = pd.DataFrame(predicted_sets(Samples("", None, None, SIZES), gold, 12, [0]))
    assert len(judged) == 12 and set(judged["holds"]) <= {0.0, 1.0} and (judged["of"] == 11).all()
    assert judged["holds"].mean() > 0.6 and (judged["number"] >= 1).all()
    assert judged["are"].min() >= 1 / 11, "the best source is within a point of itself"
