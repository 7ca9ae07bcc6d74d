"""Gold scores from CSV: what is read, and what is refused with which words."""

import pytest

from xsns_hf.errors import XsnsError
from xsns_hf.gold import read_gold, restricted


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        path = tmp_path / "gold.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_any_code_is_understood_and_other_columns_are_ignored(file):
    gold = read_gold(file("model,source,target,score\nm,en,Finnish,81.5\nm,deu_Latn,fi,79\nm,no,fin,70.25\n"))
    assert gold.matrix().loc["fin"].to_dict() == {"deu": 79.0, "eng": 81.5, "nob": 70.25}
    assert gold.seeds == [0]


def test_the_columns_of_xpos(file):
    gold = read_gold(file(",lang_train,lang_pred,score\n0,en,fi,81.5\n"))
    assert gold.matrix().loc["fin", "eng"] == 81.5


def test_several_runs_are_kept_apart_and_averaged(file):
    gold = read_gold(file("source,target,seed,score\nen,fi,0,80\nen,fi,1,90\n"))
    assert gold.seeds == [0, 1]
    assert gold.matrix(1).loc["fin", "eng"] == 90
    assert gold.matrix().loc["fin", "eng"] == 85


def test_a_metric_is_named_or_not(file):
    path = file("source,target,metric,score\nen,fi,,0.9\n")
    assert read_gold(path).metric == ""
    assert read_gold(path, "f1").metric == "f1"
    with pytest.raises(XsnsError, match=r"line 3: the score is by no metric, others are by one: fill it in"):
        read_gold(file("source,target,metric,score\nen,fi,acc,0.9\nen,fi,,0.8\n"))


def test_the_metric_is_chosen(file):
    path = file("source,target,metric,score\nen,fi,acc,0.9\nen,fi,f1,0.8\n")
    assert read_gold(path, "f1").matrix().loc["fin", "eng"] == 0.8
    with pytest.raises(XsnsError, match=r"choose one with metric=…: acc, f1"):
        read_gold(path)
    with pytest.raises(XsnsError, match=r"no scores by the metric mrr: it has acc, f1"):
        read_gold(path, "mrr")


def test_scores_of_several_tasks_are_not_mixed_up(file):
    path = file("task,source,target,score\npos,en,fi,91\nner,en,fi,60\n")
    with pytest.raises(
        XsnsError, match=r"has scores of several tasks \(ner, pos\): keep each task's in a file of its own"
    ):
        read_gold(path)


def test_unknown_languages_are_left_out_and_named(file):
    gold = read_gold(file("source,target,score\nen,fi,81\nklingonese,fi,9\n"))
    assert gold.unknown == ["klingonese"]
    assert gold.sources == ["eng"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,score\nen,1\n", "has no column target"),
        ("source,target,score\nen,fi,good\n", r"line 2: the score 'good' isn't a number"),
        ("source,target,score\nen,fi,inf\n", r"line 2: the score 'inf' isn't a number"),
        ("source,target,score\nen,fi,1\nde,fi,2\neng,fin,3\n", r"line 4: there is a second score for eng → fin"),
        ("source,target,score\nfoo1,bar1,1\n", "no pair of languages that we know"),
        ("source,target,seed,score\nen,fi,first,1\n", "seeds .* aren't whole numbers"),
        ("", "can't be read as CSV"),
    ],
)
def test_a_bad_file_is_refused_with_a_reason(file, text, message):
    with pytest.raises(XsnsError, match=message):
        read_gold(file(text))


def test_a_missing_file(tmp_path):
    with pytest.raises(XsnsError, match="There is no gold file"):
        read_gold(tmp_path / "none.csv")


def test_restricting(file):
    gold = read_gold(file("source,target,score\nen,fi,1\nde,fi,2\nen,sv,3\n"))
    assert restricted(gold, ["fin"], ["eng"]).rows["score"].tolist() == [1.0]
    with pytest.raises(XsnsError, match="no score for these targets and sources"):
        restricted(gold, ["swh"], None)
