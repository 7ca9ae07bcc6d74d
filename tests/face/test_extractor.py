"""The extractor: its settings, and what is refused before anything is loaded."""

import pytest
import torch
from conftest import tiny_tokenizer, tiny_xlmr

from xsns_hf import XsnsError, XsnsExtractor
from xsns_hf.extraction import precision
from xsns_hf.recipe import RECOMMENDED


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": 0}, "seeds=0 extracts nothing"),
        ({"examples": 0}, "at least one example"),
        ({"density": 2}, "Density 2"),
        ({"importance": "size"}, "Unknown importance 'size'"),
        ({"objective": "token-classification", "head": "tied"}, r"random head: leave head=… out"),
        ({"tokenizer": object()}, "tokenizer=… is for a loaded model"),
    ],
)
def test_what_is_wrong_is_said_before_a_model_is_looked_for(options, said):
    with pytest.raises(XsnsError, match=said):
        XsnsExtractor.from_pretrained("user/none", **options)


def test_a_loaded_model_takes_no_revision_and_knows_its_tokenizer(tiny):
    model = tiny_xlmr()
    with pytest.raises(XsnsError, match="leave revision=… and device_map=… out"):
        XsnsExtractor.from_pretrained(model, revision="main")
    with pytest.raises(XsnsError, match="give it with tokenizer=…"):
        XsnsExtractor.from_pretrained(model)
    with pytest.raises(XsnsError, match="A list is no transformers model"):
        XsnsExtractor.from_pretrained([1])
    model.name_or_path = str(tiny)
    assert "'tiny-xlmr': mlm, 256 examples" in repr(XsnsExtractor.from_pretrained(model))


def test_the_recipe_says_what_was_asked_for(tiny, text):
    extractor = XsnsExtractor.from_pretrained(tiny, examples=4, density=0.3, seeds=1, head="tied", max_length=64)
    [recipe] = extractor.extract(text, languages=["fin", "eng"]).recipes.values()
    assert (recipe.examples, recipe.density, recipe.head, recipe.max_length) == (4, 0.3, "tied", 64)
    assert (recipe.importance, recipe.corpus, recipe.checkpoint) == (RECOMMENDED, "text", "tiny-xlmr")


@pytest.mark.parametrize(("units", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_the_precision_is_chosen_once_by_what_is_fast_here(tiny, text, monkeypatch, capsys, units, chosen):
    monkeypatch.setattr(precision, "has_units", lambda device: units)
    monkeypatch.setattr(precision, "AGREEMENT", 0.0)
    extractor = XsnsExtractor.from_pretrained(tiny, examples=4, seeds=1, precision="auto")
    for language in ("fin", "eng"):
        [recipe] = extractor.extract(text, languages=[language]).recipes.values()
        assert recipe.precision == chosen
    assert capsys.readouterr().out.count(f"{chosen} is used") == 1


@pytest.mark.thorough
def test_a_model_that_was_trained_on_is_another(text, tmp_path):
    model = tiny_xlmr().train()
    extractor = XsnsExtractor.from_pretrained(model, tokenizer=tiny_tokenizer(), examples=4, seeds=1)
    masks = extractor.extract(text, languages=["fin"], out=tmp_path / "masks")
    assert extractor.extract(text, languages=["fin"], out=tmp_path / "masks").recipes == masks.recipes
    assert model.training
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(input_ids=torch.tensor([[0, 5, 6, 2]]), labels=torch.tensor([[0, 5, 6, 2]])).loss.backward()
    optimizer.step()
    with pytest.raises(XsnsError, match="revision"):  # never a mixture of two models' masks
        extractor.extract(text, languages=["eng"], out=tmp_path / "masks")


def test_text_that_changed_is_told_in_python(tiny, tmp_path):
    extractor = XsnsExtractor.from_pretrained(tiny, examples=2, seeds=1)
    extractor.extract({"fin": ["yksi kaksi kolme neljä viisi kuusi"] * 3}, out=tmp_path / "masks")
    with pytest.raises(XsnsError, match=r"pass replace=True .* corpus_name=…"):
        extractor.extract({"fin": ["seitsemän kahdeksan yhdeksän kymmenen"] * 3}, out=tmp_path / "masks")
