"""Languages spread over a cluster: each worker's share, what the README prints for it, machines that must agree."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from bench.measuring import free_port
from hub_text import parquet
from hypothesis import given
from hypothesis import strategies as st
from share_worker import SLOW_TO_IMPORT, extracted
from test_readme import COMMANDS, blocks, typed

from xsns_hf import processes
from xsns_hf.cli.options import share_of
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.build import build
from xsns_hf.masks.similarity import jaccard
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus, text_folder

ROOT = Path(__file__).parents[2]
README = ROOT / "xsns_hf" / "extraction" / "README.md"

# --- shares


@given(st.integers(1, 60).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))))
def test_shares_are_a_partition_as_even_as_can_be(sizes):
    languages, number = list(range(sizes[0])), sizes[1]
    shares = [share_of(languages, f"{each}/{number}") for each in range(1, number + 1)]
    assert sorted(each for share in shares for each in share) == languages
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert share_of(languages, None) == languages


@given(st.text(max_size=8) | st.from_regex(r"[0-9]{1,3}/[0-9]{1,3}", fullmatch=True))
def test_whatever_is_no_share_is_refused_by_a_sentence(text):
    number, slash, shares = text.partition("/")
    there = slash and (number + shares).isascii() and number.isdigit() and shares.isdigit()
    if there and 1 <= int(number) <= min(int(shares), 20):
        assert share_of(range(20), text)[0] == int(number) - 1
    else:
        with pytest.raises(
            XsnsError,
            match=r"is no share: give such as 3/8|is empty: make no more shares than languages, 20",
        ):
            share_of(range(20), text)


def test_a_worker_fetches_the_text_of_its_own_languages_alone(hub, empty_text_cache, tiny, tmp_path, xsns):
    sample, configs, files = sample_corpus(), [], {}
    for code in ("deu", "fin", "swe"):
        configs.append({"config_name": code, "data_files": [{"split": "train", "path": f"{code}.parquet"}]})
        files[f"{code}.parquet"] = parquet(text=sample.sentences(code)[:20])
    hub.create("datasets/user/text", files | {"README.md": f"---\n{json.dumps({'configs': configs})}\n---\n".encode()})
    options = ["--languages", "Finnish,deu,fi,swe", "--model", tiny, "--processes", 1, "--examples", 8, "--seeds", 1]
    code, _, errors = xsns("extract", "--corpus", "user/text", *options, "--share", "2/3", "--out", tmp_path / "masks")
    assert code == 0, errors
    assert set(MaskRepository(tmp_path / "masks").index()["language"]) == {"deu"}
    assert hub.requests("*", "deu.parquet") and not hub.requests("*", "(fin|swe).parquet")


@pytest.mark.thorough
def test_workers_at_once_lose_nothing_and_make_the_masks_of_one(hub, tiny, tmp_path, xsns):
    """What `python scripts/bench --only nodes` does with 32 languages and eight workers, in little."""
    options = ["--model", str(tiny), "--languages", "deu,eng,fin,fra,rus,swe", "--examples", "8", "--seeds", "1"]
    assert xsns("extract", *options, "--processes", 1, "--out", tmp_path / "one")[0] == 0
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW_TO_IMPORT)
    together = threading.Barrier(3)
    hub.faults.before("POST", "/datasets/user/masks/commit/", lambda _: together.wait(300), times=3)
    with ProcessPoolExecutor(3, context) as pool:
        shares = [[*options, "--share", f"{number}/3", "--out", "user/masks"] for number in (1, 2, 3)]
        said = list(pool.map(extracted, shares, 3 * [hub.write_token]))
    assert all(each.endswith("None 0") for each in said), "\n".join(said)
    pushes = Counter(each.status for each in hub.requests("POST", "/datasets/user/masks/commit/"))
    assert pushes[200] == 6 and pushes[412] >= 2, "a push a language, and others came first"
    code, output, errors = xsns("check", "user/masks")
    assert code == 0, output + errors
    alone, made = MaskRepository(tmp_path / "one"), MaskRepository("user/masks")
    assert bits_of(made) == bits_of(alone)
    columns = ["recipe", "seed", "source", "target", "jaccard"]
    tables = [each.similarity()[columns].sort_values(columns, ignore_index=True) for each in (alone, made)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def bits_of(repository: MaskRepository) -> dict[tuple[str, int], list[bytes]]:
    """Return the masks by language and seed, in the order of the parameters, whatever came first."""
    records = (record for records in repository.records() for record in records)
    return {(each.language, each.seed): [mask.tobytes() for _, mask in each.mask.masks()] for each in records}


# --- what the README prints


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Run a block of the README in an empty folder, with programs in the place of ours and `hf` that note how they are
    called; return the calls.
    """
    noting = '#!/usr/bin/env bash\nprintf \'%s\\0\' "$(basename "$0")" "$@" >> calls\nprintf \'\\n\' >> calls\n'
    folder = tmp_path / "typed"
    (folder / "bin").mkdir(parents=True)
    for program in ("xsns", "hf", "accelerate"):
        (folder / "bin" / program).write_text(noting)
        (folder / "bin" / program).chmod(0o755)
    (folder / "languages.txt").write_text("Finnish\nswh\nScottish Gaelic\n")

    def run(block: str, **environment: str) -> list[list[str]]:
        (folder / "calls").write_bytes(b"")
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(["bash", "-eu", "-c", block], check=True, cwd=folder, env=environment | {"PATH": path})
        return [line.split("\0")[:-1] for line in (folder / "calls").read_text().splitlines()]

    run.folder = folder
    return run


def options_of(call: list[str]) -> dict[str, object]:
    """Return the options of an `xsns` command line, as the command gets them."""
    _, name, *words = call
    return COMMANDS[name].make_context(name, words).params


