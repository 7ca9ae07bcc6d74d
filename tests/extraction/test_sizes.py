"""Several |D| from one extraction: the masks that each size gives by itself, for the price of the largest."""

import json
import logging
import subprocess
import sys

import pytest
from accelerate import Accelerator

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.extraction import build
from xsns_hf.extraction.extract import extract
from xsns_hf.masks.similarity import jaccard
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import text_folder

SIZES = (8, 19, 64)
"""Of which the last is more than there is: 40 sentences."""


def name(size: int, density: str = "0.15") -> str:
    return f"text-mlm-pretrained-n{size}-p{density}-capped"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fisher",
    ["exact", "capped", *(pytest.param(other, marks=pytest.mark.slow) for other in ("normalised", "gradient", "snip"))],
)
def test_each_size_gives_the_mask_that_it_gives_alone(tiny, text, fisher):
    accelerator, checkpoint, corpus = Accelerator(cpu=True), load_checkpoint(str(tiny)), text_folder(text)
    recipes = {
        size: Recipe(checkpoint.name, checkpoint.revision, "pretrained", "text", importance=fisher, examples=size)
        for size in SIZES
    }
    wanted = build.variants(recipes[19], SIZES, [0.3])
    together = extract(checkpoint, corpus, wanted[0], "fin", [0, 1], accelerator, also=wanted[1:])
    assert [(each.seed, each.recipe.examples, each.recipe.density, each.examples) for each in together] == [
        (seed, size, density, min(size, 40)) for seed in (0, 1) for size in SIZES for density in (0.15, 0.3)
    ]
    for each in together:
        (alone,) = extract(checkpoint, corpus, each.recipe, "fin", [each.seed], accelerator)
        assert each.loss == pytest.approx(alone.loss, rel=1e-5)
        assert jaccard(each.mask, alone.mask) >= 0.9995


@pytest.fixture
def arguments(tiny, text):
    return ["extract", "--model", str(tiny), "--text", str(text), "--languages", "fin,rus"]


@pytest.mark.thorough
def test_a_recipe_for_each_size_and_density(xsns, arguments, tmp_path):
    code, output, errors = xsns(
        *arguments, "--processes", 1, "--examples", "16,8", "--density", "0.15,0.3", "--out", tmp_path / "masks"
    )
    assert code == 0, errors
    repository = MaskRepository(tmp_path / "masks")
    assert sorted(repository.recipes()) == sorted(name(size, p) for size in (8, 16) for p in ("0.15", "0.3"))
    assert f"Next: xsns rank fin --masks {repository.name} --recipe {name(16)}" in output
    assert {(row["recipe"], row["examples"]) for row in repository.index().to_dict("records")} == {
        (name(size, p), size) for size in (8, 16) for p in ("0.15", "0.3")
    }
    assert len(repository.similarity()) == 4 * 3 * 2
    for size in (8, 16):
        xsns(*arguments, "--processes", 1, "--examples", size, "--out", tmp_path / f"alone{size}")
        alone = MaskRepository(tmp_path / f"alone{size}")
        for language in ("fin", "rus"):
            own = alone.subnetwork(name(size), language, 2).arranged(repository.layout())
            assert jaccard(own, repository.subnetwork(name(size), language, 2)) >= 0.9995


@pytest.mark.slow
def test_two_processes_take_the_same_masks_at_each_size(xsns, arguments, tmp_path):
    several = [*arguments, "--examples", "8,16,64", "--seeds", "1", "--out"]
    command = [sys.executable, "-m", "xsns_hf", *several, str(tmp_path / "two"), "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Next: xsns rank") == 1
    assert done.stderr.count("fewer than |D| = 64") == 2, "once for each language"
    assert xsns(*several, tmp_path / "one", "--processes", 1)[0] == 0
    one, two = MaskRepository(tmp_path / "one"), MaskRepository(tmp_path / "two")
    for size in (8, 16, 64):
        for language in ("fin", "rus"):
            mask = one.subnetwork(name(size), language, 0).arranged(two.layout())
            assert jaccard(mask, two.subnetwork(name(size), language, 0)) >= 0.9995
    assert sorted(one.index()["examples"]) == sorted(two.index()["examples"]) == [8, 8, 16, 16, 40, 40]


