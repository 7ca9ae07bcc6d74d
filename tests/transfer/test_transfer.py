"""Gold scores end to end, with tiny models: what is measured, kept, resumed, shared, refused and published."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import SMALL, randomised, tiny_tokenizer
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_text import row, write, write_language
from transformers import AutoTokenizer, BertConfig, BertModel

from xsns_hf.errors import XsnsError
from xsns_hf.gold import read_gold
from xsns_hf.models.finding import Pretrained
from xsns_hf.tasks import load_task
from xsns_hf.text.folder import sample_corpus
from xsns_hf.transfer import Results, Settings, Summary, TaskData, transfer
from xsns_hf.transfer import run as matrix
from xsns_hf.transfer.data import DataError
from xsns_hf.transfer.models import find_task_model, load_task_model
from xsns_hf.transfer.results import COLUMNS, Run, read_scores
from xsns_hf.transfer.training import KINDS, DivergenceError, FineTuned, _Progress, _Trainer, fine_tune

TASKS = ("pos", "ner", "nli", "pi", "qa")
QUICK = Settings(learning_rate=1e-3, batch=4, epochs=1, patience=None, longest=40, stride=8)
SIZES = {"eng": 12, "fin": 9, "rus": 7}
"""Training rows of each language: none has as many as another."""


# --- data


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """A folder for each task, with three languages; English has a development set."""
    folder = tmp_path_factory.mktemp("labelled")
    for task in TASKS:
        for code, size in SIZES.items():
            write_language(folder / task, task, code, size, dev=5 if code == "eng" else 0)
    return folder


@pytest.fixture
def own(tmp_path) -> Path:
    """POS data of three languages, to be spoilt."""
    for code, size in SIZES.items():
        write_language(tmp_path / "own", "pos", code, size)
    return tmp_path / "own"


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    """Folder of a tiny random BERT encoder without a head."""
    folder = tmp_path_factory.mktemp("encoder") / "tiny-bert"
    torch.manual_seed(3)
    sizes = SMALL | {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    randomised(BertModel(BertConfig(vocab_size=300, **sizes))).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model(encoder) -> Pretrained:
    return find_task_model(str(encoder))


# --- calls


@pytest.fixture(autouse=True)
def _one_thread():
    """Several wait for each other longer than such small models need, above all where tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def measure(model, labelled, tmp_path):
    """Call `transfer` with a small matrix, POS by default, and return its summary and all rows of the folder."""

    def run(
        out: str = "gold",
        *,
        task="pos",
        sources=("eng",),
        targets=("fin", "rus"),
        settings=QUICK,
        seeds=(0,),
        data=None,
    ) -> tuple[Summary, pd.DataFrame]:
        results = Results(tmp_path / out, model.name, model.revision, settings)
        rows = TaskData(load_task(task), data or labelled / task)
        summary = transfer(rows, model, sources, targets, results, settings, seeds=seeds)
        return summary, results.rows()

    return run


@pytest.fixture
def command(xsns, encoder, labelled, tmp_path):
    """Run `xsns transfer` on the tiny model, into `gold`."""

    def run(task: str = "pos", *arguments: object, data: Path | None = None) -> tuple[int, str, str]:
        return xsns(*arguments_of(task, encoder, data or labelled / task, tmp_path / "gold"), *arguments)

    return run


def arguments_of(task: object, model: Path, data: Path, out: Path) -> list[object]:
    where = ["transfer", "--task", task, "--model", model, "--data", data, "--out", out]
    return [*where, "--preset", "small", "--batch", 4, "--max-length", 40, "--seeds", 1]


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    def in_order(rows):
        return rows.sort_values(COLUMNS[:-1], ignore_index=True)

    return in_order(one).equals(in_order(other))


def interrupted_after(calls: int):
    """Return a stand-in of `FineTuned.score` that is interrupted after some calls."""
    score, done = FineTuned.score, []

    def stopping(self, rows):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(rows)
        return score(self, rows)

    return stopping


# --- end to end


