"""The card of a mask dataset, as the Hub reads it."""

from pathlib import Path

import numpy as np
import pytest
from conftest import records
from huggingface_hub import DatasetCard, HfApi, SpaceCard

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.languages.codes import short_code
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe

MODEL = Recipe("FacebookAI/xlm-roberta-base", "e" * 40, "pretrained", "text")
EMBEDDED = Recipe("embedded", "1571fc982750-v1", "fitted-abc", "text")
FOLDER = Recipe("my-model", "0123456789abcdef", "pretrained", "text")


def put(where: str | Path, recipe: Recipe, licences: dict[str, str | None]) -> DatasetCard:
    """Add masks of languages whose text has some licence each; return the card."""
    repository = MaskRepository(where, create=True)
    layout = ParameterLayout.of([("weight", (40, 40))])
    values = np.random.default_rng(0).random(layout.size).astype(np.float32)
    for code, licence in licences.items():
        repository.add(records(recipe, code, {0: select(values, layout, 0.15)}, licence=licence))
    path = MaskRepository(where).store.file("README.md")
    assert path is not None
    return DatasetCard(path.read_text(encoding="utf-8"))


def test_the_hub_finds_the_paper_the_model_and_the_languages(hub):
    card = put("user/masks", MODEL, {"fin": "CC-BY-SA-4.0", "cmn": "Apache-2.0 AND CC-BY-SA-3.0", "nob": "CC-BY-4.0"})
    card.validate()
    info = HfApi().dataset_info("user/masks")
    wanted = {"arxiv:2310.17166", "xsns_hf", "datasets", "size_categories:n<1K", "FacebookAI/xlm-roberta-base"}
    wanted |= {"language:fi", "language:zh", "language:nb"}
    wanted |= {f"license:{name}" for name in ("apache-2.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0")}
    assert wanted <= set(info.tags)
    assert "https://huggingface.co/FacebookAI/xlm-roberta-base" in card.text
    for line in ('load_dataset("user/masks"', 'MaskDataset.from_pretrained("user/masks")', "--masks user/masks"):
        assert line in card.text


@pytest.mark.parametrize(
    ("recipe", "title", "link"),
    [
        (EMBEDDED, "multilingual-e5-small", "https://huggingface.co/intfloat/multilingual-e5-small"),
        (FOLDER, "my-model", None),
    ],
)
def test_the_model_has_its_real_name(tmp_path, recipe, title, link, hub):
    card = put(tmp_path / "masks", recipe, {"fin": None})
    card.validate()
    assert card.text.lstrip().startswith(f"# Sub-network masks of {title}\n")
    assert card.data.pretty_name == f"Sub-network masks of {title}"
    assert (link or "https://huggingface.co/my-model") in card.text or link is None
    assert "embedded" not in card.text
    assert "huggingface.co/my-model" not in card.text


def test_licences_follow_the_text_unless_someone_chose_another(hub, tmp_path):
    assert put("user/masks", MODEL, {"fin": None}).data.license == ["unknown"]
    assert put("user/masks", MODEL, {"swe": "CC-BY-4.0"}).data.license == ["cc-by-4.0"]
    card = put("user/masks", MODEL, {"deu": "LicenseRef-mine"})
    assert card.data.license == ["cc-by-4.0", "other"]
    card.data.license = "mit"
    hub.commit("datasets/user/masks", {"README.md": str(card).encode()})
    assert put("user/masks", MODEL, {"fra": "CC-BY-SA-4.0"}).data.license == "mit"


@pytest.mark.parametrize(
    ("code", "short"), [("fin", "fi"), ("arb", "ar"), ("ekk", "et"), ("srp_Latn", "sr"), ("tgl", "tl"), ("sme", "se")]
)
def test_codes_are_of_two_letters_where_there_are_such(code, short):
    assert short_code(code) == short


@pytest.mark.parametrize("code", ["myv", "gsw"])
def test_other_codes_are_of_three(code):
    assert short_code(code) == code


def test_the_hub_refuses_what_it_does_not_know(hub):
    for line, message in [
        ("license: my-own", "license.* must be one of"),
        ("language: fi-FI", "must be an ISO 639-1"),
        ("size_categories: few", "size_categories.* must be one of"),
    ]:
        with pytest.raises(ValueError, match=message):
            DatasetCard(f"---\n{line}\n---\n").validate()


def test_the_card_of_the_space_is_one(hub):
    SpaceCard.load(Path(__file__).parents[2] / "spaces_app" / "README.md").validate()
