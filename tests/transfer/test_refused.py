"""Calls, folders and tasks that are refused."""

import json
from dataclasses import replace

import pytest

from transfer.runs import QUICK, scores
from xsns_hf.errors import XsnsError
from xsns_hf.transfer.results import Results, read_made
from xsns_hf.transfer.settings import Settings


@pytest.mark.parametrize(
    ("model", "revision", "settings", "message"),
    [
        ("tiny-bert", "abc", replace(QUICK, learning_rate=1, epochs=2), "made with another learning_rate, epochs: "),
        ("other", "def", QUICK, "made with another model, revision: give out=… another folder"),
    ],
)
def test_scores_that_cannot_be_compared_are_kept_apart(tmp_path, model, revision, settings, message):
    scores(tmp_path, "fin")
    with pytest.raises(XsnsError, match=message):
        Results(tmp_path / "gold", model, revision, settings)
    Results(tmp_path / "gold", "tiny-bert", "abc", QUICK)


def test_a_mistake_names_the_parameter_in_python_and_the_option_on_the_command_line():
    with pytest.raises(XsnsError) as error:
        Settings(max_length=31)
    assert str(error.value).startswith("max_length=")
    assert error.value.on_command_line().startswith("--max-length 31 can't be trained with")


def test_a_folder_that_an_earlier_version_began_is_gone_on_with(tmp_path):
    """Its description calls the setting by another name."""
    made = json.loads((scores(tmp_path, "fin") / "transfer.json").read_text("utf-8"))
    assert made["settings"]["longest"] == QUICK.max_length
    assert "max_length" not in made["settings"]
    assert Settings(**read_made(tmp_path / "gold" / "transfer.json")["settings"]) == QUICK


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
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
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
