"""Languages without masks: what is known of their sources, and how far to trust that."""

from dataclasses import replace

import pandas as pd
import pytest

from xsns_hf import MaskRepository
from xsns_hf.dataset.published import task_gold
from xsns_hf.languages.uriel import structure
from xsns_hf.ranking import without_masks
from xsns_hf.ranking.without_masks import rank_without_masks


@pytest.fixture(scope="module")
def masks():
    return MaskRepository("ready").masks()


def test_the_most_alike_come_first_and_relatives_are_named(masks):
    given = rank_without_masks("Swiss German", masks)
    assert given.ranking.sources[0].language == "deu"
    assert given.ranking.sources[0].similarity == pytest.approx(structure(["gsw"], ["deu"]).iloc[0, 0], abs=1e-6)
    assert {"deu", "nld", "eng"} <= {*given.relatives.languages}
    assert given.relatives.branch == "West Germanic"
    assert "Nearest relatives with masks: German, Dutch" in " ".join(given.advice)
    assert list(given.to_frame().columns) == ["language", "name", "alike"]


@pytest.mark.parametrize("task", ["pos", "ner"])
def test_a_task_adds_how_good_sources_are_for_others(masks, task):
    given, plain = rank_without_masks("gsw", masks, task=task), rank_without_masks("gsw", masks)
    assert "strength" in given.to_frame()
    assert given.ordered_by != plain.ordered_by
    known = given.to_frame().dropna()
    assert len(known) >= 15
    assert set(known["language"]) <= {*task_gold(masks.repository, task).sources}
    assert given.check.lost < given.check.english
    assert f"{given.check.targets} languages whose" in given.advice[-1]


def test_what_an_order_misses_is_told_as_it_is(masks):
    """By hand: the first by sub-networks, and English, against the best source of each target."""
    gold = task_gold(masks.repository, "pos").matrix()
    similarity = masks.similarity()
    lost, english = [], []
    for target in gold.index.intersection(similarity.index):
        scores = gold.loc[target].drop(target, errors="ignore").dropna()
        scores = scores[scores.index.isin(similarity.columns)]
        lost.append(scores.max() - scores[similarity.loc[target, scores.index].idxmax()])
        if "eng" in scores:
            english.append(scores.max() - scores["eng"])
    check = rank_without_masks("gsw", masks).check
    assert check.targets == len(lost)
    assert check.by_masks == pytest.approx(pd.Series(lost).mean())
    assert check.english == pytest.approx(pd.Series(english).mean())


def test_scores_of_the_target_itself_are_not_looked_at(masks, monkeypatch):
    """As if Finnish had no masks."""
    order = [source.language for source in rank_without_masks("fin", masks, task="pos").ranking.sources]
    gold = task_gold(masks.repository, "pos")
    rows = gold.rows.assign(score=gold.rows["score"].where(gold.rows["target"] != "fin", 0.0))
    changed = replace(gold, rows=rows)
    monkeypatch.setattr(without_masks, "task_gold", lambda *_: changed)
    assert [source.language for source in rank_without_masks("fin", masks, task="pos").ranking.sources] == order


def test_candidates_need_no_masks_either(masks):
    given = rank_without_masks("swh", masks, ["zul", "French", "epo"])
    assert given.ranking.sources[0].language == "zul"
    assert {*given.ranking.missing, *(source.language for source in given.ranking.sources)} == {"zul", "fra", "epo"}


def test_a_language_of_which_nothing_is_known(masks, monkeypatch):
    monkeypatch.setattr(without_masks, "structure", lambda rows, columns: pd.DataFrame(float("nan"), rows, columns))
    monkeypatch.setattr(without_masks, "kinship", lambda codes: pd.DataFrame(float("nan"), codes, codes))
    given = rank_without_masks("gsw", masks)
    assert given.ranking is None
    assert given.to_frame().empty
    assert given.advice == [given.advice[0]]
    assert "Nothing is known" in given.advice[0]
