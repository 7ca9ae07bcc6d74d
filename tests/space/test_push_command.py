"""What is said beside the ranking of a visitor's text, and the command that publishes its masks."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import records

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout, Tensor
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe
from xsns_hf.space.own_text.bringing import can_bring
from xsns_hf.space.own_text.publishing import caveat, push_command

HUB_RECIPE = Recipe("user/model", "0123456789" * 4, "pretrained", "ud", examples=256)


def masks_of(recipe: Recipe, folder: Path) -> RecipeMasks:
    """Return masks made by a recipe, in a new folder."""
    repository = MaskRepository(folder / recipe.checkpoint.replace("/", "-") / recipe.name, create=True)
    layout = ParameterLayout((Tensor("encoder.layer.0.weight", (4, 4), 0),))
    repository.add(records(recipe, "fin", {0: select(np.arange(16, dtype=np.float32), layout, recipe.density)}))
    return repository.masks()


def test_what_can_be_brought(tmp_path):
    assert can_bring(masks_of(HUB_RECIPE, tmp_path), ["user/model"]) is None
    assert can_bring(masks_of(replace(HUB_RECIPE, checkpoint="embedded", revision="123-v1"), tmp_path)) is None
    local = masks_of(replace(HUB_RECIPE, checkpoint="my-model", revision="0123456789abcdef"), tmp_path)
    assert "my-model, is a folder" in (can_bring(local) or "")
    assert can_bring(local, ["/there/my-model"]) is None
    labelled = masks_of(replace(HUB_RECIPE, objective="span-extraction", head="random"), tmp_path)
    assert "no labels" in (can_bring(labelled) or "")
    assert "Only similarities ship" in (can_bring(MaskRepository("ready").masks()) or "")


def test_what_a_ranking_is_worth():
    assert caveat(HUB_RECIPE, 64).startswith("From 64 sentences instead of 256: similarities come out lower")
    assert "instead of up to 256" in caveat(replace(HUB_RECIPE, agreement=0.7), 64)
    assert "as the published masks" in caveat(HUB_RECIPE, 256)


def options_of(command: str) -> tuple[list[str], dict[str, str]]:
    words = shlex.split(command)
    start = next(number for number, word in enumerate(words) if word.startswith("--"))
    return words[:start], dict(zip(words[start::2], words[start + 1 :: 2], strict=True))


@pytest.mark.parametrize("language", ["swh", "Norwegian Bokmål", 'it\'s $(rm -rf) `x`; "q" & <b>'])
def test_the_command_to_push_makes_the_same_recipe(language):
    program, options = options_of(push_command("user/masks@abc", HUB_RECIPE, language))
    assert program == ["python", "scripts/push_language.py"]
    assert options == {
        "--repo": "user/masks",
        "--language": language,
        "--text": "my.txt",
        "--model": "user/model",
        "--head": "pretrained",
        "--corpus-name": "ud",
    }


def test_the_command_for_a_folder_is_an_extraction():
    recipe = replace(HUB_RECIPE, head="fitted-0123", density=0.3, masking=0.2, max_length=64, precision="bfloat16")
    program, options = options_of(push_command("./my masks", recipe, "swh", seeds=2))
    assert program == ["xsns", "extract"]
    assert options["--out"] == "./my masks"
    for option, value in {
        "--languages": "swh",
        "--head": "fitted",
        "--revision": recipe.revision,
        "--examples": "256",
        "--importance": "exact",
        "--seeds": "2",
        "--density": "0.3",
        "--masking": "0.2",
        "--max-length": "64",
        "--precision": "bfloat16",
    }.items():
        assert options[option] == value
    local = replace(recipe, checkpoint="my model", revision="0123456789abcdef", agreement=0.7)
    _, options = options_of(push_command("./masks", local, "swh"))
    assert options["--model"] == "./my model"
    assert (options["--examples"], options["--agreement"], options["--most"]) == ("auto", "0.7", "256")
    assert "--revision" not in options
