import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from conftest import SMALL, randomised, tiny_tokenizer, tiny_xlmr
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoModelForMaskedLM,
    BigBirdConfig,
    BigBirdForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    MPNetConfig,
    MPNetForMaskedLM,
    MptConfig,
    MptForCausalLM,
)

from xsns_hf.errors import XsnsError
from xsns_hf.extraction.examples import text_examples
from xsns_hf.extraction.extract import extract
from xsns_hf.importance.head import through_head
from xsns_hf.models import finding
from xsns_hf.models.body import OwnHead, sees_padding
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus


def test_own_head_gives_the_logits_of_the_whole_model(tiny):
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


def test_processes_agree_on_a_revision_before_a_tokenizer_is_read(tiny, monkeypatch):
    monkeypatch.setattr(finding, "number", lambda: 2)
    monkeypatch.setattr(finding, "agreed", lambda find: find())
    monkeypatch.setattr(finding, "AutoTokenizer", None)
    assert finding.agreed_revision(str(tiny), None) is None


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
    with pytest.raises(XsnsError, match=r"ships no language-model head.*use head='tied',.*fit-head"):
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
    with pytest.raises(XsnsError, match="nobody/nothing can't be reached on the Hub and isn't in the cache"):
        load_checkpoint("nobody/nothing")


def changed(folder, **fields):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | fields), "utf-8")


NEVER = r"can't be loaded, since its weights aren't safetensors: pickled weights are never read; use a revision"