@pytest.mark.thorough
def test_only_what_is_missing_is_extracted(xsns, arguments, tmp_path, monkeypatch):
    work = []

    def spy(checkpoint, corpus, recipe, language, seeds, accelerator, *, also, **options):
        work.append((language, *seeds, sorted((each.examples, each.density) for each in (recipe, *also))))
        return extract(checkpoint, corpus, recipe, language, seeds, accelerator, also=also, **options)

    monkeypatch.setattr(build, "extract", spy)
    usual = [*arguments, "--processes", 1, "--out", tmp_path / "masks"]
    assert xsns(*usual, "--languages", "fin", "--examples", "8,32", "--seeds", 1)[0] == 0
    repository = MaskRepository(tmp_path / "masks")
    before = repository.index().set_index(["recipe", "seed"])
    work.clear()
    assert xsns(*usual, "--languages", "fin", "--examples", "32,16,8", "--seeds", 2)[0] == 0
    assert work == [("fin", 0, [(16, 0.15)]), ("fin", 1, [(8, 0.15), (16, 0.15), (32, 0.15)])]
    repository = MaskRepository(tmp_path / "masks")
    after = repository.index().set_index(["recipe", "seed"])
    assert (after.loc[before.index, "created"] == before["created"]).all()
    assert (after.loc[before.index, "sha256"] == before["sha256"]).all()
    xsns(*usual, "--languages", "fin", "--examples", 16, "--out", tmp_path / "alone")
    alone = MaskRepository(tmp_path / "alone").subnetwork(name(16), "fin", 0).arranged(repository.layout())
    assert jaccard(alone, repository.subnetwork(name(16), "fin", 0)) >= 0.9995
    work.clear()
    assert "There already: fin." in xsns(*usual, "--languages", "fin", "--examples", "8,16", "--seeds", 2)[1]
    assert work == []


@pytest.mark.thorough
def test_short_text_is_said_once_and_its_mask_is_that_of_all_sizes(xsns, arguments, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        code, _, _ = xsns(*arguments[:-1], "fin", "--processes", 1, "--examples", "64,16,128", "--out", tmp_path / "m")
    assert code == 0
    assert caplog.text.count("fewer than |D|") == 3, "once a seed"
    assert caplog.text.count("fewer than |D| = 128") == 3
    index = MaskRepository(tmp_path / "m").index().set_index(["recipe", "seed"])
    assert (index.loc[name(64), "sha256"] == index.loc[name(128), "sha256"]).all()
    assert set(index.loc[name(64), "examples"]) == {40}


def test_labelled_examples_too(xsns, tiny, tmp_path):
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    rows = [{"premise": f"It rains in the north {n}.", "hypothesis": "It rains", "label": n % 3} for n in range(20)]
    (pairs / "eng.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    usual = ["extract", "--model", tiny, "--text", pairs, "--objective", "pair-classification", "--processes", 1]
    for sizes in ("6", "12", "6,12"):
        assert xsns(*usual, "--examples", sizes, "--seeds", 1, "--out", tmp_path / sizes)[0] == 0
    together = MaskRepository(tmp_path / "6,12")
    for recipe, size in zip(sorted(together.recipes()), ("12", "6"), strict=True):
        alone = MaskRepository(tmp_path / size).subnetwork(recipe, "eng", 0).arranged(together.layout())
        assert jaccard(alone, together.subnetwork(recipe, "eng", 0)) >= 0.9995


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--examples", "auto,64"], "`auto` finds the one |D| that it needs: give it alone, or numbers"),
        (["--examples", "64,many"], "give one of them, or several numbers with commas"),
        (["--examples", "64,0"], "at least one example"),
        (["--examples", "64,128", "--importance", "released"], "--importance released depends on its batches"),
    ],
)
def test_sizes_that_make_no_sense(xsns, arguments, tmp_path, options, message):
    code, _, errors = xsns(*arguments, *options, "--processes", 1, "--out", tmp_path / "masks")
    assert (code, errors.count("\n")) == (2, 1)
    assert message in errors
    assert not (tmp_path / "masks" / "index.parquet").exists()
