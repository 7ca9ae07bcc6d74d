"""The script that adds a language, and `xsns push`, `pull`, `rank` on the Hub, as processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_dataset

from xsns_hf.repository import MaskRepository

SCRIPT = Path(__file__).parents[1] / "scripts" / "push_language.py"
XSNS = [sys.executable, "-m", "xsns_hf"]


def run(*command: object, token: str | None = None) -> subprocess.CompletedProcess:
    environment = os.environ | ({"HF_TOKEN": token} if token else {})
    return subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def published(hub, tiny, text, tmp_path) -> Path:
    """Masks of two languages, extracted and pushed to user/masks; returns the folder they came from."""
    folder = tmp_path / "local"
    options = ["--examples", 16, "--seeds", 2, "--processes", 1, "--languages", "fin,eng"]
    done = run(*XSNS, "extract", "--model", tiny, "--text", text, "--out", folder, *options)
    assert done.returncode == 0, done.stderr
    done = run(*XSNS, "push", folder, "user/masks")
    assert done.returncode == 0, done.stderr
    assert "Pushed 4 masks of eng, fin." in done.stdout
    assert "/datasets/user/masks" in done.stdout
    return folder


def test_from_push_over_the_script_to_rank_and_pull(published, hub, tiny, text, tmp_path):
    arguments = ["--repo", "user/masks", "--model", tiny, "--language", "Russian", "--text", text / "rus.txt"]
    named = [*arguments, "--corpus-name", "text"]
    dry = run(sys.executable, SCRIPT, *named, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Would push 2 masks of rus" in dry.stdout
    assert len(hub.history("datasets/user/masks")) == 2
    done = run(sys.executable, SCRIPT, *named)
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
    again = run(sys.executable, SCRIPT, *named)
    assert "nothing to push" in again.stdout

    hub.log.clear()
    ranked = run(*XSNS, "rank", "fin", "--masks", "user/masks", "--json")
    assert [source["language"] for source in json.loads(ranked.stdout)["sources"]] != []
    assert hub.sent("/resolve/") < 40_000
    pulled = run(*XSNS, "pull", "user/masks", tmp_path / "pulled")
    assert "masks of 3 languages" in pulled.stdout, pulled.stderr
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
        assert "Best source: English" in done.stdout
        assert hub.log == []
        done = run(*XSNS, "push", published, "user/masks")
        assert done.returncode == 2
        assert "HF_HUB_OFFLINE" in done.stderr
    finally:
        del os.environ["HF_HUB_OFFLINE"]


def test_extract_writes_to_the_hub_directly(hub, tiny, text):
    options = ["--examples", 8, "--seeds", 1, "--processes", 2, "--languages", "fin,eng"]
    done = run(*XSNS, "extract", "--model", tiny, "--text", text, "--out", "user/direct", *options)
    assert done.returncode == 0, done.stderr
    assert "Next: xsns rank eng --masks user/direct" in done.stdout
    assert len(MaskRepository("user/direct").similarity()) == 2


def test_a_token_that_may_not_write_is_noticed_before_the_work(published, hub, tiny, text):
    options = ["extract", "--model", "./nowhere", "--text", text, "--processes", 1]
    for repo in ("user/masks", "user/other"):
        done = run(*XSNS, *options, "--out", repo, token=hub.read_token)
        assert done.returncode == 2
        assert f"may not write to {repo}" in done.stderr, "and not that there is no such model"
    assert "datasets/user/other" not in hub.repos


def test_mistakes_are_one_sentence_and_code_2(published, hub, text):
    for token, command, message in [
        (hub.read_token, [*XSNS, "push", published, "user/other"], "may not write to user/other"),
        (None, [*XSNS, "push", published, "user/masks", "--languages", "deu"], "holds no masks of deu"),
        (None, [*XSNS, "rank", "fin", "--masks", "user/nothing"], "no dataset user/nothing"),
        (None, [*XSNS, "pull", "user/masks", text], "holds something else"),
        (None, [*XSNS, "extract", "--corpus", "paws-x", "--out", "x"], "with --languages"),
        (None, [*XSNS, "extract", "--corpus", "nothing", "--languages", "fin", "--out", "x"], "no corpus 'nothing'"),
    ]:
        done = run(*command, token=token)
        assert done.returncode == 2, done.stdout
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr


def test_the_script_says_what_is_missing(hub, tiny):
    done = run(sys.executable, SCRIPT, "--repo", "user/masks", "--model", tiny, "--language", "fin")
    assert done.returncode != 0
    assert "push_language: Give either --text or --dataset." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_scripts_header_is_for_uv_and_jobs():
    import tomllib

    lines = SCRIPT.read_text(encoding="utf-8").split("# ///")[1].splitlines()[1:]
    header = tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    assert header["requires-python"] == ">=3.11"
    assert header["tool"]["hf-jobs"]["secrets"] == ["HF_TOKEN"]
