"""Loaded models as checkpoints: their names, hashes and heads, and that they are left as they were."""

import pytest
import torch
from conftest import SMALL, randomised, tiny_bert, tiny_tokenizer, tiny_xlmr
from transformers import AutoModel, AutoModelForMaskedLM, BertForSequenceClassification, LlamaConfig, LlamaForCausalLM

from xsns_hf.errors import XsnsError
from xsns_hf.models.loaded import borrowed, check_loaded, loaded_checkpoint, name_of, precision_of, weights_hash
from xsns_hf.models.loading import load_checkpoint


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def test_the_hash_is_of_the_weights_and_the_vocabulary(tokenizer):
    model, same, other = tiny_xlmr(), tiny_xlmr(), tiny_bert()
    assert weights_hash(model, tokenizer) == weights_hash(same, tokenizer) != weights_hash(other, tokenizer)
    with torch.no_grad():
        next(same.parameters()).view(-1)[0] += 1e-3
    assert weights_hash(model, tokenizer) != weights_hash(same, tokenizer)
    wider = tiny_tokenizer()
    wider.add_tokens(["zzz"])
    assert weights_hash(model, tokenizer) != weights_hash(model, wider)


def test_its_name_is_an_id_or_a_folder_s_but_never_a_path(tiny):
    model = tiny_xlmr()
    assert name_of(model) == "xlm-roberta"
    for named, called in [("user/model", "user/model"), (str(tiny), tiny.name), ("/gone/away/xlmr", "xlmr")]:
        model.name_or_path = named
        assert name_of(model) == called


def test_it_predicts_what_the_loaded_checkpoint_predicts(tiny, tokenizer):
    by_name = load_checkpoint(str(tiny))
    mine = loaded_checkpoint(tiny_xlmr(), tokenizer)
    hidden = torch.randn(3, SMALL["hidden_size"])
    assert torch.equal(by_name.head(hidden), mine.head(hidden))
    assert (mine.objective, mine.head_name) == (by_name.objective, by_name.head_name) == ("mlm", "pretrained")


def test_a_body_without_a_head_takes_a_tied_one(headless, tokenizer):
    body = AutoModel.from_pretrained(headless)
    with pytest.raises(XsnsError, match=r"no language-model head for mlm.*head='tied'"):
        loaded_checkpoint(body, tokenizer)
    checkpoint = loaded_checkpoint(body, tokenizer, head="tied")
    assert checkpoint.body is body
    assert (checkpoint.head_name, checkpoint.objective) == ("tied", "mlm")
    classifier = BertForSequenceClassification(body.config)
    with pytest.raises(XsnsError, match="BertForSequenceClassification has no language-model head"):
        loaded_checkpoint(classifier, tokenizer)
    assert loaded_checkpoint(classifier, tokenizer, head="tied").body is classifier.base_model


def test_a_head_that_was_made_up_is_refused(headless, tokenizer):
    model = AutoModelForMaskedLM.from_pretrained(headless)  # which warns of it
    with pytest.raises(XsnsError, match=r"was never trained.*head='tied'"):
        loaded_checkpoint(model, tokenizer)
    assert loaded_checkpoint(model, tokenizer, head="tied").head_name == "tied"


def test_a_decoder_predicts_the_next_token(tokenizer):
    model = randomised(LlamaForCausalLM(LlamaConfig(vocab_size=300, **SMALL)))
    checkpoint = loaded_checkpoint(model, tokenizer)
    assert (checkpoint.objective, checkpoint.head_name, checkpoint.name) == ("clm", "pretrained", "llama")


def test_a_borrowed_model_is_given_back_as_it_was(tokenizer):
    model = tiny_bert().train()
    model.base_model.embeddings.requires_grad_(False)
    model.config.use_cache = True
    modes = [module.training for module in model.modules()]
    trained = [weight.requires_grad for weight in model.parameters()]
    with pytest.raises(KeyError), borrowed(model):
        loaded_checkpoint(model, tokenizer).body.eval().requires_grad_(False)
        assert not model.config.use_cache
        raise KeyError
    assert modes == [module.training for module in model.modules()]
    assert trained == [weight.requires_grad for weight in model.parameters()]
    assert model.config.use_cache


def test_precision_is_that_of_the_weights():
    model = tiny_bert()
    assert precision_of(model, None) == "float32"
    assert precision_of(model, "bfloat16") == "bfloat16"
    with pytest.raises(XsnsError, match="in float32, which isn't precision='bfloat16-weights'"):
        precision_of(model, "bfloat16-weights")
    assert precision_of(model.bfloat16(), None) == "bfloat16-weights"
    with pytest.raises(XsnsError, match=r"in float16: load it with dtype=torch\.float32"):
        check_loaded(model.half())


def test_what_is_no_model_is_refused():
    with pytest.raises(XsnsError, match="A Linear is no transformers model"):
        check_loaded(torch.nn.Linear(2, 2))
