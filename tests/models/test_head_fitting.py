import math

import numpy as np
import pytest
import torch
from conftest import SMALL
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from xsns_hf.errors import XsnsError
from xsns_hf.models import head_fitting as fitting
from xsns_hf.models.head_fitting import fit_head
from xsns_hf.models.heads import FittedHead
from xsns_hf.text.folder import text_folder


@pytest.fixture
def texts(text) -> dict[str, list[str]]:
    corpus = text_folder(text)
    return {language: corpus.sentences(language) for language in corpus.languages}


@pytest.fixture
def fit(headless, texts):
    """Fit on a tiny random BERT and text of three languages."""
    model = AutoModel.from_pretrained(headless, add_pooling_layer=False)
    tokenizer = AutoTokenizer.from_pretrained(headless)

    def run(**options):
        return fit_head(model, tokenizer, options.pop("texts", texts), progress=False, **options)

    return run


def same(a: FittedHead, b: FittedHead) -> bool:
    weights = b.state_dict()
    return all(torch.equal(value, weights[name]) for name, value in a.state_dict().items())


@pytest.mark.thorough
def test_a_fit_lowers_the_loss(headless):
    """In sentences of one word each, a masked word can be told from the rest."""
    torch.manual_seed(0)
    config = BertConfig(**SMALL, vocab_size=300, initializer_range=0.3)
    model, tokenizer = BertModel(config, add_pooling_layer=False), AutoTokenizer.from_pretrained(headless)
    texts = {"eng": [" ".join([word] * count) for word in "abcdefghijklmnop" for count in range(5, 17)]}
    _, untrained = fit_head(model, tokenizer, texts, steps=1, progress=False)
    _, report = fit_head(model, tokenizer, texts, steps=100, progress=False)
    assert report.loss < untrained.loss - 0.5
    assert report.accuracy > untrained.accuracy


@pytest.mark.thorough
def test_a_fit_is_repeatable(fit):
    head, report = fit(steps=8)
    again, report_again = fit(steps=8)
    other, _ = fit(steps=8, seed=1)
    assert same(head, again)
    assert report.loss == report_again.loss
    assert not same(head, other)
    assert not head.training
    assert not any(parameter.requires_grad for parameter in head.parameters())


@pytest.mark.thorough
def test_minutes_become_steps_that_repeat_the_fit(fit):
    head, report = fit(minutes=0.05)
    assert report.steps >= 1
    assert report.seconds < 30
    again, _ = fit(steps=report.steps)
    assert same(head, again)


def test_the_report_counts_and_prints(fit, texts):
    _, report = fit(steps=2)
    assert list(report.languages) == sorted(texts)
    hits = sum(share * masked for share, masked in report.languages.values())
    masked = sum(masked for _, masked in report.languages.values())
    assert report.accuracy == pytest.approx(hits / masked)
    assert report.tokens > 0
    lines = str(report).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [*sorted(texts), "all"]
    assert report.metadata().keys() == {"steps", "seed", "tokens", "accuracy"}


@pytest.mark.thorough
def test_tokens_that_never_occurred_are_unlikely_not_impossible(fit, texts):
    head, report = fit(texts={"eng": texts["eng"]}, steps=30)
    unseen = int(head.bias.argmin())
    losses = -head(torch.randn(20, head.word_embeddings.embedding_dim)).log_softmax(1)[:, unseen]
    assert head.bias.isfinite().all()
    assert losses.isfinite().all()
    assert losses.mean() < 3 * report.loss


def test_every_language_counts_alike(fit, texts):
    alone, _ = fit(texts={"eng": texts["eng"], "rus": texts["rus"]}, steps=1)
    copies = [f"{sentence} {word}" for sentence in texts["eng"] for word in ("the", "of", "and", "to")]
    more, _ = fit(texts={"eng": texts["eng"] + copies, "rus": texts["rus"]}, steps=1)
    shares = [head.bias.softmax(0) for head in (alone, more)]
    assert (shares[0] - shares[1]).abs().sum() < 0.3


@pytest.mark.thorough
def test_the_sampled_softmax_estimates_the_exact_one(monkeypatch):
    torch.manual_seed(0)
    words = torch.nn.Embedding(300, 16)
    head = FittedHead(words.requires_grad_(False)).requires_grad_(False)
    head.bias.copy_(torch.randn(300) * 2)
    hidden, targets = torch.randn(4, 16), torch.tensor([3, 3, 250, 17])
    logits = head(hidden)
    random = np.random.default_rng(0)
    exact = torch.nn.functional.cross_entropy(logits, targets)
    assert fitting._inclusion(head.bias).min() == 1, "fewer tokens than candidates: all of them"
    assert fitting._sampled_loss(head, hidden, targets, torch.ones(300), random) == pytest.approx(exact)

    monkeypatch.setattr(fitting, "_CANDIDATES", 60)
    chances = fitting._inclusion(head.bias)
    assert chances.sum() == pytest.approx(60, rel=1e-3)
    # One example at a time: exp(loss) is then its softmax's sum over a constant, which must be right in the mean.
    for row in range(4):
        one = hidden[row : row + 1], targets[row : row + 1]
        draws = [math.exp(fitting._sampled_loss(head, *one, chances, random)) for _ in range(1000)]
        exact = math.exp(torch.nn.functional.cross_entropy(logits[row : row + 1], one[1]))
        assert np.mean(draws) == pytest.approx(exact, abs=4 * np.std(draws) / math.sqrt(1000))


def test_the_encoder_is_left_as_it_was(headless, texts):
    model = AutoModel.from_pretrained(headless, add_pooling_layer=False).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit_head(model, AutoTokenizer.from_pretrained(headless), texts, steps=2, progress=False)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_mistakes_are_told(fit, texts, headless):
    with pytest.raises(XsnsError, match="in 0 steps"):
        fit(steps=0)
    with pytest.raises(XsnsError, match="in -1 minutes"):
        fit(minutes=-1)
    with pytest.raises(XsnsError, match="at least one language"):
        fit(texts={})
    with pytest.raises(XsnsError, match="text for fin has 1 different sentences"):
        fit(texts=texts | {"fin": ["sama lause"] * 50}, steps=1)
    tokenizer = AutoTokenizer.from_pretrained(headless)
    model = BertModel(BertConfig(vocab_size=300, hidden_size=8, num_attention_heads=2, num_hidden_layers=1))
    model.config.hidden_size = 12
    with pytest.raises(XsnsError, match="12 wide and the word embeddings 8"):
        fit_head(model, tokenizer, texts, steps=1, progress=False)
    tokenizer.mask_token = None
    with pytest.raises(XsnsError, match="no mask token"):
        fit_head(model, tokenizer, texts, steps=1, progress=False)