def test_pickled_weights_are_never_read(tiny, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(XsnsError, match=NEVER):
        load_checkpoint(str(folder))
    (folder / "pytorch_model.bin").rename(folder / "adapter_model.bin")
    changed(folder, transformers_weights="adapter_model.bin")  # the one such name that transformers takes
    with pytest.raises(XsnsError, match=NEVER):
        load_checkpoint(str(folder))


def test_an_adapters_pickled_weights_are_never_read(tiny, tmp_path):
    model = get_peft_model(AutoModelForMaskedLM.from_pretrained(tiny), LoraConfig(r=2, target_modules=["query"]))
    model.save_pretrained(tmp_path / "lora")
    assert load_checkpoint(str(tmp_path / "lora")).name == "lora"
    weights = tmp_path / "lora" / "adapter_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(XsnsError, match=NEVER):
        load_checkpoint(str(tmp_path / "lora"))


def test_code_of_a_models_own_is_run_only_where_it_is_trusted(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "model")
    (tmp_path / "model" / "code.py").write_text("raise SystemExit('it was run')")
    changed(tmp_path / "model", auto_map={"AutoConfig": "code.Config"})
    assert load_checkpoint(str(tmp_path / "model")).objective == "mlm", "transformers knows the model without that code"
    changed(tmp_path / "model", model_type="new")
    with pytest.raises(XsnsError, match=r"can't be loaded \(ValueError: .*pass trust_remote_code=True if you trust"):
        load_checkpoint(str(tmp_path / "model"))
    with pytest.raises(SystemExit, match="it was run"):
        load_checkpoint(str(tmp_path / "model"), trust_remote_code=True)


def test_body_and_head_move_together(tiny, headless):
    """A head that stayed behind on the CPU would fail on a GPU only; dtype and device move alike."""
    for checkpoint in (load_checkpoint(str(tiny)), load_checkpoint(str(headless), head="tied")):
        body = checkpoint.body.to(torch.float64)
        checkpoint.head.to(torch.float64)
        hidden = body(torch.tensor([[0, 7, 2]])).last_hidden_state[0]
        assert checkpoint.head(hidden).dtype == torch.float64


def test_positions_are_counted_as_the_model_counts_them():
    """MPNet's begin after the padding's, as RoBERTa's do; MPT calls its limit otherwise."""
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = 10**30
    mpnet = MPNetForMaskedLM(MPNetConfig(vocab_size=300, **SMALL))
    assert finding.positions(mpnet, tokenizer) == SMALL["max_position_embeddings"] - 2
    mpnet(input_ids=torch.full((1, finding.positions(mpnet, tokenizer)), 7))
    mpt = MptForCausalLM(MptConfig(vocab_size=300, d_model=32, n_heads=4, n_layers=1, max_seq_len=60))
    assert finding.positions(mpt, tokenizer) == 60


DAMAGE = {
    "weights of another shape": lambda folder: changed(folder, intermediate_size=48),
    "a number that is none": lambda folder: changed(folder, num_hidden_layers="2"),
    "an unknown nonlinearity": lambda folder: changed(folder, hidden_act="foo"),
    "half of the file": lambda folder: (folder / "model.safetensors").write_bytes(
        (folder / "model.safetensors").read_bytes()[:1000]
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_one_sentence(damage, tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "model")
    DAMAGE[damage](tmp_path / "model")
    with pytest.raises(XsnsError, match=r"can't be loaded \(.*: its files are damaged, don't fit together or"):
        load_checkpoint(str(tmp_path / "model"))


def a_decoder() -> LlamaForCausalLM:
    fields = {key: SMALL[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "pad_token_id")}
    return LlamaForCausalLM(LlamaConfig(vocab_size=300, intermediate_size=48, **fields))


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize(("make", "objective"), [(tiny_xlmr, "mlm"), (a_decoder, "clm")])
def test_weights_that_are_no_numbers_are_called_that(make, objective, value, tmp_path):
    """And not a sentence's padding, nor a decoder that sees what follows."""
    model = make()
    with torch.no_grad():
        *_, last = model.base_model.parameters()
        last.fill_(float(value))
    model.save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    checkpoint = load_checkpoint(str(tmp_path / "model"))
    assert checkpoint.batched
    recipe = Recipe("model", "r", "pretrained", "sample", objective, examples=4)
    with pytest.raises(XsnsError, match="isn't finite"):
        extract(checkpoint, sample_corpus(), recipe, "fin", [0])


def test_padding_without_an_embedding_is_done_with_another_token(tmp_path):
    """Llama and others have none, and many tokenizers had one added for which the model has no room."""
    a_decoder().save_pretrained(tmp_path / "decoder")
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.add_tokens([f"zz{number}" for number in range(300)])
    tokenizer.pad_token = "zz299"
    tokenizer.save_pretrained(tmp_path / "decoder")
    checkpoint = load_checkpoint(str(tmp_path / "decoder"))
    assert checkpoint.tokenizer.pad_token_id >= 300
    assert (checkpoint.padding, checkpoint.batched) == (0, True)


def test_no_room_is_no_damage(tiny, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.AutoModelForMaskedLM.from_pretrained", full)
    with pytest.raises(XsnsError, match=r"no room in memory for the model .*: use precision='bfloat16-weights'"):
        load_checkpoint(str(tiny))


def test_a_feature_much_larger_than_the_others_hides_no_difference():
    class Outlier(nn.Module):
        """Hidden states that depend on how many tokens there are, but for one large feature."""

        training, device, dtype = False, torch.device("cpu"), torch.float32
        config = SimpleNamespace(is_encoder_decoder=False)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
            states = torch.full((*input_ids.shape, 768), 1 / input_ids.shape[1])
            states[..., 5] = 1200
            return SimpleNamespace(last_hidden_state=states)

    assert sees_padding(Outlier(), 1)


def test_tokens_without_embeddings_are_not_drawn_as_replacements(tiny):
    """A tokenizer that had tokens added, on a model that wasn't resized."""
    checkpoint = load_checkpoint(str(tiny))
    checkpoint.tokenizer.add_tokens([f"zz{number}" for number in range(3000)])
    recipe = Recipe("tiny", "r", "pretrained", "sample", masking=0.9, examples=20)
    for example in text_examples(checkpoint, sample_corpus(), recipe, "fin", 0):
        assert example.tokens.max() < 300


def test_attention_is_full_whatever_the_first_sentence(tmp_path):
    """BigBird's sparse one gives way to it for good at the first sentence that is short."""
    config = BigBirdConfig(vocab_size=300, attention_type="block_sparse", block_size=4, **SMALL)
    BigBirdForMaskedLM(config).save_pretrained(tmp_path / "bigbird")
    tiny_tokenizer().save_pretrained(tmp_path / "bigbird")
    body = load_checkpoint(str(tmp_path / "bigbird")).body
    assert body.attention_type == body.encoder.attention_type == "original_full"


@pytest.mark.parametrize("trained", [True, False])
def test_a_head_that_looks_elsewhere_is_refused(trained):
    elsewhere = nn.Embedding(1, 5).requires_grad_(trained)
    with pytest.raises(XsnsError, match="doesn't look at the last hidden states"):
        through_head(
            torch.randn(3, 8),
            torch.tensor([1, 2, 3]),
            torch.tensor([0, 0, 1]),
            lambda rows: elsewhere(torch.zeros(len(rows), dtype=torch.long)),
        )


def test_a_model_is_itself_again_after_its_head_was_asked():
    model = randomised(tiny_xlmr())
    tokens = torch.tensor([[0, 7, 8, 9, 2]])
    with torch.no_grad():
        before = model(tokens).logits
        OwnHead(model)(torch.randn(2, 32))
        torch.testing.assert_close(model(tokens).logits, before)


@pytest.mark.parametrize("length", [0, -3, 7])
def test_examples_of_no_length_are_refused(length):
    recipe = Recipe("tiny", "r", "pretrained", "sample")
    with pytest.raises(XsnsError, match=f"at most {length} tokens are too short: use 8 or more"):
        replace(recipe, max_length=length)