@pytest.mark.parametrize("task", TASKS)
def test_each_task_gives_a_row_per_target_metric_and_seed(task, command, xsns, tmp_path):
    out, kept = tmp_path / "gold", tmp_path / "kept"
    wanted = ("--sources", "en,fi", "--targets", "Finnish,ru", "--seeds", 2, "--keep-models", kept)
    code, output, errors = command(task, *wanted)
    assert code == 0, errors
    assert "4 models trained, 8 pairs scored, 0 were there before" in " ".join(output.split())
    rows = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))["train"].to_pandas()
    assert list(rows.columns) == COLUMNS
    keys = {
        (task, "tiny-bert", source, target, seed, metric)
        for source in ("eng", "fin")
        for target in ("fin", "rus")
        for seed in (0, 1)
        for metric in load_task(task).metrics
    }
    assert set(rows[["task", "model", "source", "target", "seed", "metric"]].itertuples(index=False, name=None)) == keys
    assert len(rows) == len(keys)
    assert rows["score"].between(0, 100).all()
    assert len(rows["revision"].unique()) == 1
    gold = read_gold(out)
    assert gold.metric == load_task(task).metrics[0]
    assert (gold.sources, gold.targets, gold.seeds) == (["eng", "fin"], ["fin", "rus"], [0, 1])
    code, output, errors = xsns("evaluate", "--gold", out, "--predictors", "random,english")
    assert code == 0, errors
    assert "english" in output
    check_kept(task, kept)


def check_kept(task: str, kept: Path) -> None:
    """Load the models that were kept, each by its class."""
    assert len(list(kept.iterdir())) == 4
    folder = kept / f"{task}-fin-seed1"
    network, info = KINDS[load_task(task).kind].auto_class.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    if task != "qa":
        assert tuple(network.config.id2label.values()) == load_task(task).classes
    inputs = AutoTokenizer.from_pretrained(folder)("It rains.", return_tensors="pt")
    assert network(**inputs)[0].isfinite().all()


def test_a_card_says_what_was_done_and_all_is_done_once(command, tmp_path):
    assert command("pos", "--sources", "en,fi")[0] == 0
    card = (tmp_path / "gold" / "README.md").read_text("utf-8")
    assert "# Cross-lingual transfer scores of tiny-bert" in card
    assert "learning rate 0.0005, batch 4" in card
    assert "| pos | accuracy | 2 | 2 | 1 |" in card
    assert not list((tmp_path / "gold" / ".runs").glob("*/")), "checkpoints of training are removed"
    code, output, _ = command("pos", "--sources", "en,fi")
    assert code == 0
    assert "0 models trained, 0 pairs scored, 4 were there before" in " ".join(output.split())


def test_by_default_sources_are_tested_on_each_other_and_more_is_added_later(command, tmp_path):
    assert command("pos", "--sources", "en+fi,ru")[0] == 0
    rows = read_scores(tmp_path / "gold" / "scores.csv")
    assert set(rows["source"]) == {"eng+fin", "rus"}
    assert set(rows["target"]) == {"eng", "fin", "rus"}
    assert read_gold(tmp_path / "gold").sources == ["rus"], "predictors are held against single sources"
    _, output, _ = command("ner", "--sources", "ru", "--targets", "en")
    assert "1 models trained, 1 pairs scored, 0 were there before" in " ".join(output.split())
    assert set(read_scores(tmp_path / "gold" / "scores.csv")["task"]) == {"pos", "ner"}


def test_a_task_of_ones_own(command, tmp_path):
    task = tmp_path / "rhymes.toml"
    task.write_text(
        'about = "rhymes"\nkind = "pair-classification"\ntext = ["one", "other"]\nlabel = "rhymes"\n'
        'classes = ["no", "yes"]\nmetrics = ["accuracy"]\n'
    )
    rows = [{"one": "house", "other": "mouse", "rhymes": "yes"}, {"one": "house", "other": "cat", "rhymes": "no"}]
    write(tmp_path / "verse" / "English" / "train.jsonl", rows * 4)
    write(tmp_path / "verse" / "fi_Latn" / "test.jsonl", rows)
    code, _, errors = command(task, "--sources", "en", "--targets", "fi", data=tmp_path / "verse")
    assert code == 0, errors
    gold = read_gold(tmp_path / "gold")
    assert gold.metric == "accuracy"
    assert gold.matrix().loc["fin", "eng"] in {0, 50, 100}


LEARNABLE = {
    "pos": [{"tokens": ["It", "rains", "in", word], "upos": ["PRON", "VERB", "ADP", tag]}
            for word, tag in [("Finland", "PROPN"), ("and", "CCONJ"), ("the", "DET"), (".", "PUNCT")]],
    "ner": [{"tokens": ["It", "rains", *name], "ner_tags": ["O", "O", "B-LOC", "I-LOC"][: 2 + len(name)]}
            for name in (["Finland"], ["the", "North"], ["Sweden", "and"], [])],
    "pi": [{"sentence1": "It rains", "sentence2": word, "label": label}
           for word, label in [("yes", 1), ("no", 0), ("often", 1), ("in the North", 0)]],
    "qa": [{"question": "Where?", "context": f"It {verb} in {place} all day",
            "answers": [{"text": place, "start": len(f"It {verb} in ")}]}
           for verb in ("rains", "is wet") for place in ("Finland", "the North")],
}  # fmt: skip


