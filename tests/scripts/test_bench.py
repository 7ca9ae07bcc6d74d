import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"


def test_the_benchmark_runs_and_compares_every_way():
    arguments = ["--size", "tiny", "--examples", "16", "--rounds", "1", "--masks", "4"]
    arguments += ["--only", "extraction,memory,threshold,similarity"]
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = ["floor", "ours, PyTorch only", "the whole model", "the released code", "np.percentile", "one new language"]
    assert [row for row in rows if row not in done.stdout] == []
    assert "failed" not in done.stdout
