"""The wheel by itself, in an empty environment: what ranks and explains needs no torch.

    pytest --slow tests/whole/test_wheel.py

A minute or two, and a few hundred megabytes from the package index.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def run(*command: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """The `bin` folder of an environment that holds the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", folder / "venv")
    installed = run(folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", wheel)
    assert installed.returncode == 0, installed.stderr
    return folder / "venv" / "bin"


@pytest.fixture
def alone(environment, tmp_path):
    """Run a command of the environment, away from the repository."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return lambda name, *arguments: run(environment / name, *arguments, cwd=tmp_path, env=kept)


def test_there_is_no_torch(alone):
    held = alone("python", "-m", "pip", "list", "--format", "freeze").stdout.lower()
    assert "xsns-hf==" in held
    assert not any(f"\n{heavy}==" in held for heavy in ("torch", "transformers", "datasets", "accelerate", "gradio"))


def test_sources_are_ranked_and_languages_explained_from_a_folder(alone, masks):
    ranked = alone("xsns", "rank", "Finnish", "--masks", masks, "--json")
    assert ranked.returncode == 0, ranked.stderr
    assert len(json.loads(ranked.stdout)["sources"]) == 6
    explained = alone("xsns", "explain", "fin", "swe", "--masks", masks)
    assert explained.returncode == 0, explained.stderr


def test_masks_are_put_together_without_torch(alone, masks, tmp_path):
    pushed = alone("xsns", "push", masks, tmp_path / "mine")
    assert pushed.returncode == 0, pushed.stderr
    assert "similarity.png" in {path.name for path in (tmp_path / "mine").iterdir()}


@pytest.mark.parametrize(
    ("command", "library", "extra"),
    [
        (["extract", "--out", "x", "--processes", "1"], "torch", "extract"),
        (["transfer", "--task", "pos", "--out", "x"], "torch", "extract"),
        (["space", "--masks", "x"], "gradio", "space"),
    ],
)
def test_what_lacks_a_library_says_how_to_install_it(alone, command, library, extra):
    done = alone("xsns", *command)
    assert done.returncode == 2, done.stderr
    assert done.stderr == f"xsns: This needs {library}, which isn't installed: `pip install 'xsns-hf[{extra}]'`.\n"
