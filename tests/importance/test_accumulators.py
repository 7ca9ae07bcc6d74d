"""Where sums are kept makes no difference to the mask; models over several devices neither."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from accelerate import Accelerator, dispatch_model
from families import save
from hypothesis import given, settings
from hypothesis import strategies as st

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.extract import extract
from xsns_hf.importance import accumulators as sums
from xsns_hf.importance.accumulators import place_of_sums, zeros
from xsns_hf.masks.similarity import jaccard
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import text_folder

CPU = torch.device("cpu")


def test_sums_leave_a_gpu_that_they_would_fill(monkeypatch):
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (80 << 20, 100 << 20))
    assert place_of_sums(10 << 20, gpu) == gpu
    assert place_of_sums((10 << 20) + 1, gpu) == CPU


def test_sums_leave_memory_that_they_would_fill(monkeypatch, tmp_path):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=80 << 20))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (8 << 20, 100 << 20))
    monkeypatch.setattr(sums.tempfile, "gettempdir", lambda: str(tmp_path))
    assert place_of_sums(10 << 20, CPU) == CPU
    assert place_of_sums((10 << 20) + 1, CPU) == tmp_path
    assert place_of_sums((10 << 20) + 1, torch.device("cuda")) == tmp_path
    assert place_of_sums(1, CPU, tmp_path / "here") == tmp_path / "here"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5000), st.integers(0, 99))
def test_sums_on_disk_are_sums(tmp_path_factory, number, seed):
    folder = tmp_path_factory.mktemp("sums")
    values = torch.rand(3, number, generator=torch.Generator().manual_seed(seed))
    found = zeros(number, folder)
    assert found.dtype == torch.float32 and not found.any()
    for row in values:
        found += row
    torch.testing.assert_close(found, values.sum(0))
    assert list(folder.iterdir()) == []  # a file without a name is gone with its last user


def test_a_full_disk_is_said_before_anything_is_computed(monkeypatch, tmp_path):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(XsnsError, match=r"no room for 4\.0 GB of sums in .*No space left on device.*sums_in=…"):
        zeros(10**9, tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(XsnsError, match="sums_in=…"):
        zeros(10, tmp_path / "file")


@pytest.mark.thorough
@pytest.mark.parametrize("options", [[], ["--importance", "snip"], ["--examples", "auto", "--most", "30"]])
def test_masks_from_sums_on_disk_are_those_from_memory(options, tiny, text, tmp_path, xsns):
    extract = ["extract", "--model", tiny, "--text", text, "--examples", "20", "--seeds", "1", "--processes", "1"]
    for place, more in {"memory": [], "disk": ["--sums-in", tmp_path / "sums"]}.items():
        code, _, errors = xsns(*extract, *options, *more, "--out", tmp_path / place)
        assert code == 0, errors
    one, other = (MaskRepository(tmp_path / place).index() for place in ("memory", "disk"))
    assert list(one["sha256"]) == list(other["sha256"])
    assert list(one["threshold"]) == list(other["threshold"])
    assert list((tmp_path / "sums").iterdir()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["xlm-r", "mt5", "bloom", "mixtral"])
def test_a_model_in_parts_gives_the_mask_of_a_whole_one(name, text, tmp_path, monkeypatch):
    """As over several GPUs: accelerate's hooks move what goes into each part; here all parts are on the CPU."""
    folder = save(name, tmp_path / name)
    found = []
    for spread in (False, True):
        checkpoint = load_checkpoint(str(folder))
        if spread:
            whole = checkpoint.head.model
            parts = {each: "cpu" for each, _ in whole.named_children()}
            dispatch_model(whole, parts, force_hooks=True)
            monkeypatch.setattr("xsns_hf.extraction.extract.is_spread", lambda _model: True)
            assert any("forward" in vars(module) for module in checkpoint.body.modules()), "accelerate has wrapped it"
        recipe = Recipe("tiny", "r", "pretrained", "text", checkpoint.objective, examples=8)
        found += extract(checkpoint, text_folder(text), recipe, "fin", [0], Accelerator(cpu=True))
    assert jaccard(found[0].mask, found[1].mask) >= 0.9995
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-6)
    assert found[0].by_autograd == found[1].by_autograd


@pytest.mark.thorough
def test_a_device_map_loads_and_extracts(tiny, text, tmp_path, xsns):
    extract = ["extract", "--model", tiny, "--text", text, "--examples", "8", "--seeds", "1", "--processes", "1"]
    assert xsns(*extract, "--out", tmp_path / "one")[0] == 0
    code, _, errors = xsns(*extract, "--device-map", "auto", "--out", tmp_path / "other")
    assert code == 0, errors
    one, other = (MaskRepository(tmp_path / each).index() for each in ("one", "other"))
    assert list(one["sha256"]) == list(other["sha256"])


def test_weights_are_loaded_in_the_precision_they_are_used_in(tiny, headless):
    for folder, head in ((tiny, None), (headless, "tied")):
        checkpoint = load_checkpoint(str(folder), head=head, dtype=torch.bfloat16)
        assert {parameter.dtype for parameter in checkpoint.body.parameters()} == {torch.bfloat16}


def test_memory_map_and_array_share_nothing_with_other_sums(tmp_path: Path):
    one, other = zeros(5, tmp_path), zeros(5, tmp_path)
    one += 1
    assert np.array_equal(other.numpy(), np.zeros(5, np.float32))
