"""The evaluate module of source rankings, loaded as its users load it, and what it computes."""

import doctest
import importlib
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import evaluate
import numpy as np
import pandas as pd
import pytest
import yaml
from datasets import DownloadConfig
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import ndcg_score

from xsns_hf.metrics.source_ranking import scoring
from xsns_hf.metrics.source_ranking.scoring import METRICS, score, score_target

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "xsns_hf" / "metrics" / "source_ranking"
PREDICTIONS = [[0.9, 0.1, 0.5], [0.2, 0.7], [0.3, 0.4, 0.6, 0.1]]
REFERENCES = [[80.0, 60.0, 85.0], [50.0, 70.0], [30.0, 20.0, 90.0, 10.0]]


@pytest.fixture(scope="module", autouse=True)
def _caches(tmp_path_factory):
    """Copy modules and data to a folder of the tests."""
    folder = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(folder / "modules"))
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", str(folder / "metrics"))
        yield


@pytest.fixture
def metric() -> evaluate.Metric:
    return evaluate.load(str(FOLDER))


def as_the_authors(predicted: list[float], gold: list[float], k: int = 3) -> dict[str, float]:
    """Compute what the authors' notebook computes for a target, with the calls it makes: lists, pandas, sklearn."""
    relevance, ranks = list(pd.DataFrame(gold).rank()[0]), list(pd.DataFrame(predicted).rank()[0])
    chosen, best = predicted.index(max(predicted)), gold.index(max(gold))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pearson, spearman = stats.pearsonr(gold, predicted)[0], stats.spearmanr(gold, predicted)[0]
    order = sorted(range(len(gold)), key=lambda source: -predicted[source])
    return {
        "pearson": pearson,
        "spearman": spearman,
        "top_1": float(chosen == best),
        f"ndcg@{k}": ndcg_score([relevance], [ranks], k=k),
        "regret": max(gold) - gold[chosen],
        "mrr": 1 / (1 + order.index(best)),
    }


def close(scores: dict, expected: dict) -> bool:
    return all(scores[key] == pytest.approx(value, abs=1e-12, nan_ok=True) for key, value in expected.items())


# Few values, for many ties, or any; not so small that squares vanish.
VALUES = st.integers(0, 4).map(float) | st.floats(-100, 100).map(lambda value: round(value, 3))
ROWS = st.integers(2, 8).flatmap(lambda n: st.tuples(*[st.lists(VALUES, min_size=n, max_size=n)] * 2))
TARGETS = st.lists(ROWS, min_size=1, max_size=5)
UNTIED = st.integers(2, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-50, 50), min_size=n, max_size=n, unique=True)] * 2)
)


def test_it_loads_from_anywhere_without_a_network(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    metric = evaluate.load(str(FOLDER))
    assert (metric.name, metric.module_type) == ("source_ranking", "metric")
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES) == score(PREDICTIONS, REFERENCES)


def test_it_loads_from_a_space_with_the_file_beside_it(hub, tmp_path, monkeypatch):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=hub.write_token)
    api.create_repo("user/source_ranking", repo_type="space", space_sdk="gradio")
    api.upload_folder(repo_id="user/source_ranking", repo_type="space", folder_path=FOLDER, allow_patterns="*.*")
    monkeypatch.chdir(tmp_path)
    metric = evaluate.load("user/source_ranking", download_config=DownloadConfig(cache_dir=tmp_path / "downloads"))
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES) == score(PREDICTIONS, REFERENCES)


@pytest.mark.thorough
def test_the_scoring_stands_alone():
    code = "import sys, scoring; assert not {'evaluate', 'xsns_hf', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=FOLDER, check=True)
    code = "import sys, xsns_hf.metrics.source_ranking.scoring; assert 'evaluate' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_what_it_needs_is_said_in_pips_words():
    imports = evaluate.loading.get_imports(str(FOLDER / "source_ranking.py"))
    assert ("library", "sklearn", "scikit-learn", None) in imports
    assert [name for kind, name, *_ in imports if kind == "internal"] == ["scoring"]
    assert not [name for kind, name, *_ in imports if kind == "external"]