@pytest.mark.parametrize("task", LEARNABLE)
def test_what_can_be_learnt_is_learnt(task, measure, tmp_path):
    """Labels at the wrong tokens, or predictions scored with others' rows, would show."""
    write(tmp_path / "easy" / "eng" / "train.jsonl", LEARNABLE[task] * 4)
    write(tmp_path / "easy" / "eng" / "test.jsonl", LEARNABLE[task])
    thorough = replace(QUICK, learning_rate=1e-2, epochs=15, warmup=0.1)
    _, rows = measure(task=task, targets=["eng"], settings=thorough, data=tmp_path / "easy")
    assert (rows["score"] == 100).all(), rows


def test_the_same_seed_gives_the_same_scores_and_another_other_ones(measure):
    wanted = {"seeds": (0, 1), "targets": ("eng", "fin", "rus")}
    _, one = measure("one", **wanted)
    _, other = measure("other", **wanted)
    assert one.equals(other)
    by_seed = [part["score"].tolist() for _, part in one.groupby("seed")]
    assert by_seed[0] != by_seed[1]


def test_embeddings_stay_as_they_are_if_asked_for(command, encoder, tmp_path):
    before = BertModel.from_pretrained(encoder).embeddings.word_embeddings.weight
    for number, option in enumerate(["--freeze-embeddings", "--train-embeddings"]):
        out = ("--out", tmp_path / option, "--keep-models", tmp_path / f"kept{number}")
        assert command("pos", "--sources", "en", option, *out)[0] == 0
    kept = [BertModel.from_pretrained(tmp_path / f"kept{number}" / "pos-eng-seed0") for number in (0, 1)]
    frozen, trained = (network.embeddings.word_embeddings.weight for network in kept)
    assert torch.equal(frozen, before)
    assert not torch.equal(trained, before)


def test_a_checkpoint_with_a_head_of_another_task_gets_a_new_one(command, encoder, labelled, xsns, tmp_path):
    assert command("pos", "--sources", "en", "--keep-models", tmp_path / "kept")[0] == 0
    tagger = tmp_path / "kept" / "pos-eng-seed0"
    code, _, errors = xsns(*arguments_of("ner", tagger, labelled / "ner", tmp_path / "ner"), "--sources", "en")
    assert code == 0, errors


def test_a_body_that_does_not_fit_its_config_is_refused(encoder, tmp_path):
    """Weights of another shape would be made up."""
    shutil.copytree(encoder, tmp_path / "broken")
    config = json.loads((encoder / "config.json").read_text("utf-8"))
    (tmp_path / "broken" / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}), "utf-8")
    with pytest.raises(XsnsError, match="broken"):
        load_task_model(find_task_model(str(tmp_path / "broken")), KINDS["token-classification"].auto_class, ["X"])


def test_inputs_longer_than_the_model_takes_are_cut(measure, tmp_path):
    """The tiny model has 140 positions, and the usual settings 256 tokens."""
    sentence = " ".join(sample_corpus().sentences("eng")[:20]).split()
    rows = [{"tokens": sentence, "upos": ["X"] * len(sentence)}] * 4
    for split in ("train", "test"):
        write(tmp_path / "long" / "eng" / f"{split}.jsonl", rows)
    _, found = measure(targets=["eng"], settings=replace(QUICK, longest=256), data=tmp_path / "long")
    assert len(found) == 2


def test_a_row_without_a_label_to_learn_does_no_harm(measure, tmp_path):
    """Its loss is the mean over nothing."""
    rows = [*LEARNABLE["pos"], {"tokens": ["du"], "upos": ["_"]}]
    for split in ("train", "dev", "test"):
        write(tmp_path / "easy" / "eng" / f"{split}.jsonl", rows)
    summary, found = measure(targets=["eng"], settings=replace(QUICK, batch=1), data=tmp_path / "easy")
    assert not summary.problems
    assert len(found) == 2


# --- what is trained on, and by what a model is chosen


def originals(labelled: Path, split: str) -> dict[tuple[str, ...], str]:
    """Return the language of each row of POS data, by its words."""
    paths = (labelled / "pos").glob(f"*/{split}.jsonl")
    return {tuple(json.loads(line)["tokens"]): path.parent.name for path in paths for line in path.open()}


