"""The examples in docstrings, run where there is a folder `masks` and a tiny checkpoint."""

import doctest
from importlib import import_module

import pytest

PLACES = ["face.mask_dataset", "face.questions", "face.extractor", "languages.codes", "masks.subnetwork"]
PLACES += ["masks.similarity", "ranking.rank"]


@pytest.mark.thorough
@pytest.mark.parametrize("place", PLACES)
def test_examples_in_docstrings_are_true(place, masks, tiny, tmp_path, monkeypatch):
    (tmp_path / "masks").symlink_to(masks)
    (tmp_path / tiny.name).symlink_to(tiny)
    monkeypatch.chdir(tmp_path)
    module = import_module(f"xsns_hf.{place}")
    tests = doctest.DocTestFinder().find(module, extraglobs={"MaskDataset": import_module("xsns_hf").MaskDataset})
    said: list[str] = []
    runner = doctest.DocTestRunner()
    for test in tests:
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    assert sum(bool(test.examples) for test in tests) > 0
