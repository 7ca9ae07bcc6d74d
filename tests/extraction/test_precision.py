"""What `--precision auto` chooses: by the device, and by what bfloat16 does to masks."""

import pytest
import torch

from xsns_hf.extraction import precision
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import text_folder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def checkpoint(tiny):
    return load_checkpoint(str(tiny))


def recipe_of(checkpoint, importance: str) -> Recipe:
    identity = checkpoint.name, checkpoint.revision, checkpoint.head_name
    return Recipe(*identity, "text", importance=importance, examples=32)


@pytest.mark.parametrize(
    ("units", "enough", "chosen", "why"),
    [
        (False, 0.0, "float32", "this processor has no fast units for bfloat16"),
        (True, 0.0, "bfloat16", "which this processor is fast at: masks agree to 0."),
        (True, 1.0, "float32", "masks in bfloat16 agree with it to 0."),
    ],
)
def test_bfloat16_is_taken_where_it_is_fast_and_does_no_harm(checkpoint, text, monkeypatch, units, enough, chosen, why):
    monkeypatch.setattr(precision, "has_units", lambda device: units)
    monkeypatch.setattr(precision, "AGREEMENT", enough)
    recipe = recipe_of(checkpoint, "capped")
    found, reason = precision.settled(recipe, checkpoint, text_folder(text), "fin", CPU)
    assert (found.precision, found.examples) == (chosen, recipe.examples)
    assert why in reason


@pytest.mark.parametrize("importance", ["released", "activation"])
def test_what_gains_nothing_stays_in_float32(checkpoint, text, monkeypatch, importance):
    monkeypatch.setattr(precision, "has_units", lambda device: True)
    recipe = recipe_of(checkpoint, importance)
    assert precision.settled(recipe, checkpoint, text_folder(text), "fin", CPU)[0].precision == "float32"


def test_other_devices_than_gpus_and_processors_have_no_units():
    assert not precision.has_units(torch.device("meta"))
