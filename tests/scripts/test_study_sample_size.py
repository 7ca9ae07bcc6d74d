"""The study of sample sizes, on made-up masks."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from study.growing_samples import Samples, grown
from study.sample_size import AGREEMENTS, FIXED, rankings_compared, report, ways_of_choosing

from xsns_hf.extraction.extract import extract
from xsns_hf.gold import Gold
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus, text_folder

SIZES = np.array([64, 128, 256, 512, 1024])
NOISE = {"eng": 0.1, "fin": 0.3, "rus": 0.6, "swe": 0.2}


def samples_of(noise: float, number: int) -> Samples:
    """Masks that are the more like those of other languages the less noise there is, and the more text."""
    base = np.random.default_rng(0).random(4000) < 0.3
    changed = np.random.default_rng(number).random((len(SIZES), 4000)) < noise * (0.5 + 32 / SIZES[:, None])
    return Samples(SIZES, 0.6 + 0.04 * np.arange(len(SIZES)), np.packbits(base ^ changed, axis=1))


SAMPLES = {code: samples_of(noise, number) for number, (code, noise) in enumerate(NOISE.items(), 1)}


def test_each_way_takes_the_first_sample_that_is_good_enough_or_the_last():
    ways = ways_of_choosing(SAMPLES)
    assert list(ways) == [*map(str, FIXED), *(f"auto {agreement:g}" for agreement in AGREEMENTS)]
    assert [ways[str(size)]["fin"] for size in FIXED] == [0, 1, 2, 3, 4]
    assert (ways["auto 0.64"]["fin"], ways["auto 0.7"]["fin"], ways["auto 0.8"]["fin"]) == (1, 3, 4)


def test_the_report_has_a_row_for_each_way_and_a_figure(tmp_path, capsys):
    rows = [(source, target, 90 - 50 * NOISE[source]) for source in NOISE for target in NOISE if source != target]
    table = pd.DataFrame(rows, columns=["source", "target", "score"]).assign(seed=0)
    report(SAMPLES, Gold("gold", table, []), tmp_path / "figure6.png")
    printed = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    rows = {row[0]: row[1:] for row in cells}
    assert list(rows) == list(ways_of_choosing(SAMPLES))
    assert rows["1024"][:5] == ["1024", "1024", "1024", "1.000", "100 %"]
    assert float(rows["1024"][6]) > 80, "the less noise, the better the source"
    assert rows["auto 0.67"][:3] == ["256", "256", "256"]
    assert (tmp_path / "figure6.png").read_bytes().startswith(b"\x89PNG")


def test_rankings_are_compared_without_the_target_itself():
    reference = pd.DataFrame([[1, 0.5, 0.4], [0.5, 1, 0.3], [0.4, 0.3, 1]], list("abc"), list("abc"))
    other = reference.copy()
    other.loc["a", "b"] = other.loc["b", "a"] = 0.35
    ranks, same_first = rankings_compared(other, reference)
    assert (ranks, same_first) == ((-1 + 1 + 1) / 3, 2 / 3)


@pytest.mark.thorough
@pytest.mark.parametrize("importance", [pytest.param("exact", marks=pytest.mark.slow), "capped"])
def test_growing_samples_give_the_masks_of_extract(tiny, tmp_path, importance):
    (tmp_path / "text").mkdir()
    (tmp_path / "text/fin.txt").write_text("\n".join(sample_corpus().sentences("fin")[:140]), encoding="utf-8")
    samples = grown(["fin"], tmp_path / "text", tmp_path / "out", importance, 0, 1, str(tiny))["fin"]
    assert list(samples.sizes) == [64, 128, 140]
    assert ((samples.agreements > 0) & (samples.agreements < 1)).all()
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(tmp_path / "text", "ud")
    recipe = Recipe(
        checkpoint.name, checkpoint.revision, checkpoint.head_name, "ud", importance=importance, examples=64
    )
    also = [dataclasses.replace(recipe, examples=size) for size in (128, 140)]
    for extracted, bits in zip(extract(checkpoint, corpus, recipe, "fin", [0], also=also), samples.packed, strict=True):
        assert jaccard(extracted.mask, SubNetwork(extracted.mask.layout, bits, 0.0)) > 0.999
