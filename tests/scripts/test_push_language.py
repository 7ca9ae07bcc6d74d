"""The script that adds a language, and `xsns push`, `pull`, `rank` on the Hub."""

import json
import os
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import push_language
import pytest
from datasets import load_dataset

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.text.folder import sample_corpus

pytestmark = pytest.mark.thorough

SCRIPT = Path(__file__).parents[2] / "scripts" / "push_language.py"
XSNS = [sys.executable, "-m", "xsns_hf"]


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


@pytest.fixture
def script(monkeypatch, capsys):
    """Run the script in this process, where what takes seconds to import is imported already."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        code, shown = stopped.value.code, capsys.readouterr()
        said = f"{code}\n" if isinstance(code, str) else ""
        return subprocess.CompletedProcess(arguments, int(bool(code)), shown.out, shown.err + said)

    return run


@pytest.fixture
def add(script):
    """Run the script on user/masks."""
    return partial(script, "--repo", "user/masks")


@pytest.fixture
def published(hub, tiny, text, tmp_path, xsns) -> Path:
    """Masks of two languages, extracted and pushed to user/masks; returns the folder they came from."""
    folder = tmp_path / "local"
    options = ["--examples", 16, "--seeds", 2, "--processes", 1, "--languages", "fin,eng"]
    code, _, errors = xsns("extract", "--model", tiny, "--text", text, "--out", folder, *options)
    assert code == 0, errors
    code, output, errors = xsns("push", folder, "user/masks")
    assert code == 0, errors
    assert "Pushed 4 masks of eng, fin." in output
    assert "/datasets/user/masks" in output
    return folder


def test_from_push_over_the_script_to_rank_and_pull(published, script, hub, tiny, text, tmp_path, xsns):
    arguments = ["--repo", "user/masks", "--model", tiny, "--language", "Russian", "--text", text / "rus.txt"]
    named = [*arguments, "--corpus-name", "text"]
    dry = run(sys.executable, SCRIPT, *named, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Would push 2 masks of rus" in dry.stdout
    assert len(hub.history("datasets/user/masks")) == 2
    done = script(*named)
    assert done.returncode == 0, done.stderr
    for expected in (
        "Pushed 2 masks of rus.",
        "/datasets/user/masks",
        "Sources for Russian",
        "Best source",
    ):
        assert expected in done.stdout
    index = MaskRepository("user/masks").index()
    assert index["recipe"].nunique() == 1, "made as the masks that are there"
    assert set(index["language"]) == {"eng", "fin", "rus"}
    again = script(*named)
    assert "nothing to push" in again.stdout

    hub.log.clear()
    ranked = json.loads(xsns("rank", "fin", "--masks", "user/masks", "--json")[1])
    assert {source["language"] for source in ranked["sources"]} == {"eng", "rus"}
    assert hub.sent("/resolve/") < 40_000
    code, output, errors = xsns("pull", "user/masks", tmp_path / "pulled")
    assert code == 0 and "masks of 3 languages" in output, errors
    recipe = index["recipe"][0]
    rows = load_dataset("user/masks", f"{recipe}.rus", split="train", cache_dir=str(tmp_path / "cache"))
    local = MaskRepository(tmp_path / "pulled").subnetwork(recipe, "rus", 0)
    assert b"".join(row["mask"] for row in rows if row["seed"] == 0) == local.bits.tobytes()


def test_offline_a_ranking_comes_from_the_cache(published, hub):
    assert run(*XSNS, "rank", "fin", "--masks", "user/masks").returncode == 0
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        hub.log.clear()
        done = run(*XSNS, "rank", "fin", "--masks", "user/masks")
        assert done.returncode == 0, done.stderr
        assert "English is the only candidate" in done.stdout
        assert hub.log == []
        done = run(*XSNS, "push", published, "user/masks")
        assert done.returncode == 2
        assert "HF_HUB_OFFLINE" in done.stderr
    finally:
        del os.environ["HF_HUB_OFFLINE"]


def test_extract_writes_to_the_hub_directly(hub, tiny, text, xsns):
    options = ["--examples", 8, "--seeds", 1, "--processes", 1, "--languages", "fin,eng"]
    code, output, errors = xsns("extract", "--model", tiny, "--text", text, "--out", "user/direct", *options)
    assert code == 0, errors
    assert "Next: xsns rank eng --masks user/direct" in output
    assert len(MaskRepository("user/direct").similarity()) == 2


def test_a_token_that_may_not_write_is_noticed_before_the_work(published, hub, text, xsns, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    options = ["extract", "--model", "./nowhere", "--text", text, "--processes", 1]
    for repo in ("user/masks", "user/other"):
        code, _, errors = xsns(*options, "--out", repo)
        assert code == 2
        assert f"may not write to {repo}" in errors, "and not that there is no such model"
    assert "datasets/user/other" not in hub.repos


def test_mistakes_are_one_sentence_and_code_2(published, hub, text, xsns, monkeypatch):
    extract = ["extract", "--processes", 1, "--out", "x"]
    for token, command, message in [
        (hub.read_token, ["push", published, "user/other"], "may not write to user/other"),
        (hub.write_token, ["push", published, "user/masks", "--languages", "deu"], "holds no masks of deu"),
        (hub.write_token, ["rank", "fin", "--masks", "user/nothing"], "no dataset user/nothing"),
        (hub.write_token, ["pull", "user/masks", text], "holds something else"),
        (hub.write_token, [*extract, "--corpus", "paws-x"], "with --languages"),
        (hub.write_token, [*extract, "--corpus", "no", "--languages", "fin"], "no corpus 'no'"),
    ]:
        monkeypatch.setenv("HF_TOKEN", token)
        code, output, errors = xsns(*command)
        assert code == 2, output
        assert message in errors
        assert errors.count("\n") == 1
        assert "Traceback" not in errors


def test_the_script_says_what_is_missing(script, hub, tiny):
    done = script("--repo", "user/masks", "--model", tiny, "--language", "fin")
    assert done.returncode != 0
    assert "push_language: Give either --text or --corpus." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_scripts_header_is_for_uv_and_jobs():
    import tomllib

    lines = SCRIPT.read_text(encoding="utf-8").split("# ///")[1].splitlines()[1:]
    header = tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    assert header["requires-python"] == ">=3.11"
    assert header["tool"]["hf-jobs"]["secrets"] == ["HF_TOKEN"]


def test_the_recipe_there_is_taken_whatever_the_text_is_called(script, published, hub, tiny, text, tmp_path, xsns):
    own = tmp_path / "Suahili 2024 (neu).txt"
    own.write_bytes((text / "rus.txt").read_bytes())
    done = script("--repo", "user/masks", "--model", tiny, "--language", "swh", "--text", own)
    assert done.returncode == 0, done.stderr
    assert "Made as the masks of 2 languages there: text-mlm-pretrained-n16-p0.15-capped." in done.stdout
    assert MaskRepository("user/masks").index()["recipe"].nunique() == 1
    for target in ("fin", "swh"):
        assert len(json.loads(xsns("rank", target, "--masks", "user/masks", "--json")[1])["sources"]) == 2


def test_masks_that_would_stand_alone_are_refused_before_any_work(script, published, hub, tiny, text):
    arguments = ["--repo", "user/masks", "--language", "rus", "--text", text / "rus.txt", "--model"]
    for model, options, message in [
        (tiny, ["--corpus-name", "mine"], "holds no masks from the text mine, so new ones would have nothing"),
        (tiny, ["--head", "tied"], "holds no masks with the head tied, so new ones would have nothing"),
        ("embedded", ["--head", "pretrained"], "embedded ships no language-model head"),
    ]:
        done = script(*arguments, model, *options)
        assert done.returncode != 0
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
    assert len(hub.history("datasets/user/masks")) == 2


def rankings(xsns) -> dict[tuple[str, str], set[str]]:
    """Return the sources of each target by recipe, "" for what is ranked without naming any."""
    repository, found = MaskRepository("user/masks"), {}
    for recipe in ("", *repository.recipes()):
        for target in sorted(set(repository.index()["language"])):
            named = ["--recipe", recipe] if recipe else []
            code, output, _ = xsns("rank", target, "--masks", "user/masks", "--json", *named)
            if code == 0:
                found[recipe, target] = {source["language"] for source in json.loads(output)["sources"]}
    return found


@pytest.fixture
def two_recipes(published, tiny, text, xsns) -> None:
    """Beside the masks of two languages, those of three by another recipe, with other |D|, p and seeds."""
    options = ["--model", tiny, "--text", text, "--seeds", 1, "--processes", 1, "--languages", "fin,eng,rus"]
    code, _, errors = xsns("extract", "--out", "user/masks", "--examples", 8, "--density", 0.3, *options)
    assert code == 0, errors


def test_a_language_joins_all_recipes_that_fit(add, two_recipes, hub, tiny, text, tmp_path, xsns):
    before, commits = rankings(xsns), len(hub.history("datasets/user/masks"))
    assert len(before) == 3 + 2 + 3
    own = tmp_path / "Deutsch 2024 (neu).txt"
    own.write_bytes((text / "eng.txt").read_bytes())
    done = add("--model", tiny, "--language", "deu", "--text", own)
    assert done.returncode == 0, done.stderr
    assert "Made as the masks of 3 languages there: text-mlm-pretrained-n8-p0.3-capped." in done.stdout
    assert "Made as the masks of 2 languages there: text-mlm-pretrained-n16-p0.15-capped." in done.stdout
    assert "Pushed 3 masks of deu." in done.stdout
    assert len(hub.history("datasets/user/masks")) == commits + 1, "all in one commit"
    after = rankings(xsns)
    assert {pair: after[pair] - {"deu"} for pair in before} == before, "what could be ranked still can"
    assert {recipe for recipe, target in after if target == "deu"} == {recipe for recipe, _ in before}
    for recipe, seeds in (("n8", [0]), ("n16", [0, 1])):
        masks = MaskRepository("user/masks").masks(recipe)
        assert (masks.languages[0], masks.seeds) == ("deu", seeds)
        assert len(masks.index[masks.index["language"] == "deu"]) == len(seeds)


def test_what_is_asked_for_chooses_among_the_recipes(add, two_recipes, hub, tiny, text):
    target = MaskRepository("user/masks")
    for recipe, asked, sizes in [
        (None, {}, [8, 16]),
        ("p0.3", {}, [8]),
        (None, {"density": 0.3, "corpus": "text"}, [8]),
        (None, {"examples": 16, "head_kind": None}, [16]),
    ]:
        assert [each.examples for each in push_language.recipes_there(target, recipe, asked)] == sizes
    for recipe, asked, message in [
        ("capped", {}, "several recipes 'capped': choose one with --recipe: text-mlm-pretrained-n16-p0.15"),
        (None, {"density": 0.5}, "holds no masks with p = 0.5, so new ones would have nothing to be compared with"),
        ("p0.3", {"examples": 16}, r"no masks with \|D\| = 16, so"),
    ]:
        with pytest.raises(XsnsError) as raised:
            push_language.recipes_there(target, recipe, asked)
        assert re.search(message, raised.value.on_command_line())
    done = add("--model", tiny, "--language", "deu", "--text", text / "eng.txt", "--recipe", "p0.3", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Made as") == 1
    assert "Would push 1 masks of deu" in done.stdout


def test_recipes_that_differ_in_size_and_density_take_one_pass(tiny, text, tmp_path):
    import dataclasses

    from xsns_hf.extraction.build import build, in_one_pass
    from xsns_hf.models.loading import load_checkpoint
    from xsns_hf.recipe import Recipe
    from xsns_hf.text.folder import text_folder

    checkpoint = load_checkpoint(str(tiny))
    first = Recipe(checkpoint.name, checkpoint.revision, "pretrained", "text", examples=16)
    other = dataclasses.replace(first, examples=8, density=0.3)
    until = dataclasses.replace(first, agreement=0.7)
    assert in_one_pass([first, dataclasses.replace(first, importance="snip"), other, until]) == [
        [first, other],
        [dataclasses.replace(first, importance="snip")],
        [until],
    ]
    released = dataclasses.replace(first, importance="released")
    assert len(in_one_pass([released, dataclasses.replace(released, examples=8)])) == 2
    repository = MaskRepository(tmp_path / "masks", create=True)
    build(repository, checkpoint, text_folder(text), first, ["fin"], [0], also=[other])
    assert set(repository.recipes()) == {first.name, other.name}, "and not the other pairs of |D| and p"


def test_a_new_repository_of_a_dataset_on_the_hub_at_a_models_revision(add, hub, tiny, xsns):
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo("user/model")
    commit = api.upload_folder(repo_id="user/model", folder_path=tiny).oid
    hub.commit("user/model", {"README.md": b"Better words."})
    sample = sample_corpus()
    rows = [{"text": text, "lang": code} for code in ("fi", "en") for text in sample.sentences(code)[:40]]
    hub.create("datasets/owner/name", {"train.jsonl": "\n".join(map(json.dumps, rows)).encode()})
    text = ["--corpus", "owner/name", "--language-column", "lang", "--languages", "fin,eng"]
    model = ["--model", "user/model", "--revision", commit, "--examples", 16, "--density", 0.3, "--seeds", 1]
    done = add(*text, *model)
    assert done.returncode == 0, done.stderr
    masks = MaskRepository("user/masks").masks()
    assert (masks.name, masks.languages) == ("owner-name-mlm-pretrained-n16-p0.3-capped", ["eng", "fin"])
    assert masks.recipe.revision == commit