@settings(max_examples=60, deadline=None)
@given(
    codes=st.sets(st.sampled_from(sorted(SIZES)), min_size=1),
    limit=st.none() | st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_a_mix_takes_equal_shares_and_no_more_than_the_limit(labelled, codes, limit, seed):
    train, dev = TaskData(load_task("pos"), labelled / "pos").training("+".join(sorted(codes)), limit, seed)
    language = originals(labelled, "train") | originals(labelled, "dev")
    shares = [[language[tuple(each["tokens"])] for each in rows] for rows in (train, dev)]
    for share in shares:
        counts = {share.count(code) for code in codes}
        assert set(share) == codes, "none is left out"
        assert len(counts) == 1
        assert limit is None or len(share) <= max(limit, len(codes))
    # A tenth of Finnish and of Russian is held out: one row each.
    available = min({"eng": 12, "fin": 8, "rus": 6}[code] for code in codes)
    share = available if limit is None else max(1, min(available, limit // len(codes)))
    assert len(train) == share * len(codes)


@pytest.mark.parametrize("source", ["eng", "fin", "fin+rus"])
def test_development_rows_are_not_trained_on_and_the_same_for_all_seeds(labelled, source):
    data = TaskData(load_task("pos"), labelled / "pos")
    drawn = [data.training(source, None, seed) for seed in range(3)]
    words = [[{tuple(row["tokens"]) for row in rows} for rows in each] for each in drawn]
    assert all(dev and not train & dev for train, dev in words)
    assert all(each[1] == drawn[0][1] for each in drawn)
    assert drawn[0][0] != drawn[1][0], "the order of training rows is the seed's"
    if source == "eng":
        assert {tuple(row["tokens"]) for row in drawn[0][1]} == set(originals(labelled, "dev"))


def test_a_smaller_draw_is_the_beginning_of_a_larger_one(labelled):
    data = TaskData(load_task("pos"), labelled / "pos")
    assert data.test("rus", 3) == data.test("rus", None)[:3]
    assert data.training("fin", 4, 1)[0] == data.training("fin", None, 1)[0][:4]


def test_a_question_without_an_answer_is_left_out(tmp_path):
    rows = [row("qa", "It rains in Finland.", 1), {"question": "Why?", "context": "It rains.", "answers": []}]
    squad = {"question": "Who?", "context": "It rains.", "answers": {"text": ["It"], "answer_start": [0]}}
    write(tmp_path / "fin" / "test.jsonl", [*rows, squad])
    found = TaskData(load_task("qa"), tmp_path).test("fin", None)
    assert sorted(each["question"] for each in found) == ["Where?", "Who?"]


@pytest.fixture
def trained(model, labelled, tmp_path):
    """Fine-tune on English POS rows and return the result, with the development rows."""

    def run(settings: Settings, folder: str = "work") -> tuple[FineTuned, list]:
        task = load_task("pos")
        train, dev = TaskData(task, labelled / "pos").training("eng", None, 0)
        return fine_tune(model, task, train, dev, settings, seed=0, folder=tmp_path / folder), dev

    return run


def test_training_ends_when_the_sources_development_score_does_not_grow(trained):
    tuned, _ = trained(replace(QUICK, learning_rate=0, epochs=6, patience=1))
    assert tuned.trainer.state.epoch == 2, "the first epoch's score, and one that isn't better"


def test_the_best_epoch_by_the_sources_development_set_is_taken(trained):
    tuned, dev = trained(replace(QUICK, learning_rate=0.02, epochs=5, patience=5))
    scores = [entry["eval_accuracy"] for entry in tuned.trainer.state.log_history if "eval_accuracy" in entry]
    assert len(scores) == 5
    assert len(set(scores)) > 1
    assert tuned.score(dev)["accuracy"] == pytest.approx(max(scores))


def test_without_patience_no_development_set_is_looked_at(trained):
    tuned, _ = trained(replace(QUICK, epochs=2))
    assert tuned.trainer.state.epoch == 2
    assert not [entry for entry in tuned.trainer.state.log_history if "eval_accuracy" in entry]


def test_targets_do_not_decide_which_model_is_taken(measure, labelled, monkeypatch):
    """None of their rows is given to training."""
    seen, really = [], matrix.fine_tune

    def watched(model, task, train, dev, *arguments, **named):
        seen.extend(tuple(each["tokens"]) for each in (*train, *dev))
        return really(model, task, train, dev, *arguments, **named)

    monkeypatch.setattr(matrix, "fine_tune", watched)
    measure(settings=replace(QUICK, epochs=3, patience=1))
    assert set(seen) == {
        words for split in ("train", "dev") for words, code in originals(labelled, split).items() if code == "eng"
    }


# --- stopping and going on


@pytest.mark.parametrize("patience", [None, 1], ids=["last epoch", "best epoch"])
def test_what_was_interrupted_goes_on_and_nothing_is_measured_twice(measure, monkeypatch, patience):
    wanted = {"sources": ("eng", "fin"), "settings": replace(QUICK, epochs=4, patience=patience)}
    _, whole = measure("whole", **wanted)
    with monkeypatch.context() as patched:
        patched.setattr(FineTuned, "score", interrupted_after(3))
        with pytest.raises(KeyboardInterrupt):
            measure(**wanted)
    summary, rows = measure(**wanted)
    assert (summary.trained, summary.scored, summary.there) == (1, 1, 3)
    assert same(rows, whole)
    assert measure(**wanted)[0] == Summary(there=4)


def test_training_that_was_interrupted_goes_on_after_its_last_whole_epoch(measure, monkeypatch):
    wanted = {"settings": replace(QUICK, epochs=4, patience=9)}
    _, whole = measure("whole", **wanted)
    steps, really = [], _Progress.on_step_end

    def stopping(self, args, state, control, **rest):
        steps.append(state.global_step)
        if steps == list(range(1, 9)):  # the second of three steps of the third epoch
            raise KeyboardInterrupt
        return really(self, args, state, control, **rest)

    monkeypatch.setattr(_Progress, "on_step_end", stopping)
    with pytest.raises(KeyboardInterrupt):
        measure(**wanted)
    steps.append(None)
    _, rows = measure(**wanted)
    assert steps[9:] == list(range(7, 13))
    assert same(rows, whole)


@pytest.mark.parametrize(
    "when",
    [
        "in the third epoch",
        "before the best is loaded",
        "before it is scored",
    ],
)
def test_patience_goes_on_where_it_was(trained, monkeypatch, when):
    """The first epoch is the best here, three that are no better follow."""
    patient = replace(QUICK, epochs=9, patience=3, learning_rate=0)
    once, _ = trained(patient, "once")
    assert once.trainer.state.global_step == 12
    with monkeypatch.context() as patched:
        if when == "in the third epoch":
            patched.setattr(_Progress, "on_step_end", stopped_at(8))
        elif when == "before the best is loaded":
            patched.setattr(_Trainer, "_load_best_model", interrupted)
        else:
            patched.setattr(FineTuned, "__init__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(patient)
    again, _ = trained(patient)
    assert again.trainer.state.global_step == 12


def interrupted(*_):
    raise KeyboardInterrupt


def stopped_at(step: int):
    def stopping(self, args, state, control, **_):
        if state.global_step == step:
            raise KeyboardInterrupt

    return stopping


@pytest.mark.parametrize("left", [[], ["config.json"], ["config.json", "model.safetensors", "optimizer.pt"]])
def test_a_checkpoint_that_is_not_whole_is_left_out(measure, monkeypatch, encoder, tmp_path, left):
    """As when the process is killed while it writes one."""
    wanted = {"settings": replace(QUICK, epochs=3, patience=9)}
    _, whole = measure("whole", **wanted)
    with monkeypatch.context() as patched:
        patched.setattr(_Progress, "on_step_end", stopped_at(5))
        with pytest.raises(KeyboardInterrupt):
            measure(**wanted)
    [checkpoint] = (tmp_path / "gold" / ".runs" / "pos-eng-seed0").glob("checkpoint-*")
    torn = checkpoint.with_name("checkpoint-6")
    torn.mkdir()
    for name in left:
        content = (checkpoint / name).read_bytes()
        (torn / name).write_bytes(content if name != left[-1] else content[:100])
    _, rows = measure(**wanted)
    assert same(rows, whole)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda lines: lines[-1][:-1], id="one byte"),
        pytest.param(lambda lines: lines[-1][:20], id="half a line"),
        pytest.param(lambda lines: "", id="a line"),
        pytest.param(lambda lines: None, id="the header"),
    ],
)
def test_what_was_being_written_is_measured_again(measure, tmp_path, cut):
    """A target's metrics are written together, but need not all arrive on the disk."""
    _, whole = measure()
    path = tmp_path / "gold" / "scores.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    assert len(lines) == 5
    tail = cut(lines)
    path.write_text("task,mod" if tail is None else "".join(lines[:-1]) + tail, "utf-8")
    summary, rows = measure()
    assert summary.trained == 1
    assert same(rows, whole)
    assert load_dataset("csv", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"].num_rows == 4


def test_an_empty_file_of_scores_is_begun(measure, tmp_path):
    _, whole = measure("whole")
    measure(targets=[])
    (tmp_path / "gold" / "scores.csv").touch()
    assert same(measure()[1], whole)


@pytest.fixture(scope="module")
def some_scores(tmp_path_factory) -> bytes:
    return scores(tmp_path_factory.mktemp("scores"), "fin", "rus", "nan").joinpath("scores.csv").read_bytes()


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0, 1))
def test_scores_are_read_up_to_the_last_whole_line(some_scores, tmp_path_factory, share):
    kept = some_scores[: round(share * len(some_scores))]
    path = tmp_path_factory.mktemp("torn") / "scores.csv"
    path.write_bytes(kept)
    rows = read_scores(path)
    assert list(rows.columns) == COLUMNS
    assert len(rows) == max(0, kept.count(b"\n") - 1)


