import shutil

import pytest
import torch
from conftest import SMALL

from xsns_hf.checkpoints import load_checkpoint
from xsns_hf.errors import XsnsError


def test_own_head_gives_the_logits_of_the_whole_model(tiny):
    from transformers import AutoModelForMaskedLM

    checkpoint = load_checkpoint(str(tiny))
    tokens = torch.tensor([[0, 7, 8, 9, 2]])
    whole = AutoModelForMaskedLM.from_pretrained(tiny).eval()
    with torch.no_grad():
        hidden = checkpoint.body(tokens).last_hidden_state[0]
        torch.testing.assert_close(checkpoint.head(hidden), whole(tokens).logits[0])
        torch.testing.assert_close(checkpoint.head(hidden[1:3]), whole(tokens).logits[0, 1:3])


def test_a_local_folder_is_named_and_pinned_by_content(tiny, tmp_path):
    checkpoint = load_checkpoint(str(tiny))
    assert (checkpoint.name, checkpoint.head_name) == ("tiny-xlmr", "pretrained")
    copy = tmp_path / "tiny-xlmr"
    shutil.copytree(tiny, copy)
    assert load_checkpoint(str(copy)).revision == checkpoint.revision
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\x3f")
    assert load_checkpoint(str(copy)).revision != checkpoint.revision


def test_positions_are_what_the_model_really_has(tiny, headless):
    assert load_checkpoint(str(tiny)).positions == 128
    checkpoint = load_checkpoint(str(tiny))
    checkpoint.tokenizer.model_max_length = 10**30
    assert checkpoint.positions == SMALL["max_position_embeddings"] - 2
    tokens = torch.full((1, checkpoint.positions), 7)
    checkpoint.body(tokens)
    with pytest.raises((IndexError, RuntimeError)):
        checkpoint.body(torch.full((1, checkpoint.positions + 1), 7))


def test_an_encoder_without_a_head_is_refused_and_the_remedy_works(headless):
    with pytest.raises(XsnsError, match=r"ships no language-model head.*--head tied.*fit-head"):
        load_checkpoint(str(headless))
    assert load_checkpoint(str(headless), head="tied").head_name == "tied"
    with pytest.raises(XsnsError, match="fit-head"):
        load_checkpoint(str(headless), head="fitted")


def test_models_that_are_not_there_or_not_supported_are_refused(tmp_path, monkeypatch):
    with pytest.raises(XsnsError, match="nowhere is not a folder"):
        load_checkpoint("./nowhere")
    with pytest.raises(XsnsError, match=r"no config.json"):
        load_checkpoint(str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(XsnsError, match="The model nobody/nothing can't be loaded"):
        load_checkpoint("nobody/nothing")


def test_pickled_weights_are_never_read(tiny, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(XsnsError, match="safetensors"):
        load_checkpoint(str(folder))


def test_body_and_head_move_together(tiny, headless):
    """A head that stayed behind on the CPU would fail on a GPU only; dtype and device move alike."""
    for checkpoint in (load_checkpoint(str(tiny)), load_checkpoint(str(headless), head="tied")):
        body = checkpoint.body.to(torch.float64)
        checkpoint.head.to(torch.float64)
        hidden = body(torch.tensor([[0, 7, 2]])).last_hidden_state[0]
        assert checkpoint.head(hidden).dtype == torch.float64
