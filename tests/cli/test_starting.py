"""How an extraction starts: what it says first, where its masks go, and that it ends at once with nothing to do."""

import gc
import os
import pty
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import CACHE, records
from huggingface_hub import HfApi

from xsns_hf.cli import starting
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.models.embedded import EMBEDDED_REVISION
from xsns_hf.models.head_files import find_head, head_fingerprint
from xsns_hf.recipe import Recipe, fitted_head
from xsns_hf.text.corpus import revision
from xsns_hf.text.folder import sample_corpus

AS_MADE = ["--importance", "exact", "--examples", "16", "--seeds", "2"]
"""How the masks of the fixture `masks` were made."""

HEAVY = """
import sys
from xsns_hf.cli import main
try:
    main()
finally:
    print("heavy:", *sorted({"torch", "transformers", "accelerate"} & sys.modules.keys()))
"""

NOT_YET = """
import io, sys
from xsns_hf.cli import main

class Heavy(Exception): ...

class Refused:
    def find_spec(name, path=None, target=None):
        if name in ("pandas", "torch", "transformers", "gradio"):
            raise Heavy(name)

class Terminal(io.StringIO):
    isatty = lambda self: True

sys.meta_path.insert(0, Refused)
for line in sys.stdin:
    sys.argv, sys.stdout, sys.stderr = ["xsns", *line.split()], Terminal(), Terminal()
    try:
        main()
    except Heavy as heavy:
        print(sys.argv[1], heavy, sys.stdout.getvalue() + sys.stderr.getvalue(), sep="\\t", file=sys.__stdout__)
"""
"""Runs commands, each up to its first import that takes long, and prints that and what was on the screen by then."""

COMMANDS = """
extract --languages fin --out masks
fit-head --text .
transfer --task pos --out gold
rank fin --masks masks
evaluate --gold pos --masks masks
explain --masks masks
sweep --masks masks --gold pos --out figures
space --masks masks
check masks
push masks user/masks
pull user/masks masks
scores scores.csv --task pos --origin us --masks masks
demo --out masks
"""


