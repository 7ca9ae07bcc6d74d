"""Stopping and going on: nothing is lost, and nothing measured twice."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.runs import QUICK, arguments_of, interrupted_after, same, scores
from xsns_hf.transfer.results import COLUMNS, Results, Run, read_made, read_scores
from xsns_hf.transfer.run import Summary
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.training import FineTuned, _Progress, _Trainer


@pytest.mark.thorough
@pytest.mark.parametrize("patience", [None, 1], ids=["last epoch", "best epoch"])
def test_what_was_interrupted_goes_on_and_nothing_is_measured_twice(measure, monkeypatch, patience):
    wanted = {"sources": ("eng", "fin"), "settings": replace(QUICK, epochs=4, patience=patience)}
    _, whole = measure("whole", **wanted)
    with monkeypatch.context() as patched:
        patched.setattr(FineTuned, "score", interrupted_after(3))
        with pytest.raises(KeyboardInterrupt):
            measure(**wanted)
    summary, rows = measure(**wanted)
    assert (summary.trained, summary.scored, summary.kept) == (1, 1, 3)
    assert same(rows, whole)
    assert measure(**wanted)[0] == Summary(kept=4)


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
@pytest.mark.parametrize(
    "left",
    [
        pytest.param([], marks=pytest.mark.slow),
        pytest.param(["config.json"], marks=pytest.mark.slow),
        ["config.json", "model.safetensors", "optimizer.pt"],
    ],
)
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_what_another_process_does_is_left_to_it(measure, model, tmp_path):
    results = Results(tmp_path / "gold", model.name, model.revision, QUICK)
    with results.claim(Run("pos", "eng", 0)):
        summary, rows = measure(sources=("eng", "fin"))
        assert summary.elsewhere == ["pos-eng-seed0"]
        assert set(rows["source"]) == {"fin"}
    summary, rows = measure(sources=("eng", "fin"))
    assert summary == Summary(trained=1, scored=2, kept=2)
    assert len(rows) == 8


@pytest.mark.thorough
def test_interrupted_and_busy_elsewhere_are_said(command, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        patched.setattr(FineTuned, "score", interrupted_after(1))
        code, _, errors = command("pos", "--sources", "en", "--targets", "fi,ru")
    assert code == 130
    assert "Interrupted: scores are kept; the same command goes on from there." in errors
    made = read_made(tmp_path / "gold" / "transfer.json")
    results = Results(tmp_path / "gold", made["model"], made["revision"], Settings(**made["settings"]))
    with results.claim(Run("pos", "eng", 0)):
        code, output, _ = command("pos", "--sources", "en", "--targets", "fi,ru")
    assert code == 0
    assert "Another process is busy with pos-eng-seed0." in " ".join(output.split())


@pytest.mark.thorough
def test_what_was_measured_before_is_a_dataset_already(measure, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        patched.setattr(FineTuned, "score", interrupted_after(1))
        with pytest.raises(KeyboardInterrupt):
            measure()
    rows = load_dataset(str(tmp_path / "gold"), cache_dir=str(tmp_path / "cache"))["train"]
    assert rows.column_names == COLUMNS
    assert rows["target"] == ["fin", "fin"]


@pytest.mark.thorough
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
