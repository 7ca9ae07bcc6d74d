"""What is learnt, by what a model is chosen, and what comes of training that diverges."""

import json
import shutil
from dataclasses import replace

import pytest
from labelled_text import write

from transfer.runs import QUICK, originals
from xsns_hf.errors import XsnsError
from xsns_hf.text.folder import sample_corpus
from xsns_hf.transfer import run as matrix
from xsns_hf.transfer.models import find_task_model, load_task_model
from xsns_hf.transfer.training import ENCODINGS, DivergenceError

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


@pytest.mark.thorough
@pytest.mark.parametrize("task", LEARNABLE)
def test_what_can_be_learnt_is_learnt(task, measure, tmp_path):
    """Labels at the wrong tokens, or predictions scored with others' rows, would show."""
    write(tmp_path / "easy" / "eng" / "train.jsonl", LEARNABLE[task] * 4)
    write(tmp_path / "easy" / "eng" / "test.jsonl", LEARNABLE[task])
    thorough = replace(QUICK, learning_rate=1e-2, epochs=15, warmup=0.1)
    _, rows = measure(task=task, targets=["eng"], settings=thorough, data=tmp_path / "easy")
    assert (rows["score"] == 100).all(), rows


def test_inputs_longer_than_the_model_takes_are_cut(measure, tmp_path):
    """The tiny model has 140 positions, and the usual settings 256 tokens."""
    sentence = " ".join(sample_corpus().sentences("eng")[:20]).split()
    rows = [{"tokens": sentence, "upos": ["X"] * len(sentence)}] * 4
    for split in ("train", "test"):
        write(tmp_path / "long" / "eng" / f"{split}.jsonl", rows)
    _, scores = measure(targets=["eng"], settings=replace(QUICK, max_length=256), data=tmp_path / "long")
    assert len(scores) == 2


@pytest.mark.thorough
def test_a_row_without_a_label_to_learn_does_no_harm(measure, tmp_path):
    """Its loss is the mean over nothing."""
    rows = [*LEARNABLE["pos"], {"tokens": ["du"], "upos": ["_"]}]
    for split in ("train", "dev", "test"):
        write(tmp_path / "easy" / "eng" / f"{split}.jsonl", rows)
    summary, scores = measure(targets=["eng"], settings=replace(QUICK, batch=1), data=tmp_path / "easy")
    assert not summary.problems
    assert len(scores) == 2


def test_a_body_that_does_not_fit_its_config_is_refused(encoder, tmp_path):
    """Weights of another shape would be made up."""
    shutil.copytree(encoder, tmp_path / "broken")
    config = json.loads((encoder / "config.json").read_text("utf-8"))
    (tmp_path / "broken" / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}), "utf-8")
    with pytest.raises(XsnsError, match="broken"):
        load_task_model(find_task_model(str(tmp_path / "broken")), ENCODINGS["token-classification"].auto_class, ["X"])


@pytest.mark.thorough
def test_training_ends_when_the_sources_development_score_does_not_grow(trained):
    tuned, _ = trained(replace(QUICK, learning_rate=0, epochs=6, patience=1))
    assert tuned.trainer.state.epoch == 2, "the first epoch's score, and one that isn't better"


@pytest.mark.thorough
def test_the_best_epoch_by_the_sources_development_set_is_taken(trained):
    tuned, dev = trained(replace(QUICK, learning_rate=0.02, epochs=5, patience=5))
    scores = [entry["eval_accuracy"] for entry in tuned.trainer.state.log_history if "eval_accuracy" in entry]
    assert len(scores) == 5
    assert len(set(scores)) > 1
    assert tuned.score(dev)["accuracy"] == pytest.approx(max(scores))


@pytest.mark.thorough
def test_without_patience_no_development_set_is_looked_at(trained):
    tuned, _ = trained(replace(QUICK, epochs=2))
    assert tuned.trainer.state.epoch == 2
    assert not [entry for entry in tuned.trainer.state.log_history if "eval_accuracy" in entry]


@pytest.mark.thorough
def test_targets_do_not_decide_which_model_is_taken(measure, labelled, monkeypatch):
    """None of their rows is given to training."""
    seen, really = [], matrix.fine_tune

    def watched(model, task, train, dev, *arguments, **named):
        seen.extend(tuple(sentence.words) for sentence in (*train, *dev))
        return really(model, task, train, dev, *arguments, **named)

    monkeypatch.setattr(matrix, "fine_tune", watched)
    measure(settings=replace(QUICK, epochs=3, patience=1))
    assert set(seen) == {
        words for split in ("train", "dev") for words, code in originals(labelled, split).items() if code == "eng"
    }


@pytest.mark.thorough
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
    assert "diverged" in " ".join(map(str, summary.problems.values()))


@pytest.mark.thorough
def test_training_that_diverges_is_noticed(measure):
    summary, rows = measure(settings=replace(QUICK, learning_rate=1e30, epochs=2))
    assert rows.empty
    assert "Training diverged (loss " in str(summary.problems["source eng, seed 0"])