def heavy_after(*arguments: object) -> tuple[int, str, str]:
    """Run `xsns extract` in a process of its own, which prints which heavy libraries it imported at last."""
    command = [sys.executable, "-c", HEAVY, "extract", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


def mask(seed: int) -> SubNetwork:
    layout = ParameterLayout.of([("weight", (40, 40))])
    return select(np.random.default_rng(seed).random(layout.size).astype(np.float32), layout, 0.15)


def put(folder: Path, *recipes: Recipe) -> Path:
    """Put masks of Finnish and Swedish, as if made from the sample text, into a new dataset."""
    for recipe in recipes:
        for code in ("fin", "swe"):
            text = revision(sample_corpus(), code)
            MaskRepository(folder, create=True).add(records(recipe, code, {0: mask(0)}, corpus_revision=text))
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize("processes", [1, 2])
def test_with_nothing_to_do_neither_torch_nor_a_process_is_started(tiny, masks, processes):
    wanted = ["--model", tiny, "--languages", "fi,German", "--out", masks, "--processes", processes, *AS_MADE]
    code, output, errors = heavy_after(*wanted)
    assert (code, errors) == (0, "")
    assert "There already: fin, deu." in output
    assert output.endswith("heavy:\n")


@pytest.mark.thorough
def test_another_checkpoint_of_the_same_name_is_refused_at_once(tiny, masks, tmp_path):
    changed = shutil.copytree(tiny, tmp_path / tiny.name)
    (changed / "config.json").write_text((changed / "config.json").read_text() + "\n")
    code, output, errors = heavy_after("--model", changed, "--languages", "fin", "--out", masks, *AS_MADE)
    assert (code, errors.count("\n"), output) == (2, 1, "heavy:\n")
    assert f"holds masks of {tiny.name} at revision" in errors


def test_something_is_on_the_screen_before_what_takes_long_is_imported(tmp_path):
    commands = COMMANDS.strip()
    done = subprocess.run(
        [sys.executable, "-c", NOT_YET], input=commands, capture_output=True, text=True, check=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    shown = {name: line for name, _, line in (row.split("\t") for row in done.stdout.splitlines() if "\t" in row)}
    assert list(shown) == [command.split()[0] for command in commands.splitlines()]
    assert all(shown.values()), shown


def test_the_garbage_collector_leaves_alone_what_is_imported():
    frozen = gc.get_freeze_count()
    with starting.heavy_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen, "nothing new was imported"


def test_of_other_seeds_densities_and_settings_nothing_is_taken_to_be_there(tiny, masks, xsns, monkeypatch):
    monkeypatch.setattr("xsns_hf.cli.launching.run", lambda *_: 77)
    usual = ["--model", tiny, "--languages", "fin", "--out", masks, "--processes", 2, *AS_MADE]
    assert xsns("extract", *usual)[0] == 0
    for other in (
        ["--seeds", "3"],
        ["--density", "0.15,0.3"],
        ["--examples", "16,8"],
        ["--head", "tied"],
        ["--max-length", "64"],
        ["--importance", "capped"],
        ["--objective", "clm"],
        ["--languages", "fin,swh"],
        ["--replace"],
    ):
        assert xsns("extract", *usual, *other)[0] == 77, other


def test_the_embedded_checkpoint_is_known_without_its_files(tmp_path, xsns, monkeypatch):
    monkeypatch.setattr("xsns_hf.models.locations.embedded_checkpoint", lambda: pytest.fail("it was made"))
    head = fitted_head(head_fingerprint(find_head(EMBEDDED_REVISION)))
    made = [Recipe("embedded", EMBEDDED_REVISION, head, "sample", density=density) for density in (0.15, 0.3)]
    usual = ["--importance", "exact", "--examples", 1024, "--seeds", 1, "--languages", "fin,swe"]
    usual += ["--out", put(tmp_path / "masks", *made), "--density", "0.15,0.3"]
    code, output, errors = xsns("extract", *usual)
    assert code == 0, errors
    assert "There already: fin, swe." in output


def test_a_model_on_the_hub_is_known_by_its_commit_and_no_weights_are_fetched(hub, tmp_path, xsns):
    hub.create("user/tiny", {"README.md": b"---\nlicense: mit\n---\n"})
    commit = HfApi().model_info("user/tiny").sha
    masks = put(tmp_path / "masks", Recipe("user/tiny", commit, "pretrained", "sample", examples=16))
    usual = ["--model", "user/tiny", "--languages", "fin,swe", "--out", masks, *AS_MADE, "--seeds", 1]
    code, output, errors = xsns("extract", *usual)
    assert code == 0, errors
    assert "There already: fin, swe." in output
    hub.commit("user/tiny", {"config.json": b"{}"})
    code, _, errors = xsns("extract", *usual)
    assert code == 2
    assert f"holds masks of user/tiny at revision {commit}" in errors
    assert xsns("extract", *usual, "--revision", commit)[0] == 0


def test_what_to_type_next_can_be_typed(tiny, masks, tmp_path, xsns, monkeypatch, hub):
    monkeypatch.chdir(tmp_path)
    out = shutil.copytree(masks, tmp_path / "my [new] masks")
    _, output, _ = xsns("extract", "--model", tiny, "--languages", "fi,de", "--out", out.name, *AS_MADE)
    assert next_line(output) == ["rank", "fin", "--masks", out.name]
    assert xsns(*next_line(output))[0] == 0
    _, output, errors = xsns("push", out.name, "user/masks")
    assert xsns(*next_line(output))[0] == 0, errors
    _, output, errors = xsns("pull", "user/masks", "runs/pulled here")
    assert xsns(*next_line(output))[0] == 0, errors


def test_with_masks_of_one_language_no_ranking_is_proposed(tmp_path, xsns, hub):
    MaskRepository(tmp_path / "one", create=True).add(records(Recipe("m", "r", "tied", "text"), "fin", {0: mask(1)}))
    _, output, _ = xsns("push", tmp_path / "one", "user/one")
    assert "Next:" not in output
    assert "extract more languages" in output


def next_line(output: str) -> list[str]:
    """Return the words of the command that is proposed, without `xsns`."""
    (line,) = [line.removeprefix("Next: xsns ") for line in output.splitlines() if line.startswith("Next:")]
    return shlex.split(line)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "way", [{"HF_HUB_OFFLINE": "1"}, pytest.param({"HF_ENDPOINT": "http://127.0.0.1:9"}, marks=pytest.mark.slow)]
)
def test_without_the_hub_a_sentence_comes_before_torch(hub, tmp_path, text, way):
    environment = hub.environment(tmp_path / "cache") | way | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for arguments in (
        ["extract", "--model", "user/none", "--languages", "fin", "--out", tmp_path / "masks", "--processes", 2],
        ["extract", "--languages", "fin", "--out", "user/none"],
        ["fit-head", "--model", "user/none", "--text", text],
        ["transfer", "--task", "pos", "--model", "user/none", "--out", tmp_path / "gold"],
        ["space", "--masks", "user/none"],
    ):
        command = [sys.executable, "-c", HEAVY, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "heavy:\n"), done.stderr
        assert done.stderr.startswith("xsns: ")
        assert "user/none" in done.stderr
    assert not any((tmp_path / name).exists() for name in ("masks", "gold"))


# --- where the masks go


def test_a_name_that_may_be_a_folder_or_on_the_hub_is_not_guessed(hub, tmp_path, monkeypatch, xsns, tiny):
    monkeypatch.chdir(tmp_path)
    code, _, errors = xsns("extract", "--model", tiny, "--languages", "fin", "--out", "runs/masks")
    assert (code, errors.count("\n")) == (2, 1)
    assert "write ./runs/masks for a new folder, or hf://datasets/runs/masks for a new dataset" in errors
    assert (list(tmp_path.iterdir()), hub.repos) == ([], {})
    for clear, store in (
        ("./runs/masks", "Folder"),
        ("hf://datasets/runs/masks", "Hub"),
        ("user/masks", "Hub"),
        ("team/masks", "Hub"),
    ):
        assert type(MaskRepository(clear, create=True).store).__name__ == store
    hub.create("datasets/other/masks")
    assert type(MaskRepository("other/masks", create=True).store).__name__ == "Hub"
    (tmp_path / "runs").mkdir()
    assert type(MaskRepository("runs/masks", create=True).store).__name__ == "Folder"


def test_who_is_not_logged_in_is_told_both_too(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(Exception, match=r"write \./user/masks for a new folder, or hf://datasets/user/masks"):
        MaskRepository("user/masks", create=True)


def test_masks_on_the_hub_are_read_by_either_name(hub, tmp_path):
    recipe = Recipe("tiny", "r", "tied", "text")
    MaskRepository("hf://datasets/user/masks", create=True).add(records(recipe, "fin", {0: mask(1)}))
    assert MaskRepository("user/masks").index()["language"].tolist() == ["fin"]
    assert MaskRepository("hf://datasets/user/masks@main").index()["language"].tolist() == ["fin"]


def test_a_failed_first_extraction_leaves_nothing(tmp_path, xsns, headless):
    out = tmp_path / "new" / "masks"
    code, _, _ = xsns("extract", "--model", headless, "--languages", "fin", "--out", out, "--processes", 1)
    assert code == 2
    assert list(tmp_path.iterdir()) == []


def on_a_terminal(arguments: list[str], typed: bytes, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run an `xsns` command at a terminal and type something; return its exit code and what the screen shows."""
    own, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "xsns_hf", *arguments], cwd=folder, env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    os.write(own, typed)
    shown = b""
    with suppress(OSError):  # it ends so
        while part := os.read(own, 4096):
            shown += part
    os.close(own)
    return process.wait(), shown.decode()


@pytest.fixture
def extract_at_a_terminal(hub, tmp_path, tiny):
    """Extract masks of Finnish to `runs/masks` at a terminal, with an answer to what is asked."""

    def run(typed: bytes) -> tuple[int, str]:
        arguments = ["extract", "--model", str(tiny), "--languages", "fin", "--out", "runs/masks", "--processes", "2"]
        environment = hub.environment(tmp_path / "cache") | {"HF_HUB_CACHE": CACHE, "OMP_NUM_THREADS": "1"}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path)}
        return on_a_terminal([*arguments, "--examples", "8", "--seeds", "1"], typed, tmp_path, environment)

    return run


@pytest.mark.thorough
def test_at_a_terminal_one_is_asked_where_masks_are_to_go(extract_at_a_terminal, tmp_path):
    code, shown = extract_at_a_terminal(b"n\n")
    assert code == 2
    assert "write ./runs/masks for a new folder" in " ".join(shown.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_at_a_terminal_one_sees_at_once_what_goes_on(extract_at_a_terminal, tmp_path, tiny):
    code, shown = extract_at_a_terminal(b"y\n")
    assert code == 0, shown
    assert shown.count(f"Masks of {tiny}") == shown.count("Loading the model …") == 1
    assert "leaked" not in shown
    assert MaskRepository(tmp_path / "runs" / "masks").index()["language"].tolist() == ["fin"]
