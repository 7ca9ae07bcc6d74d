"""The study that draws Figures 1, 5 and 7, on made-up scores and tiny masks."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import noisy_masks
from study.transfer.command import main
from study.transfer.differences import differences
from study.transfer.measured import read

from xsns_hf.errors import XsnsError

SCORES = {
    "eng": {"eng": 90.0, "fin": 50, "swe": 80, "tha": 30},
    "fin": {"eng": 60.0, "fin": 85, "swe": 62, "tha": 88},
    "swe": {"eng": 70.0, "fin": 65, "swe": 80, "tha": 40},
    "rus": {"eng": 55.0, "fin": 58, "swe": 50, "tha": 20},
}
"""By target and source. Thai has no masks, Russian no score of its own."""
NOISE = {"swe": 0.1, "fin": 0.3, "eng": 1, "rus": 3}


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> str:
    """For each target the order of the others is that of `NOISE`."""
    return noisy_masks(tmp_path_factory.mktemp("masks") / "masks", NOISE)


@pytest.fixture
def gold(tmp_path) -> Path:
    """Scores as fractions, by f1, beside others by acc."""
    rows = [
        {"source": source, "target": target, "metric": metric, "score": score / 100 if metric == "f1" else 0.5}
        for target, each in SCORES.items()
        for source, score in each.items()
        for metric in ("f1", "acc")
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "gold.csv", index=False)
    return tmp_path / "gold.csv"


@pytest.mark.thorough
def test_all_figures_of_a_task_with_masks(gold, masks, tmp_path, capsys):
    main([f"ner={gold}:f1"], [f"ner={masks}"], None, tmp_path / "out", "fin,rus")
    written = (tmp_path / "out/transfer.md").read_text("utf-8")
    assert capsys.readouterr().out == written
    for figure in (1, 5, 7):
        assert (tmp_path / f"out/figure{figure}.png").read_bytes().startswith(b"\x89PNG")
    lines = written.splitlines()
    # Of Finnish, Thai is better than all others but has no masks.
    assert "| NER, f1 | Finnish | 60.0 | Swedish | 62.0 | Swedish | 62.0 |" in lines
    assert "| NER, f1 | Swedish | 70.0 | Finnish | 65.0 | English | 70.0 |" in lines
    assert "| NER, f1 | mean | 65.0 | | 63.5 | | 66.0 |" in lines
    assert (
        "NER, f1: our first suggestion is better than English for 1 of 2 targets, alike for 0, by -1.5 points on "
        "average; it is the best source for 1, 2.5 points below it on average."
    ) in lines
    low = written.partition("### Figure 7")[2]
    assert "| NER, f1 | Russian | 55.0 | Swedish | 50.0 | Finnish | 58.0 |" in low
    assert "Russian" not in written.partition("### Figure 5")[0]  # no source itself
    assert not any(line.startswith("Not for") for line in lines)


def test_differences_are_against_the_targets_own_score(gold):
    lost = differences(read("ner", f"{gold}:f1", None, None).scores)
    assert {pair: round(value, 6) for pair, value in lost.items()} == {
        ("eng", "fin"): -40, ("eng", "swe"): -10, ("eng", "tha"): -60,
        ("fin", "eng"): -25, ("fin", "swe"): -23, ("fin", "tha"): 3,
        ("swe", "eng"): -10, ("swe", "fin"): -15, ("swe", "tha"): -40,
    }  # fmt: skip


def test_what_lacks_masks_is_skipped_with_a_sentence(gold, tmp_path, capsys):
    main([f"ner={gold}:f1", f"other={gold}:acc"], None, None, tmp_path / "out", "fin")
    printed = capsys.readouterr().out
    assert "| NER, f1 | 3 | 9 | 11.1 % | -60.0 | -40.0 | -23.0 | -10.0 | 3.0 |" in printed
    assert "| OTHER, acc | 3 | 9 | 0.0 % |" in printed
    assert "Not for ner, other: there are no masks of targets with scores, and scores with English." in printed
    assert [path.name for path in sorted((tmp_path / "out").glob("*.png"))] == ["figure5.png"]


def test_scores_in_percent_stay_as_they_are(tmp_path):
    table = pd.DataFrame([(s, t, score) for t, each in SCORES.items() for s, score in each.items()])
    table.to_csv(tmp_path / "scores.csv", index=False, header=["source", "target", "score"])
    assert read("pos", str(tmp_path), None, None).scores.loc["fin", "tha"] == 88
    assert read("pos", str(tmp_path), None, None).title == "POS"


def test_options_that_are_wrong(gold, masks, tmp_path):
    with pytest.raises(XsnsError, match=r"--gold gold isn't task=VALUE"):
        main(["gold"], None, None, tmp_path, "fin")
    with pytest.raises(XsnsError, match=r"--gold is given twice for ner"):
        main(["ner=a", "ner=b"], None, None, tmp_path, "fin")
    with pytest.raises(XsnsError, match=r"--masks pos=… is for a task without scores"):
        main([f"ner={gold}:f1"], [f"pos={masks}"], None, tmp_path, "fin")
    with pytest.raises(XsnsError, match=r"There is no gold file"):
        main([f"ner={tmp_path}/none.csv"], None, None, tmp_path, "fin")
    with pytest.raises(XsnsError, match=r"several metrics: choose one"):
        main([f"ner={gold}"], None, None, tmp_path, "fin")
