"""Gold scores end to end, with tiny models: what the command measures, keeps and says."""

from pathlib import Path

import pytest
import torch
from datasets import load_dataset
from labelled_text import row, write
from transformers import AutoTokenizer, BertModel

from transfer.runs import arguments_of
from xsns_hf.gold import read_gold
from xsns_hf.tasks import TASKS, load_task
from xsns_hf.transfer.results import COLUMNS, read_scores
from xsns_hf.transfer.training import ENCODINGS


@pytest.mark.thorough
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
    network, info = ENCODINGS[load_task(task).kind].auto_class.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    if task != "qa":
        assert tuple(network.config.id2label.values()) == load_task(task).classes
    inputs = AutoTokenizer.from_pretrained(folder)("It rains.", return_tensors="pt")
    assert network(**inputs)[0].isfinite().all()


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_scores_and_another_other_ones(measure):
    wanted = {"seeds": (0, 1), "targets": ("eng", "fin", "rus")}
    _, first = measure("first", **wanted)
    _, second = measure("second", **wanted)
    assert first.equals(second)
    by_seed = [part["score"].tolist() for _, part in first.groupby("seed")]
    assert by_seed[0] != by_seed[1]


@pytest.mark.thorough
def test_embeddings_stay_as_they_are_if_asked_for(command, encoder, tmp_path):
    before = BertModel.from_pretrained(encoder).embeddings.word_embeddings.weight
    for number, option in enumerate(["--freeze-embeddings", "--train-embeddings"]):
        out = ("--out", tmp_path / option, "--keep-models", tmp_path / f"kept{number}")
        assert command("pos", "--sources", "en", option, *out)[0] == 0
    kept = [BertModel.from_pretrained(tmp_path / f"kept{number}" / "pos-eng-seed0") for number in (0, 1)]
    frozen, trained = (network.embeddings.word_embeddings.weight for network in kept)
    assert torch.equal(frozen, before)
    assert not torch.equal(trained, before)


@pytest.mark.thorough
def test_a_checkpoint_with_a_head_of_another_task_gets_a_new_one(command, encoder, labelled, xsns, tmp_path):
    assert command("pos", "--sources", "en", "--keep-models", tmp_path / "kept")[0] == 0
    tagger = tmp_path / "kept" / "pos-eng-seed0"
    code, _, errors = xsns(*arguments_of("ner", tagger, labelled / "ner", tmp_path / "ner"), "--sources", "en")
    assert code == 0, errors


@pytest.mark.thorough
def test_what_is_wrong_is_listed_and_the_rest_measured(command, own, tmp_path):
    right = row("pos", "It rains in Finland .", 0)
    broken = right | {"upos": ["NOUN"]}
    write(own / "eng" / "train.jsonl", [right, broken])
    write(own / "rus" / "test.jsonl", [right, right, broken])
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
