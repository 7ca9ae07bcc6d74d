import subprocess
import sys
from pathlib import Path

import pytest
from bench import nodes
from bench.command import app
from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench"
SMALL = ["--size", "tiny", "--examples", "16", "--rounds", "1", "--masks", "4"]


@pytest.mark.slow
def test_the_benchmark_runs_and_compares_every_way():
    command = [sys.executable, str(SCRIPT), *SMALL, "--only", "extraction,memory,threshold,similarity"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = ["floor", "ours, PyTorch only", "the whole model", "the released code", "np.percentile", "one new language"]
    assert [row for row in rows if row not in done.stdout] == []
    assert "failed" not in done.stdout


@pytest.mark.slow
def test_the_start_is_watched_until_each_moment():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *SMALL, "--only", "start"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [row for row in ["first line", "first example", "nothing to do"] if row not in done.stdout] == []


@pytest.mark.slow
def test_an_earlier_revision_is_measured_beside_todays():
    command = [sys.executable, str(SCRIPT), *SMALL, "--only", "ratios", "--before", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [row for row in ["ours, before", "our head alone, before", "× before"] if row not in done.stdout] == []
    assert "failed" not in done.stdout


def test_a_revision_that_is_none_is_named_before_anything_is_measured():
    done = CliRunner().invoke(app, [*SMALL, "--only", "ratios", "--before", "no-such-commit"])
    assert done.exit_code != 0 and "--before no-such-commit" in str(done.exception)
    assert "floor" not in done.output


@pytest.mark.thorough
def test_those_that_are_asked_for_run_alone():
    done = CliRunner().invoke(app, [*SMALL, "--only", "threshold,similarity"])
    assert done.exit_code == 0, done.output
    assert [row for row in ["np.percentile", "one new language"] if row not in done.output] == []
    assert "floor" not in done.output and "failed" not in done.output


@pytest.mark.slow
def test_several_workers_lose_nothing_and_make_the_masks_of_one(monkeypatch):
    monkeypatch.setattr(nodes, "LANGUAGES", 4)
    monkeypatch.setattr(nodes, "WORKERS", 2)
    done = CliRunner().invoke(app, ["--size", "tiny", "--examples", "8", "--only", "nodes"])
    assert done.exit_code == 0, done.output
    assert "All 4 languages are there" in done.output and "2 at once" in done.output


def test_a_benchmark_that_is_none_is_named():
    done = CliRunner().invoke(app, ["--only", "extraction,speed"])
    assert done.exit_code == 2 and "There is no speed" in done.output
