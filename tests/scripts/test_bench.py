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
