"""The package costs nothing to import, and says what it is."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import xsns_hf

ROOT = Path(xsns_hf.__file__).parents[1]


def imported_by(script: str) -> set[str]:
    code = f"import sys; {script}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_else():
    assert not imported_by("import xsns_hf") & {"torch", "transformers", "datasets", "pandas", "numpy"}


@pytest.mark.thorough
def test_the_face_needs_no_torch_until_it_is_used():
    script = "from xsns_hf import XsnsExtractor, MaskDataset"
    assert not imported_by(script) & {"torch", "transformers", "datasets", "accelerate", "matplotlib"}


def test_every_public_name_is_there_and_documented():
    for name in xsns_hf.__all__:
        assert getattr(xsns_hf, name).__doc__
    assert {*xsns_hf.__all__} <= {*dir(xsns_hf)}


def test_another_name_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="no attribute 'Extractor'"):
        _ = xsns_hf.Extractor


def test_the_version_is_that_of_the_distribution_and_types_are_told():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert xsns_hf.__version__ == project["version"]
    assert (ROOT / "xsns_hf" / "py.typed").is_file()
