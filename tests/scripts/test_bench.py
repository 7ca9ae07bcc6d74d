import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench"


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.thorough
def test_the_benchmark_runs_and_compares_every_way():
    small = ["--size", "tiny", "--examples", "16", "--rounds", "1", "--masks", "4"]
    done = run(*small, "--only", "extraction,memory,threshold,similarity")
    assert done.returncode == 0, done.stderr
    rows = ["floor", "ours, PyTorch only", "the whole model", "the released code", "np.percentile", "one new language"]
    assert [row for row in rows if row not in done.stdout] == []
    assert "failed" not in done.stdout


@pytest.mark.thorough
def test_a_benchmark_that_is_none_is_named():
    done = run("--only", "extraction,speed")
    assert done.returncode == 2 and "There is no speed" in done.stderr