@pytest.mark.parametrize("block", [block for block in blocks(README) if "SBATCH" in block])
def test_the_tasks_of_a_slurm_array_take_all_languages_each_once(recorded, block):
    assert "#SBATCH --array=1-8\n" in block
    calls = [recorded(block, SLURM_ARRAY_TASK_ID=str(task), SLURM_ARRAY_TASK_COUNT="8") for task in range(1, 9)]
    options = [options_of(call) for (call,) in calls]
    assert [each["share"] for each in options] == [f"{task}/8" for task in range(1, 9)]
    assert {each["languages"] for each in options} <= {"Finnish,swh,Scottish Gaelic", None}
    outs = [each["out"] for each in options]
    assert outs in (8 * ["user/xlmr-masks"], [f"masks-{task}" for task in range(1, 9)]), "and a/b would be on the Hub"


def test_jobs_on_the_hub_take_all_languages_each_once(recorded):
    (block,) = (block for block in blocks(README) if "hf jobs" in block)
    calls = recorded(block)
    options = [options_of(call[call.index("xsns") :]) for call in calls]
    assert [each["share"] for each in options] == [f"{number}/8" for number in range(1, 9)]
    assert {each["languages"] for each in options} == {"Finnish,swh,Scottish Gaelic"}


def test_folders_of_masks_are_pushed_one_after_the_other(recorded):
    (block,) = (block for block in blocks(README) if "xsns push" in block)
    parts = [Path("masks-1"), Path("masks-2")]
    for part in parts:
        (recorded.folder / part).mkdir()
    assert [options_of(call)["folder"] for call in recorded(block)] == parts


@pytest.mark.parametrize("line", typed(README, "accelerate launch"))
def test_accelerate_knows_its_options(recorded, line):
    from accelerate.commands.launch import launch_command_parser

    ((_, _, *words),) = recorded(line)
    options = launch_command_parser().parse_args(words)
    assert (options.training_script, options.module) == ("xsns_hf", True)
    options_of(["xsns", *options.training_script_args])


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["hf jobs uv run", "hf download"])
def test_the_hub_s_client_knows_its_options(recorded, command):
    (block,) = (block for block in blocks(README) if command in block)
    words = recorded(block)[0]
    own = words[: words.index("xsns")] if "xsns" in words else words
    program = str(Path(sys.executable).with_name("hf"))
    done = subprocess.run([program, *command.split()[1:], "--help"], capture_output=True, text=True, check=True)
    known = done.stdout.replace(",", " ").split()
    assert [word for word in own if word.startswith("-") and word not in known] == []
    if "--flavor" in own:
        assert own[own.index("--flavor") + 1] in done.stdout


# --- machines that must agree


def test_text_that_differs_between_machines_is_named(tiny, text, tmp_path, monkeypatch):
    file = text / "fin.txt"

    def gathered(find):
        here, sentences = find(), file.read_bytes()
        file.write_text("Muuta tekstiä.\n", encoding="utf-8")
        there = find()
        file.write_bytes(sentences)
        return [here, there]

    monkeypatch.setattr(processes, "gathered", gathered)
    checkpoint, masks = load_checkpoint(str(tiny)), MaskRepository(tmp_path / "masks", create=True)
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, "text", examples=8)
    with pytest.raises(XsnsError, match=r"different text of fin: give text=… the same on all of them"):
        build(masks, checkpoint, text_folder(text), recipe, ["eng", "fin"], [0])


def test_each_machine_says_what_is_wrong_on_it(xsns, monkeypatch, tmp_path):
    for rank, local, said in ((1, 0, 1), (1, 1, 0)):
        for name, value in {"WORLD_SIZE": 2, "RANK": rank, "LOCAL_RANK": local}.items():
            monkeypatch.setenv(name, str(value))
        code, _, errors = xsns("extract", "--text", tmp_path / "nowhere", "--out", tmp_path / "masks")
        assert (code, errors.count("there is no folder")) == (2, said)


@pytest.mark.thorough
def test_two_machines_of_accelerate_make_the_masks_of_one(tiny, text, tmp_path, xsns):
    """Each has a folder of its own, of which only the first one's holds masks from before. Processes that `xsns` starts
    by itself are in `test_sizes`.
    """
    options = ["extract", "--model", tiny, "--text", text, "--examples", 24, "--seeds", 1]
    assert xsns(*options, "--languages", "fin", "--processes", 1, "--out", tmp_path / "masks-0")[0] == 0
    assert xsns(*options, "--languages", "fin,rus", "--processes", 1, "--out", tmp_path / "alone")[0] == 0
    launch = (
        f"--multi_gpu --num_machines 2 --num_processes 2 --main_process_ip 127.0.0.1 --main_process_port {free_port()}"
    )
    launch = [sys.executable, "-m", "accelerate.commands.launch", *launch.split()]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    machines = []
    for rank in (0, 1):
        words = [*launch, "--machine_rank", rank, "-m", "xsns_hf", *options, "--languages", "fin,rus"]
        words += ["--out", tmp_path / f"masks-{rank}"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        machines.append(subprocess.Popen([*map(str, words)], env=environment, **pipes))
    try:
        said = [machine.communicate(timeout=300) for machine in machines]
    finally:
        for machine in machines:
            machine.kill()
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert [output.count("Next: xsns rank") for output, _ in said] == [1, 0]
    assert not (tmp_path / "masks-1").exists()
    alone, made = MaskRepository(tmp_path / "alone"), MaskRepository(tmp_path / "masks-0")
    (recipe,) = made.recipes()
    for language in ("fin", "rus"):
        both = (repository.subnetwork(recipe, language, 0) for repository in (alone, made))
        assert jaccard(*both) >= 0.9995
