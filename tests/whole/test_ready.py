"""The similarities that ship: an answer before any masks are made, on the command line, in Python and on the page."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from xsns_hf import MaskDataset, MaskRepository, XsnsError, rank_sources
from xsns_hf.dataset.stores.ready import ready_names
from xsns_hf.space.answering.answers import answer
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "xsns_hf" / "assets" / "ready"


def test_one_line_answers_offline_and_without_torch(tmp_path):
    command = "import sys; from xsns_hf.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    arguments = ["rank", "Swahili", "--task", "ner", "--json"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *record, torch = done.stdout.strip().splitlines()
    assert torch == "False"
    answered = json.loads("\n".join(record))
    assert answered["target"] == "swh"
    assert len(answered["sources"]) >= 30
    assert answered["sources"][0]["expected"] > 40, "a score in percent"
    assert "English" in " ".join(answered["advice"])
    assert not list(tmp_path.iterdir())


def test_what_is_printed_says_what_it_is_from(xsns):
    code, output, _ = xsns("rank", "Swahili", "--top", 3)
    assert code == 0
    assert "Similarities that ship with xsns: multilingual-e5-small, 256 sentences × 3 of wikiann." in output
    assert "xsns extract --model NAME --text FOLDER --out masks" in output
    assert "embedded" not in output


def test_python_answers_as_the_command_line_does():
    suggestions = MaskDataset.ready().rank("Swahili")
    assert suggestions.sources == rank_sources("swh").sources
    assert "multilingual-e5-small" in suggestions._repr_html_()


def test_a_task_takes_the_recipe_that_has_its_languages():
    ready = MaskDataset.ready()
    for task in ("pos", "ner", "nli", "qa"):
        assert ready.rank("deu" if task != "qa" else "fin", task=task).outlook is not None, task
    assert "wikiann" in ready.rank("fin", candidates=["swh", "ben"]).recipe
    assert "ud" in ready.rank("fin", candidates=["hsb", "gla"]).recipe


@pytest.mark.parametrize("name", ready_names())
def test_the_tables_are_small_whole_and_of_many_languages(name):
    repository = MaskRepository(name)
    index = repository.index()
    assert (index.groupby(["recipe", "language"])["seed"].nunique().groupby("recipe").nunique() == 1).all()
    for recipe, rows in index.groupby("recipe"):
        pairs = repository.masks(recipe).pairs
        languages, seeds = rows["language"].nunique(), rows["seed"].nunique()
        assert len(pairs) == languages * (languages - 1) * seeds
        assert pairs["jaccard"].between(0.2, 0.99).all()
    if name == "ready":
        assert index["language"].nunique() >= 80
        assert set(index["seed"]) == {0, 1, 2}
    assert "/" not in "".join(index["checkpoint"]), "no path of the machine that made it"


def test_all_that_ships_is_under_a_megabyte():
    assert sum(file.stat().st_size for file in ASSETS.rglob("*.parquet")) < 1_000_000


def test_what_takes_masks_says_that_there_are_none(xsns):
    for command in (["explain", "fin", "deu"], ["rank", "fin", "--layers", "early"]):
        code, _, errors = xsns(*command, "--masks", "ready")
        assert code == 2
        assert "ready holds similarities and no masks" in errors
    code, _, errors = xsns("rank", "fin", "--masks", "ready:gpt")
    assert code == 2
    assert "No similarities called ready:gpt ship with xsns_hf: use ready" in errors


def test_nothing_is_written_into_what_ships(text, tiny):
    before = {file: file.read_bytes() for file in ASSETS.rglob("*") if file.is_file()}
    command = [sys.executable, "-m", "xsns_hf", "extract", "--model", tiny, "--text", text, "--out", "ready"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "ready ships with xsns_hf and can't be changed" in done.stderr
    with pytest.raises(XsnsError, match="can't be changed"):
        MaskRepository("ready").add([])
    assert before == {file: file.read_bytes() for file in ASSETS.rglob("*") if file.is_file()}


def test_the_page_opens_on_them_where_no_masks_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XSNS_MASKS", raising=False)
    app = runpy.run_path(str(ROOT / "spaces_app" / "app.py"))
    assert app["datasets"] == ready_names()
    shelf = Shelf(app["datasets"])
    answered = answer(Query("Swahili", task="ner"), shelf)
    assert answered.masks.name.startswith("wikiann"), "the recipe that has the language"
    assert answered.ranking.sources
    assert answer(Query("hsb"), shelf).masks.name.startswith("ud")
