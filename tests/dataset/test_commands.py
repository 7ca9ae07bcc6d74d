"""The command that adds languages to masks: what a message gives can be run as it is."""

import re
import shlex
import shutil
from dataclasses import replace

import pytest
import typer
from conftest import LANGUAGES, records
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.cli import app
from xsns_hf.dataset.commands import extract_command
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.recipe import Recipe

RECIPE = Recipe("user/model", "0123456789" * 4, "pretrained", "sample", examples=256)
EXTRACT = typer.main.get_command(app).commands["extract"]


def options(command: str) -> dict:
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("xsns", "extract")
    return EXTRACT.make_context(name, arguments).params  # exits if one is no option


def test_the_sentence_on_missing_masks_ends_in_a_command_that_makes_them(xsns, masks, tiny, tmp_path, monkeypatch):
    folder = shutil.copytree(masks, tmp_path / "my masks")
    monkeypatch.chdir(tiny.parent)  # where the checkpoint is
    code, _, errors = xsns("rank", "nob", "--masks", folder)
    assert (code, "no masks of Norwegian Bokmål (nob)" in errors) == (2, True)
    words = shlex.split(re.search("`(xsns extract .*)`", errors)[1])
    code, _, errors = xsns(*words[1:], "--processes", 1)
    assert code == 0, errors
    repository = MaskRepository(folder)
    assert len(repository.recipes()) == 1, "of the same recipe"
    assert xsns("rank", "nob", "--masks", folder)[0] == 0
    assert repository.masks().seeds == [0, 1]
    assert set(repository.index()["language"]) == {*LANGUAGES, "nob"}


@given(
    st.builds(
        replace,
        st.just(RECIPE),
        checkpoint=st.sampled_from(["user/model", "embedded"]),
        head=st.sampled_from(["pretrained", "tied", "fitted-0123"]),
        corpus=st.sampled_from(["sample", "my-text", "wikiann"]),
        objective=st.sampled_from(["mlm", "clm", "infilling"]),
        examples=st.integers(1, 5000),
        density=st.sampled_from([0.05, 0.15, 0.3]),
        masking=st.sampled_from([0.15, 0.35]),
        max_length=st.integers(8, 512),
        agreement=st.none() | st.sampled_from([0.5, 0.7]),
        precision=st.sampled_from(["float32", "bfloat16"]),
        stacks=st.sampled_from(["both", "encoder"]),
        importance=st.sampled_from(["exact", "capped", "normalised"]),
    ),
    st.integers(1, 5),
)
def test_it_says_all_that_a_recipe_is(recipe, seeds):
    given_options = options(extract_command("user/masks@abc", recipe, ["swh", "fin"], seeds=seeds))
    assert given_options["out"] == "user/masks"
    assert (given_options["languages"], given_options["seeds"]) == ("swh,fin", seeds)
    assert (given_options["model"], given_options["head"]) == (recipe.checkpoint, recipe.head_kind)
    assert given_options["objective"] in {recipe.objective, None}
    for name in ("max_length", "precision", "stacks", "importance"):
        assert given_options[name] == getattr(recipe, name)
    assert float(given_options["density"]) == recipe.density
    assert (given_options["masking"] or 0.15) == recipe.masking
    if recipe.agreement is None:
        assert given_options["examples"] == str(recipe.examples)
    else:
        assert (given_options["agreement"], given_options["most"]) == (recipe.agreement, recipe.examples)


@pytest.mark.parametrize(
    ("corpus", "source", "words"),
    [
        ("sample", None, {"text": None, "corpus": None}),
        ("wikiann", None, {"corpus": "wikiann", "corpus_name": None}),
        ("owner-name", "owner/name@abc:fi", {"corpus": "owner/name@abc", "corpus_name": "owner-name"}),
        ("mine", None, {"corpus": None, "corpus_name": "mine"}),
    ],
)
def test_it_says_which_text(corpus, source, words):
    found = options(extract_command("masks", replace(RECIPE, corpus=corpus), ["swh"], source=source))
    assert {name: found[name] for name in words} == words
    assert (str(found["text"]) == "my-text") == (corpus == "mine")


def test_labels_take_no_head():
    recipe = replace(RECIPE, objective="span-extraction", head="random")
    assert options(extract_command("masks", recipe, ["swh"]))["head"] is None


def test_the_source_of_the_text_is_known_from_the_index(tmp_path, masks):
    of_all = MaskRepository(masks)
    mask = of_all.masks().subnetworks("fin")[0]
    repository = MaskRepository(tmp_path / "masks", create=True)
    recipe = replace(RECIPE, corpus="owner-name")
    repository.add(records(recipe, "fin", {0: mask}, corpus_source="owner/name@abc:fi"))
    assert "--corpus owner/name@abc --corpus-name owner-name" in repository.masks().command(["swh"])