def test_what_another_process_does_is_left_to_it(measure, model, tmp_path):
    results = Results(tmp_path / "gold", model.name, model.revision, QUICK)
    with results.claim(Run("pos", "eng", 0)):
        summary, rows = measure(sources=("eng", "fin"))
        assert summary.elsewhere == ["pos-eng-seed0"]
        assert set(rows["source"]) == {"fin"}
    summary, rows = measure(sources=("eng", "fin"))
    assert summary == Summary(trained=1, scored=2, there=2)
    assert len(rows) == 8


def test_interrupted_and_busy_elsewhere_are_said(command, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        patched.setattr(FineTuned, "score", interrupted_after(1))
        code, _, errors = command("pos", "--sources", "en", "--targets", "fi,ru")
    assert code == 130
    assert "Interrupted: scores are kept; the same command goes on from there." in errors
    made = json.loads((tmp_path / "gold" / "transfer.json").read_text("utf-8"))
    results = Results(tmp_path / "gold", made["model"], made["revision"], Settings(**made["settings"]))
    with results.claim(Run("pos", "eng", 0)):
        code, output, _ = command("pos", "--sources", "en", "--targets", "fi,ru")
    assert code == 0
    assert "Another process is busy with pos-eng-seed0." in " ".join(output.split())


def test_what_was_measured_before_is_a_dataset_already(measure, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        patched.setattr(FineTuned, "score", interrupted_after(1))
        with pytest.raises(KeyboardInterrupt):
            measure()
    rows = load_dataset(str(tmp_path / "gold"), cache_dir=str(tmp_path / "cache"))["train"]
    assert rows.column_names == COLUMNS
    assert rows["target"] == ["fin", "fin"]


def test_a_killed_process_loses_nothing(command, encoder, labelled, tmp_path):
    wanted = ("--sources", "en,fi,ru")
    arguments = [*arguments_of("pos", encoder, labelled / "pos", tmp_path / "gold"), *wanted]
    process = subprocess.Popen(
        [sys.executable, "-m", "xsns_hf", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    path = tmp_path / "gold" / "scores.csv"
    while process.poll() is None and len(read_scores(path)) < 2:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    kept = read_scores(path)
    assert 2 <= len(kept) < 18
    code, _, errors = command("pos", *wanted)
    assert code == 0, errors
    rows = read_scores(path)
    assert rows.head(len(kept)).equals(kept)
    assert not rows.duplicated(COLUMNS[:-1]).any()
    assert command("pos", *wanted, "--out", tmp_path / "whole")[0] == 0
    assert same(rows, read_scores(tmp_path / "whole" / "scores.csv"))


# --- what is refused


@pytest.mark.parametrize(
    ("model", "revision", "settings", "message"),
    [
        ("tiny-bert", "abc", replace(QUICK, learning_rate=1, epochs=2), "made with another learning_rate, epochs: "),
        ("other", "def", QUICK, "made with another model, revision: give --out another folder"),
    ],
)
def test_scores_that_cannot_be_compared_are_kept_apart(tmp_path, model, revision, settings, message):
    scores(tmp_path, "fin")
    with pytest.raises(XsnsError, match=message):
        Results(tmp_path / "gold", model, revision, settings)
    Results(tmp_path / "gold", "tiny-bert", "abc", QUICK)


def test_a_folder_with_something_else_is_left_alone(command, tmp_path):
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "thesis.tex").write_text("years of work")
    code, _, errors = command("pos", "--sources", "en")
    assert code == 2
    assert "holds something other than scores: give --out a new or empty folder" in errors
    assert [path.name for path in (tmp_path / "gold").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", 0], "--seeds 0 trains nothing: use at least 1."),
        (["--task", "sentiment"], "Unknown task 'sentiment': use one of pos, ner, nli, pi, qa"),
        (["--sources", "fin+fi"], "The mix fin+fi has a language twice: leave one out."),
        (["--sources", "klingonese"], "klingonese"),
        (["--sources", "en+"], "xsns: "),
        (["--model", "./nothing"], "./nothing is not a folder with a checkpoint"),
        (["--data", "./nothing"], "There is no folder nothing: give one that holds a folder per language."),
        (["--batch", 0], "batch"),
        (["--epochs", 0], "epochs"),
        (["--examples", 0], "examples"),
        (["--tested", 0], "tested"),
        (["--tested", -1], "tested"),
        (["--max-length", 0], "max-length"),
        (["--max-length", 31], "--max-length 31 can't be trained with: use positive numbers, and 32 tokens or more."),
        (["--learning-rate", -1], "learning-rate"),
    ],
    ids=lambda each: " ".join(map(str, each)) if isinstance(each, list) else "",
)
def test_a_call_that_cannot_be_meant_is_refused(command, arguments, message):
    code, _, errors = command("pos", "--sources", "en", *arguments)
    assert code == 2
    assert message in errors


def test_a_task_without_data_or_candidates_says_what_to_give(xsns, encoder, tmp_path):
    task = tmp_path / "own.toml"
    task.write_text(
        'about = "x"\nkind = "pair-classification"\ntext = ["a", "b"]\nlabel = "c"\nclasses = ["n", "y"]\n'
        'metrics = ["accuracy"]\n'
    )
    usual = ("transfer", "--task", task, "--model", encoder, "--out", tmp_path / "gold")
    code, _, errors = xsns(*usual)
    assert code == 2
    assert "has no candidates of its own: say which with --sources" in errors
    code, _, errors = xsns(*usual, "--sources", "en")
    assert code == 2
    assert "The task own names no dataset on the Hub: give a folder with --data" in errors


def test_a_corpus_that_is_not_known(tmp_path):
    task = replace(load_task("pos"), corpus="no-such-corpus")
    with pytest.raises(XsnsError, match="no-such-corpus"):
        TaskData(task).test("fin", None)
    with pytest.raises(XsnsError, match="no-such-corpus"):
        TaskData(task).training("fin", None, 0)


def test_two_folders_of_one_language(own):
    (own / "Finnish").mkdir()
    with pytest.raises(XsnsError, match=r"own/Finnish and .*own/fin are both Finnish: merge or remove one"):
        TaskData(load_task("pos"), own).test("fin", None)


POS, NLI = row("pos", "It rains in Finland .", 0), row("nli", "It rains.", 0)
QA = {"question": "Where?", "context": "In Finland.", "answers": [{"text": "Finland", "start": 3}]}


@pytest.mark.parametrize(
    ("task", "wrong", "message"),
    [
        ("pos", POS | {"upos": ["NOUN"]}, "5 words with 1 labels"),
        ("pos", POS | {"upos": None}, "5 words with 0 labels"),
        ("pos", {"tokens": ["a"]}, "has no column 'upos'"),
        ("pos", POS | {"upos": ["NOUN"] * 4 + ["FOO"]}, "the label 'FOO' is none of ADJ, ADP"),
        ("pos", POS | {"upos": [17] * 5}, "the label 17 is none of"),
        ("pos", POS | {"tokens": [*"abcd", None]}, "a word is no text"),
        ("pos", POS | {"tokens": None}, "not iterable"),
        ("ner", {"tokens": ["a"], "ner_tags": ["B-MISC"]}, "the label 'B-MISC' is none of O, B-PER"),
        ("nli", NLI | {"label": -1}, "the label -1 is none of entailment, neutral, contradiction"),
        ("nli", NLI | {"label": None}, "the label None is none of"),
        ("nli", NLI | {"premise": None}, "premise or hypothesis is no text"),
        ("pi", row("pi", "It rains.", 0) | {"label": True}, "the label True is none of 0, 1"),
        ("qa", QA | {"answers": [{"text": "Finland", "start": 2}]}, "the answer 'Finland' isn't at character 2"),
        ("qa", QA | {"answers": [{"text": "Finland"}]}, "has no column 'start'"),
        ("qa", QA | {"answers": None}, "line 2"),
        ("qa", QA | {"context": None}, "line 2"),
        ("qa", QA | {"question": None}, "no text"),
    ],
)
def test_a_wrong_row_is_named_with_file_and_line(tmp_path, task, wrong, message):
    right = {"pos": POS, "nli": NLI, "qa": QA}.get(task, row(task, "It rains in Finland .", 0))
    write(tmp_path / "fin" / "test.jsonl", [right, wrong])
    with pytest.raises(DataError, match=r"fin/test\.jsonl, line 2: ") as error:
        TaskData(load_task(task), tmp_path).test("fin", None)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"test\.jsonl holds no example of part-of-speech tagging"),
        (b'{"tokens": [], "upos": []}\n', r"test\.jsonl holds no example of part-of-speech tagging"),
        (b'{"tokens": ["a"], "upos": ["X"]}\n{"tokens"\n', r"test\.jsonl, line 2: it isn't JSON \(.*\): correct or"),
        (b'{"tokens": ["a"], "upos": ["X"]}\n[1]\n', r"test\.jsonl, line 2: it is no JSON object: give one row a line"),
        ("tokens: ä".encode("latin-1"), r"test\.jsonl can't be read \(.*\): give one row a line, as JSON"),
    ],
)
def test_a_file_that_is_not_of_rows(tmp_path, content, message):
    (tmp_path / "fin").mkdir()
    (tmp_path / "fin" / "test.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        TaskData(load_task("pos"), tmp_path).test("fin", None)


def test_a_language_without_a_set_and_one_with_a_single_example(own):
    data = TaskData(load_task("pos"), own)
    (own / "fin" / "test.jsonl").unlink()
    with pytest.raises(DataError, match=r"own has no test set for Finnish \(fin\)"):
        data.test("fin", None)
    with pytest.raises(DataError, match=r"own has no training set for Swedish \(swe\)"):
        data.training("swe", None, 0)
    with pytest.raises(DataError, match=r"no training set for Swedish"):
        data.training("fin+swe", None, 0)
    write(own / "fin" / "train.jsonl", [POS])
    with pytest.raises(DataError, match=r"train\.jsonl holds a single example: give more, or a development set"):
        data.training("fin", None, 0)


@pytest.mark.parametrize("character", ["\u2028", "\u0085", "\x0b", "\u001c"])
def test_characters_that_only_look_like_the_end_of_a_line(tmp_path, character):
    """They occur in text from the web; JSON has the last two escaped."""
    write(tmp_path / "fin" / "test.jsonl", [{"tokens": [f"a{character}b", "c"], "upos": ["X", "X"]}])
    [found] = TaskData(load_task("pos"), tmp_path).test("fin", None)
    assert found["tokens"] == [f"a{character}b", "c"]


def test_what_is_wrong_is_listed_and_the_rest_measured(command, own, tmp_path):
    broken = POS | {"upos": ["NOUN"]}
    write(own / "eng" / "train.jsonl", [POS, broken])
    write(own / "rus" / "test.jsonl", [POS, POS, broken])
    code, output, _ = command("pos", "--sources", "en,fi,sv,en+fi", "--targets", "fi,ru,en,sv", data=own)
    assert code == 1
    rows = read_scores(tmp_path / "gold" / "scores.csv")
    assert set(zip(rows["source"], rows["target"], strict=True)) == {("fin", "fin"), ("fin", "eng")}
    text = " ".join(output.split())
    assert f"Missing, target rus: {own}/rus/test.jsonl, line 3: 5 words with 1 labels" in text
    assert f"Missing, target swe: {own} has no test set for Swedish (swe)." in text
    assert f"Missing, source eng: {own}/eng/train.jsonl, line 2: 5 words with 1 labels" in text
    assert "Missing, source swe: " in text
    assert "Missing, source eng+fin: " in text
    assert "1 models trained, 2 pairs scored" in text


def test_training_that_diverges_is_a_problem_of_its_run_alone(measure, monkeypatch):
    """Another seed may do better."""
    really = matrix.fine_tune

    def diverging(*arguments, seed, **named):
        if seed == 0:
            raise DivergenceError("Training diverged (loss nan): use a lower --learning-rate.")
        return really(*arguments, seed=seed, **named)

    monkeypatch.setattr(matrix, "fine_tune", diverging)
    summary, rows = measure(seeds=(0, 1))
    assert set(rows["seed"]) == {1}
    assert "diverged" in " ".join(summary.problems.values())


def test_training_that_diverges_is_noticed(measure):
    summary, rows = measure(settings=replace(QUICK, learning_rate=1e30, epochs=2))
    assert rows.empty
    assert "Training diverged (loss " in summary.problems["source eng, seed 0"]


# --- on the Hub


WHERE, PATH = "user/transfer", "datasets/user/transfer"


def scores(folder: Path, *targets: str, settings: Settings = QUICK, score: float = 50.5) -> Path:
    """Make a folder of scores without measuring any."""
    results = Results(folder / "gold", "tiny-bert", "abc", settings)
    for target in targets:
        results.append(Run("pos", "eng", 0), target, {"accuracy": score, "sentence_accuracy": 100 / 3})
    results.write_card()
    return results.folder


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
    path = folder / "there.csv"
    path.write_bytes(hub.files(PATH)["scores.csv"])
    return path


def test_pushed_scores_serve_as_gold(pushed, hub, tmp_path):
    assert read_gold(fetched(hub, tmp_path)).matrix().loc["fin", "eng"] == 50.5


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


def test_scores_can_be_proposed(pushed, hub, xsns, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.other_token)
    more = scores(tmp_path / "more", "swe")
    assert xsns("push-gold", more, WHERE)[0] == 2
    code, output, errors = xsns("push-gold", more, WHERE, "--create-pr")
    assert code == 0, errors
    assert "/discussions/" in output
    assert b"swe" not in hub.files(PATH)["scores.csv"]
    assert b"swe" in hub.files(PATH, "refs/pr/1")["scores.csv"]
