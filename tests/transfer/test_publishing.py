"""Gold scores on the Hub."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from datasets import load_dataset

from transfer.runs import QUICK, same, scores
from xsns_hf.gold import read_gold
from xsns_hf.transfer.results import read_scores

WHERE, PATH = "user/transfer", "datasets/user/transfer"


@pytest.fixture
def pushed(hub, xsns, tmp_path) -> Path:
    """A folder of scores that has been pushed."""
    folder = scores(tmp_path, "fin", "rus")
    code, output, errors = xsns("push-gold", folder, WHERE)
    assert code == 0, errors
    assert output.startswith("4 new scores, at http")
    return folder


def test_pushed_scores_are_a_dataset(pushed, hub, tmp_path):
    rows = load_dataset(WHERE, cache_dir=str(tmp_path / "cache"))["train"].to_pandas()
    assert same(rows, read_scores(pushed / "scores.csv"))
    assert set(hub.files(PATH)) - {".gitattributes"} == {"scores.csv", "transfer.json", "README.md"}
    assert b"# Cross-lingual transfer scores of tiny-bert" in hub.files(PATH)["README.md"]
    assert len(hub.history(PATH)) == 2, "the Hub's own commit, and ours"


@pytest.mark.thorough
def test_only_what_is_new_is_pushed(pushed, hub, xsns, tmp_path):
    code, output, _ = xsns("push-gold", pushed, WHERE)
    assert code == 0
    assert output.startswith("Nothing new: ")
    assert len(hub.history(PATH)) == 2
    code, output, _ = xsns("push-gold", scores(tmp_path / "more", "fin", "swe"), WHERE)
    assert code == 0
    assert output.startswith("2 new scores")
    rows = pd.read_csv(fetched(hub, tmp_path))
    assert sorted(rows["target"]) == ["fin", "fin", "rus", "rus", "swe", "swe"]
    assert b"| pos | accuracy | 1 | 3 | 1 |" in hub.files(PATH)["README.md"]


def fetched(hub, folder: Path) -> Path:
    path = folder / "fetched.csv"
    path.write_bytes(hub.files(PATH)["scores.csv"])
    return path


def test_pushed_scores_serve_as_gold(pushed, hub, tmp_path):
    assert read_gold(fetched(hub, tmp_path)).matrix().loc["fin", "eng"] == 50.5


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": replace(QUICK, epochs=9)}, "of another checkpoint or made with other settings: use another"),
        ({"score": 7}, "user/transfer holds another score of eng → fin, seed 0: use another repository"),
    ],
)
def test_scores_that_do_not_go_together_are_not_pushed(pushed, hub, xsns, tmp_path, changed, message):
    before = hub.files(PATH)
    code, _, errors = xsns("push-gold", scores(tmp_path / "other", "fin", "swe", **changed), WHERE)
    assert code == 2
    assert message in errors
    assert hub.files(PATH) == before


def test_a_repository_with_something_else_is_left_alone(pushed, hub, xsns, tmp_path):
    hub.create("datasets/user/thesis", {"thesis.tex": b"years of work"})
    code, _, errors = xsns("push-gold", pushed, "user/thesis")
    assert code == 2
    assert "user/thesis on the Hub holds something other than transfer scores: use a repository of its own" in errors
    assert set(hub.files("datasets/user/thesis")) == {"thesis.tex"}


def test_a_folder_without_scores_is_not_pushed(hub, xsns, tmp_path):
    code, _, errors = xsns("push-gold", tmp_path, WHERE)
    assert code == 2
    assert "holds no scores: make some with `xsns transfer" in errors
    code, _, errors = xsns("push-gold", scores(tmp_path), WHERE)
    assert code == 2
    assert "holds no scores" in errors


@pytest.mark.thorough
def test_scores_can_be_proposed(pushed, hub, xsns, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.other_token)
    more = scores(tmp_path / "more", "swe")
    assert xsns("push-gold", more, WHERE)[0] == 2
    code, output, errors = xsns("push-gold", more, WHERE, "--create-pr")
    assert code == 0, errors
    assert "/discussions/" in output
    assert b"swe" not in hub.files(PATH)["scores.csv"]
    assert b"swe" in hub.files(PATH, "refs/pr/1")["scores.csv"]
