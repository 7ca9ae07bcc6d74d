"""The examples in docstrings, run where there is a folder `masks` and a tiny checkpoint."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import xsns_hf

HOUSE = Path(xsns_hf.__file__).parent
WITH_EXAMPLES = [file for file in HOUSE.rglob("*.py") if ">>> " in file.read_text("utf-8")]
PLACES = sorted(".".join(file.relative_to(HOUSE.parent).with_suffix("").parts) for file in WITH_EXAMPLES)
PLACES = [place.removesuffix(".__init__") for place in PLACES if "source_ranking" not in place]  # see tests/metrics


@pytest.mark.thorough
@pytest.mark.parametrize("place", PLACES)
def test_examples_in_docstrings_are_true(place, masks, tiny, tmp_path, monkeypatch):
    (tmp_path / "masks").symlink_to(masks)
    (tmp_path / tiny.name).symlink_to(tiny)
    monkeypatch.chdir(tmp_path)
    module = import_module(place)
    tests = doctest.DocTestFinder().find(module, extraglobs={"MaskDataset": xsns_hf.MaskDataset})
    said: list[str] = []
    runner = doctest.DocTestRunner()
    for test in tests:
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    assert sum(bool(test.examples) for test in tests) > 0
