"""The study behind the README's comparison of mixes of sources, on made-up scores; one mix is really trained."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from conftest import noisy_masks
from study.multisource.choosing import choose, mixes_of
from study.multisource.command import main
from study.multisource.experiment import Experiment, not_scored, train
from study.multisource.report import about_sizes, write_report

from xsns_hf.errors import XsnsError
from xsns_hf.gold import read_gold
from xsns_hf.text.folder import sample_corpus
from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.models import find_task_model
from xsns_hf.transfer.run import Summary
from xsns_hf.transfer.settings import PRESETS, Settings

SETTINGS = replace(PRESETS["small"], examples=6, tested=4)
SINGLE = {
    "fin": {"fin": 95, "eng": 60, "swe": 80, "rus": 70, "deu": 65},
    "swe": {"swe": 96, "eng": 82, "fin": 50, "rus": 55, "deu": 90},
    "eng": {"eng": 94, "swe": 81, "fin": 52, "rus": 58, "deu": 85},
}
TRUTH = pd.DataFrame(SINGLE).T.astype(float)
"""Targets × sources."""
LIKES_ENGLISH = pd.DataFrame(
    {"eng": 0.9, "fin": 0.3, "swe": 0.5, "rus": 0.7, "deu": 0.1}, index=["eng", "fin", "swe"], dtype=float
)
NOISE = {"swe": 0.1, "eng": 0.3, "rus": 1, "fin": 2, "deu": 10}
MIXES = {"fin": {"deu+rus+swe": 78, "eng+rus+swe": 75}, "swe": {"deu+eng+rus": 92, "eng+fin+rus": 80}}


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> str:
    """For each target the order of the others is that of `NOISE`."""
    return noisy_masks(tmp_path_factory.mktemp("masks") / "masks", NOISE)


def write_gold(folder: Path, *tables: dict, model: str = "tiny", revision: str = "r", settings=SETTINGS) -> Path:
    """Write a folder as `xsns transfer` does, with seed 0; another metric and another task are in it too."""
    folder.mkdir()
    made = {"model": model, "revision": revision, "settings": asdict(settings)}
    (folder / "transfer.json").write_text(json.dumps(made), "utf-8")
    triples = [(source, target, score) for each in tables for target in each for source, score in each[target].items()]
    lines = ["task,model,revision,source,target,seed,metric,score"]
    for source, target, score in triples:
        lines += [f"pos,{model},{revision},{source},{target},0,accuracy,{score}"]
        lines += [
            f"pos,{model},{revision},{source},{target},0,sentence_accuracy,1",
            f"ner,m,r,{source},{target},0,f1,2",
        ]
    (folder / "scores.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def arguments(tmp_path: Path, **changes) -> dict:
    given = {"data": None, "masks": None, "recipe": None, "text": None, "task": "pos", "targets": "fin,swe"}
    given |= {"predictors": "lang2vec", "seeds": 1, "model": None, "dry_run": False}
    return given | {"out": tmp_path / "out"} | changes


def test_sources_are_the_best_three_by_the_scores_or_by_a_predictor_and_never_the_target():
    chosen = choose(TRUTH, {"guess": LIKES_ENGLISH}, ["fin", "eng"])
    assert chosen.choices["fin"] == {
        "BEST-3": "deu+rus+swe",
        "BEST-1": "swe",
        "English": "eng",
        "guess, first 3": "eng+rus+swe",
        "guess, first": "eng",
    }
    assert "English" not in chosen.choices["eng"]
    own = chosen.choices["eng"]
    assert (own["BEST-3"], own["BEST-1"], own["guess, first 3"]) == ("deu+rus+swe", "deu", "fin+rus+swe")
    assert chosen.candidates == {"fin": 4, "eng": 4} and chosen.notes == []


def test_ties_go_by_code_and_what_a_predictor_lacks_only_best_may_take():
    alike = LIKES_ENGLISH * 0
    chosen = choose(TRUTH, {"alike": alike, "knows less": alike.drop(columns="deu").assign(deu=float("nan"))}, ["swe"])
    assert chosen.choices["swe"]["alike, first 3"] == "eng+fin+rus"
    assert chosen.choices["swe"]["BEST-1"] == "deu"
    assert chosen.candidates == {"swe": 3}
    assert chosen.notes == ["Swedish: some predictor lacks deu, which only BEST may take."]


def test_what_has_too_few_scores_is_left_out():
    thin = TRUTH.mask(TRUTH.isin([80, 70]))
    chosen = choose(thin, {"guess": LIKES_ENGLISH}, ["fin", "swe", "vie"])
    assert list(chosen.choices) == ["swe"]
    assert chosen.notes[0] == "Finnish is left out: 2 sources have scores and predictions."
    assert chosen.notes[-1] == "Vietnamese is left out: 0 sources have scores and predictions."
    with pytest.raises(XsnsError, match=r"Vietnamese is left out.* Give other --targets"):
        choose(thin, {"guess": LIKES_ENGLISH}, ["vie"])


def test_a_mix_of_several_methods_or_targets_is_there_once():
    choices = {
        "fin": {"BEST-3": "deu+rus+swe", "guess, first 3": "deu+rus+swe", "English": "eng"},
        "eng": {"BEST-3": "deu+rus+swe", "guess, first 3": "fin+rus+swe"},
    }
    mixes = mixes_of(choices)
    assert mixes == {"deu+rus+swe": ["fin", "eng"], "fin+rus+swe": ["eng"]}
    matrix = TRUTH.assign(**{"deu+rus+swe": pd.Series({"fin": 78.0})})
    assert not_scored(mixes, matrix) == {"deu+rus+swe": ["eng"], "fin+rus+swe": ["eng"]}


def test_a_score_that_lacks_a_seed_is_none(tmp_path):
    gold = write_gold(tmp_path / "gold", SINGLE)
    with (gold / "scores.csv").open("a", encoding="utf-8") as file:
        file.write("pos,tiny,r,swe,fin,1,accuracy,84\n")
    assert Experiment.of(gold, "pos", 1).matrix().loc["fin", "swe"] == 80
    both = Experiment.of(gold, "pos", 2).matrix()
    assert both.loc["fin", "swe"] == 82 and both.notna().to_numpy().sum() == 1
    with pytest.raises(XsnsError, match="no scores of qa"):
        Experiment.of(gold, "qa", 1).matrix()


def test_tables_and_figure(tmp_path, capsys):
    """By hand: Finnish 78, 80, 60, 75, 60 and Swedish 92, 90, 82, 80, 82."""
    gold = write_gold(tmp_path / "gold", SINGLE, MIXES)
    chosen = choose(TRUTH, {"lang2vec": LIKES_ENGLISH}, ["fin", "swe"])
    write_report(Experiment.of(gold, "pos", 1), chosen, tmp_path / "out")
    written = (tmp_path / "out/multisource.md").read_text("utf-8")
    assert capsys.readouterr().out == written
    for line in (
        "| BEST-3 | 85.0 | +14.0 | 2/2 | +0.0 |",
        "| BEST-1 | 85.0 | +14.0 | 2/2 | – |",
        "| English | 71.0 | – | – | -14.0 |",
        "| lang2vec, first 3 | 77.5 | +6.5 | 1/2 | -7.5 |",
        "| lang2vec, first | 71.0 | +0.0 | 0/2 | -14.0 |",
        "| Finnish | 4 | 78.0 deu+rus+swe | 80.0 swe | 60.0 eng | 75.0 eng+rus+swe | 60.0 eng |",
    ):
        assert line in written.splitlines()
    assert "6 at most, 2 of each of its 3" in written
    assert (tmp_path / "out/figure4.png").read_bytes().startswith(b"\x89PNG")


def test_means_are_over_the_targets_that_all_methods_have(tmp_path):
    partly = {"fin": MIXES["fin"], "swe": {"deu+eng+rus": 92}, "eng": {"deu+rus+swe": 84, "fin+rus+swe": 79}}
    gold = write_gold(tmp_path / "gold", SINGLE, partly)
    chosen = choose(TRUTH, {"lang2vec": LIKES_ENGLISH}, ["fin", "swe", "eng"])
    chosen.notes.append("Missing, rus: no data")
    write_report(Experiment.of(gold, "pos", 1), chosen, tmp_path / "out")
    written = (tmp_path / "out/multisource.md").read_text("utf-8")
    assert "2 targets, 1 seed(s)" in written
    assert "| BEST-3 | 81.0 | +18.0 | 1/1 | -1.5 |" in written  # 78 and 84 against 80 and 85; over English Finnish only
    assert "| English | 60.0 | – | – | -20.0 |" in written
    assert "Means are without Swedish" in written and "is its own language" in written
    assert "- Missing, rus: no data" in written
    assert "- Not scored yet, perhaps by another process: eng+fin+rus; repeat the command." in written


@pytest.mark.thorough
def test_a_dry_run_trains_nothing_and_says_what_each_mix_lacks(tmp_path, masks, capsys):
    gold = write_gold(tmp_path / "gold", SINGLE, {"fin": {"deu+rus+swe": 78}})
    given = arguments(tmp_path, masks=masks, predictors="xsns", targets="fin,English", dry_run=True)
    main(gold, **given)
    table, _, count = capsys.readouterr().out.rpartition("\n\n")
    assert table.splitlines()[-3:] == [
        "| deu+rus+swe | fin, eng | eng |",
        "| eng+rus+swe | fin | fin |",
        "| fin+rus+swe | eng | eng |",
    ]
    assert count == "3 mixes; 3 models to train, 3 pairs to score.\n"
    assert not (tmp_path / "out").exists()


def test_each_mix_is_trained_once_for_what_lacks_it(tmp_path):
    experiment = Experiment.of(write_gold(tmp_path / "gold", SINGLE), "pos", 2)
    calls = []

    def run(data, checkpoint, sources, targets, results, settings, *, seeds) -> Summary:
        calls.append((sources, targets, settings, list(seeds)))
        return Summary(elsewhere=["pos-eng+fin+rus-seed0"], problems={"rus": "no data"})

    missing = {"deu+rus+swe": ["eng"], "eng+rus+swe": ["fin", "swe"]}
    notes = train(missing, experiment, TaskData(experiment.task), SimpleNamespace(name="tiny", revision="r"), run)
    assert calls == [([mix], targets, SETTINGS, [0, 1]) for mix, targets in missing.items()]
    assert notes == ["Missing, rus: no data"]


@pytest.mark.thorough
def test_mixes_are_trained_into_the_gold_folder_and_not_again(tmp_path, tiny, capsys):
    for code in SINGLE["fin"]:
        (tmp_path / "ud" / code).mkdir(parents=True)
        words = [each.split()[:6] for each in sample_corpus().sentences(code)[:12]]
        rows = [{"tokens": each, "upos": ["NOUN", "VERB", "ADP"] * 2} for each in words if len(each) == 6]
        for part in ("train", "dev", "test"):
            (tmp_path / "ud" / code / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    checkpoint = find_task_model(str(tiny))
    there = {"fin": {"deu+rus+swe": 78}}
    gold = write_gold(tmp_path / "gold", SINGLE, there, model=checkpoint.name, revision=checkpoint.revision)
    given = arguments(tmp_path, data=tmp_path / "ud", predictors="english", model=str(tiny), targets="fin")
    main(gold, **given)
    rows = pd.read_csv(gold / "scores.csv").query("task == 'pos' and metric == 'accuracy'")
    mixes = rows[rows["source"].str.contains("+", regex=False)]
    assert list(zip(mixes["source"], mixes["target"], strict=True)) == [("deu+rus+swe", "fin"), ("deu+eng+rus", "fin")]
    assert read_gold(gold, "accuracy").sources == sorted(SINGLE["fin"])
    assert " of 1: deu+eng+rus for fin" in capsys.readouterr().out
    main(gold, **given)
    assert "deu+eng+rus for fin" not in capsys.readouterr().out, "it is all there"


def test_what_is_no_gold_folder(tmp_path):
    with pytest.raises(XsnsError, match="is no folder of scores: make one"):
        main(tmp_path, **arguments(tmp_path))


def test_without_a_limit_a_mix_is_larger_and_the_report_says_so():
    assert "up to three times" in about_sizes(Settings())