@pytest.mark.thorough
@given(TARGETS)
def test_every_target_is_scored_as_the_authors_do(rows):
    predictions, references = map(list, zip(*rows, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(predictions, references, per_target=True)
    expected = [as_the_authors(predicted, gold) for predicted, gold in rows]
    assert tuple(expected[0]) == METRICS
    for one, other in zip(found["per_target"], expected, strict=True):
        assert close(one, other)
    assert close(found, pd.DataFrame(expected).mean().to_dict())
    assert found["targets"] == len(rows)


@given(ROWS, st.integers(1, 10))
def test_raw_relevance_is_the_gold_score(row, k):
    predicted, gold = row[0], [abs(value) for value in row[1]]
    expected = ndcg_score([gold], [stats.rankdata(predicted)], k=k)
    assert score_target(predicted, gold, k=k, relevance="raw")[f"ndcg@{k}"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.thorough
@given(UNTIED)
def test_only_the_order_of_predictions_counts_but_for_pearson(row):
    predicted, gold = row
    bent = score_target([np.exp(value / 10) - 7 for value in predicted], gold)
    assert close({**bent, "pearson": 0}, {**score_target(predicted, gold), "pearson": 0})


@pytest.mark.thorough
@given(UNTIED, st.randoms())
def test_the_order_of_untied_candidates_does_not_count(row, random):
    pairs = list(zip(*row, strict=True))
    random.shuffle(pairs)
    assert close(score_target(*zip(*pairs, strict=True), k=(1, 3)), score_target(*row, k=(1, 3)))


@given(UNTIED)
def test_a_perfect_prediction_loses_nothing(row):
    expected = {"pearson": 1, "spearman": 1, "top_1": 1, "ndcg@1": 1, "ndcg@3": 1, "regret": 0, "mrr": 1}
    assert close(score_target(row[1], row[1], k=[1, 3]), expected)


def test_among_equals_the_first_counts():
    tied = score_target([0.5, 0.9, 0.9], [70, 60, 80])
    assert (tied["top_1"], tied["mrr"], tied["regret"]) == (0, 1 / 2, 20)
    tied = score_target([0.1, 0.9, 0.5], [80, 80, 60])
    assert (tied["top_1"], tied["mrr"], tied["regret"]) == (0, 1 / 3, 0)


def test_constant_rows_are_left_out_of_the_means_of_correlations(metric):
    predictions, references = [*PREDICTIONS, [0.3, 0.3], [0.1, 0.2]], [*REFERENCES, [1.0, 2.0], [5.0, 5.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(predictions, references, per_target=True, bootstrap=50)
        none = score([[1, 1]], [[1, 2]], bootstrap=50)
        score_target([1, 1 + 1e-15], [1, 2])
    without = score(PREDICTIONS, REFERENCES, bootstrap=50)
    for metric_name in ("pearson", "spearman"):
        assert found[metric_name] == without[metric_name]
        assert found["confidence_intervals"][metric_name] == without["confidence_intervals"][metric_name]
        assert np.isnan([row[metric_name] for row in found["per_target"]]).tolist() == [False] * 3 + [True] * 2
        assert np.isnan(none[metric_name])
    assert found["targets"] == 5
    assert np.isnan(list(none["confidence_intervals"].values())).all(), "one target says nothing about others"
    assert none["ndcg@3"] == pytest.approx(np.mean([1, (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3))]))


def test_near_scores_are_told_apart(metric):
    """In float32 they would be equal, and the first would win."""
    found = metric.compute(predictions=[[0.5, 0.5 + 1e-12]], references=[[80.0, 80.0 + 1e-12]])
    assert found["top_1"] == 1
    assert 0 < metric.compute(predictions=[[1, 2]], references=[[80.0 + 1e-12, 80.0]])["regret"] < 2e-12


def test_adding_bit_by_bit_is_the_same(metric):
    options = {"k": [1, 3], "targets": ["fin", "nob", "ukr"], "bootstrap": 20, "per_target": True}
    whole = metric.compute(predictions=PREDICTIONS, references=REFERENCES, **options)
    metric.add_batch(predictions=PREDICTIONS[:2], references=REFERENCES[:2])
    metric.add(prediction=PREDICTIONS[2], reference=REFERENCES[2])
    assert metric.compute(**options) == whole == score(PREDICTIONS, REFERENCES, **options)
    assert [row["target"] for row in whole["per_target"]] == options["targets"]
    assert {"ndcg@1", "ndcg@3"} < set(whole)
    square = metric.compute(predictions=np.eye(3), references=np.eye(3) + 1)
    assert square["top_1"] == 1


def test_intervals_hold_the_mean_and_can_be_reproduced():
    random = np.random.default_rng(0)
    gold = random.random((30, 8))
    predictions = gold + random.normal(size=gold.shape) / 3
    found = score(predictions, gold, bootstrap=500)
    for name, (low, high) in found["confidence_intervals"].items():
        assert low < found[name] < high
    assert list(found["confidence_intervals"]) == list(METRICS)
    assert score(predictions, gold, bootstrap=500) == found
    other = score(predictions, gold, bootstrap=500, seed=1, confidence=0.5)["confidence_intervals"]
    for name, (low, high) in found["confidence_intervals"].items():
        assert other[name][1] - other[name][0] < high - low


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("predictions", "references", "options", "message"),
    [
        ([[1, NAN]], [[1, 2]], {}, "predictions of target fin have nan at index 1: give a finite number"),
        ([[1, None]], [[1, 2]], {}, "predictions of target fin have nan at index 1"),
        ([[1, 2]], [[INF, 2]], {}, "gold scores of target fin have inf at index 0"),
        ([None], [[1, 2]], {}, "predictions of target fin aren't a list of numbers"),
        ([[1, 2, 3]], [[1, 2]], {}, "Target fin has 3 predictions but 2 gold scores: give one of each"),
        ([[1]], [[1]], {}, "Target fin has 1 candidates: a ranking needs at least two"),
        ([[]], [[]], {}, "Target fin has 0 candidates"),
        ([], [], {}, "There are no targets"),
        ([[1, 2]], [[1, 2]], {"targets": ["fin", "nob"]}, "2 names for 1 targets"),
        ([[1, 2]], [[1, 2]], {"k": 0}, "k=0 isn't a cut-off"),
        ([[1, 2]], [[1, 2]], {"k": [3, 1.5]}, r"k=\[3, 1.5\] isn't a cut-off"),
        ([[1, 2]], [[1, 2]], {"k": []}, r"k=\[\] isn't a cut-off"),
        ([[1, 2]], [[1, 2]], {"relevance": "gain"}, "no relevance 'gain': use one of 'rank', 'raw'"),
        ([[1, 2]], [[1, -2]], {"relevance": "raw"}, r"Target fin has a negative gold score \(-2\)"),
        ([[1, 2]], [[1, 2]], {"bootstrap": -1}, "bootstrap=-1 isn't a number of resamples"),
        ([[1, 2]], [[1, 2]], {"bootstrap": True}, "bootstrap=True isn't a number of resamples"),
        ([[1, 2]], [[1, 2]], {"confidence": 95}, "confidence=95 isn't between 0 and 1"),
    ],
)
def test_bad_input_gets_one_sentence(predictions, references, options, message):
    metric = evaluate.load(str(FOLDER), keep_in_memory=True)  # on disk, it waits a second for a lock after an error
    options = {"targets": ["fin"] * len(predictions), **options}
    for compute in (score, metric.compute):
        with pytest.raises(ValueError, match=message):
            compute(predictions=predictions, references=references, **options)
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES)["targets"] == 3, "and can go on"


@pytest.mark.thorough
def test_bad_input_that_only_one_of_them_sees(metric):
    with pytest.raises(ValueError, match="predictions for 2 targets but gold scores for 1"):
        score([[1, 2]] * 2, [[1, 2]])
    with pytest.raises(ValueError, match="Mismatch in the number of predictions"):
        metric.compute(predictions=[[1, 2]] * 2, references=[[1, 2]])
    with pytest.raises(ValueError, match="needs at least two"):
        metric.compute(predictions=[[1]], references=[[1]])
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES)["targets"] == 3, "and can go on"
    with pytest.raises(ValueError, match="gold scores of target 0 aren't a list of numbers"):
        score([[1, 2]], [["high", "low"]])
    with pytest.raises(ValueError, match=r"target \(unnamed\)"):
        score_target([[1, 2]], [1, 2])


def test_the_examples_run(metric, monkeypatch):
    monkeypatch.chdir(ROOT)
    example = doctest.DocTestParser().get_doctest(metric.inputs_description, {}, "description", None, 0)
    assert doctest.DocTestRunner().run(example) == (0, 6), "none of six lines fails"
    assert doctest.testfile(str(FOLDER / "README.md"), module_relative=False) == (0, 6)
    assert doctest.testmod(scoring).failed == 0


def test_the_card_is_a_spaces():
    header = yaml.safe_load((FOLDER / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert header["sdk"] == "gradio"
    assert (FOLDER / header["app_file"]).is_file()
    assert header["tags"] == ["evaluate", "metric"]
    assert header["license"] == "apache-2.0"
    assert {"title", "emoji", "colorFrom", "colorTo", "sdk_version"} <= set(header)
    assert len(header["short_description"]) <= 60
    needed = (FOLDER / "requirements.txt").read_text(encoding="utf-8").split()
    assert {line.split(">=")[0] for line in needed} == {"gradio", "numpy", "pandas", "scikit-learn", "scipy"}


@pytest.fixture
def app(monkeypatch):
    """The page's module, with the folder alone on the path, as in a Space."""
    pytest.importorskip("gradio")
    for name in ("app", "scoring"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("app")
    for name in ("app", "scoring"):
        sys.modules.pop(name, None)


def test_the_page_scores_its_example(app):
    means, each = app.tables(app.EXAMPLE)
    assert list(means["metric"]) == list(METRICS)
    assert list(means.columns) == ["metric", "mean", "low", "high"]
    assert list(each["target"]) == ["fin", "ukr", "nob"]
    assert means.set_index("metric")["mean"]["regret"] == each["regret"].mean() == 0.5
    assert list(app.tables(app.EXAMPLE, k=1.0, resamples=0)[0].columns) == ["metric", "mean"]
    assert app.page().fns


def test_the_page_reads_min_nan_and_objects_to_gaps(app):
    table = app.read("gold, target, note, source, predicted\n1, nan, x, yue, 2\n3, nan, y, cmn, 4\n")
    assert list(table["target"]) == ["nan", "nan"]
    assert table["predicted"].tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match="no column gold"):
        app.read("target,source,predicted\n")
    with pytest.raises(ValueError, match="rus is there twice for ukr"):
        app.read(app.EXAMPLE + "ukr,rus,1,1\n")
    with pytest.raises(ValueError, match="predictions of target deu have nan"):
        app.tables(app.EXAMPLE + "deu,nld,,1\n")
    with pytest.raises(ValueError, match="no targets"):
        app.tables("target,source,predicted,gold\n")
    with pytest.raises(ValueError):
        app.tables("")
