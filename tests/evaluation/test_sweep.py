"""`xsns sweep` on masks made by hand: two sizes, three densities and two seeds of six languages."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import LANGUAGES as TINY
from conftest import records

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.evaluation.sweep import SPREAD, sweep
from xsns_hf.evaluation.sweep_plots import figure_over, lines
from xsns_hf.gold import read_gold
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe

LANGUAGES = ["bul", "deu", "fin", "rus", "swe", "ukr"]
LAYOUT = ParameterLayout.of([("weight", (60, 60))])
SIZES, DENSITIES = (64, 256), (0.05, 0.15, 0.3)


def fill(folder: Path, recipes: list[Recipe], languages=LANGUAGES, seeds=(0, 1)) -> str:
    """Make masks that languages beside each other in the list share more of; the larger |D|, the less noise."""
    repository = MaskRepository(folder, create=True)
    parts = np.random.default_rng(0).random((9, LAYOUT.size))
    entries = []
    for number, language in enumerate(languages):
        for recipe in recipes:
            masks = {}
            for seed in seeds:
                noise = np.random.default_rng([seed, number, recipe.examples]).random(LAYOUT.size)
                values = parts[number : number + 3].sum(0) + 8 / recipe.examples**0.5 * noise
                mask = select(values.astype(np.float32), LAYOUT, recipe.density)
                masks[seed] = mask
            entries += records(recipe, language, masks, examples=recipe.examples)
    repository.add(entries)
    return repository.name


def of(checkpoint: str = "tiny", revision: str = "r", sizes=SIZES, densities=DENSITIES, **fields) -> list[Recipe]:
    return [
        Recipe(checkpoint, revision, "tied", "text", examples=size, density=p, **fields)
        for size in sizes
        for p in densities
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return fill(tmp_path_factory.mktemp("sweep") / "masks", of())


@pytest.fixture(scope="module")
def gold(tmp_path_factory) -> str:
    """Scores that fall with the distance in the list, with noise, of two runs; also of a language without masks."""
    path, random = tmp_path_factory.mktemp("gold") / "gold.csv", np.random.default_rng(1)
    codes = [*LANGUAGES, "swh"]
    rows = [
        f"{source},{target},{seed},{90 - 6 * abs(one - other) + random.normal():.3f}"
        for one, source in enumerate(codes)
        for other, target in enumerate(codes)
        for seed in (0, 1)
    ]
    path.write_text("\n".join(["source,target,seed,score", *rows]), encoding="utf-8")
    return str(path)


@pytest.fixture
def run(xsns, gold, tmp_path):
    """Run `xsns sweep … --json` and return the answer."""

    def run(masks: str, *arguments: object, gold: str = gold) -> dict:
        code, output, errors = xsns(
            "sweep", "--masks", masks, "--gold", gold, "--out", tmp_path / "out", *arguments, "--json"
        )
        assert code == 0, errors
        return json.loads(output)

    return run


@pytest.mark.thorough
def test_each_recipe_has_the_metrics_of_evaluate(run, xsns, folder, gold):
    found = run(folder)
    assert list(found) == [
        "gold",
        "targets",
        "pairs",
        "recipes",
        "stability",
        "checkpoints",
        "lacking",
        "without_text",
        "figures",
    ]
    assert (found["targets"], found["pairs"], len(found["recipes"])) == (6, 30, 6)
    assert [(row["examples"], row["density"]) for row in found["recipes"]] == [(n, p) for n in SIZES for p in DENSITIES]
    for row in found["recipes"]:
        arguments = ["--gold", gold, "--masks", folder, "--recipe", row["recipe"], "--predictors", "xsns", "--json"]
        own = json.loads(xsns("evaluate", *arguments)[1])["xsns"]
        assert own.pop("targets") == 6
        assert {metric: row[metric] for metric in own} == pytest.approx(own, abs=1e-12)
        assert (row["seeds"], row["sentences"], row["checkpoint"]) == (2, row["examples"], "tiny")


@pytest.mark.thorough
def test_all_recipes_are_judged_on_the_same_pairs(run, tmp_path, gold, xsns):
    fill(tmp_path / "masks", of(densities=(0.15,)))
    masks = fill(tmp_path / "masks", of(densities=(0.3,)), LANGUAGES[:5])
    found = run(masks)
    assert (found["targets"], found["pairs"], found["lacking"]) == (5, 20, ["ukr"])
    few = ["--targets", ",".join(LANGUAGES[:5]), "--sources", ",".join(LANGUAGES[:5])]
    for row in found["recipes"]:
        arguments = ["--gold", gold, "--masks", masks, "--recipe", row["recipe"], "--predictors", "xsns", "--json"]
        own = json.loads(xsns("evaluate", *arguments, *few)[1])["xsns"]
        assert row["spearman"] == pytest.approx(own["spearman"], abs=1e-12)
    output = " ".join(xsns("sweep", "--masks", masks, "--gold", gold, "--out", tmp_path / "out")[1].split())
    assert "Left out, since only some recipes have masks of them: ukr." in output


@pytest.mark.thorough
def test_a_seed_that_only_some_languages_have_is_left_out(run, xsns, gold, tmp_path):
    fill(tmp_path / "masks", of(sizes=(64,)), LANGUAGES[:5])
    masks = fill(tmp_path / "masks", of(sizes=(64,)), seeds=(0,))
    found = run(masks)
    assert (found["pairs"], found["lacking"], found["stability"]) == (30, [], [])
    assert {row["seeds"] for row in found["recipes"]} == {1}
    arguments = ["--gold", gold, "--masks", masks, "--recipe", found["recipes"][0]["recipe"], "--predictors", "xsns"]
    own = json.loads(xsns("evaluate", *arguments, "--json")[1])["xsns"]
    assert found["recipes"][0]["pearson"] == pytest.approx(own["pearson"], abs=1e-12)
    output = xsns("sweep", "--masks", masks, "--gold", gold, "--out", tmp_path / "out")[1]
    assert "ranks" not in output


@pytest.mark.slow
def test_stability_is_that_of_the_seeds_by_definition(run, folder, gold):
    found = run(folder)
    assert len(found["stability"]) == 6
    row = next(row for row in found["stability"] if row["recipe"].endswith("n64-p0.15"))
    similarity = MaskRepository(folder).similarity()
    one, other = (
        similarity[(similarity["recipe"] == row["recipe"]) & (similarity["seed"] == seed)].pivot(
            index="target", columns="source", values="jaccard"
        )
        for seed in (0, 1)
    )
    correlations = [
        one.loc[target].drop(target).corr(other.loc[target].drop(target), method="spearman") for target in LANGUAGES
    ]
    assert row["spearman"] == pytest.approx(np.mean(correlations), abs=1e-12)
    same = [one.loc[t].drop(t).idxmax() == other.loc[t].drop(t).idxmax() for t in LANGUAGES]
    assert row["same_first"] == pytest.approx(np.mean(same))
    # The spread of NDCG@3, by judging each seed's masks alone.
    alone = []
    for seed in (0, 1):
        only = fill(Path(folder).parent / f"seed{seed}", of(sizes=(64,)), seeds=(seed,))
        whole = sweep([MaskRepository(only)], read_gold(gold)).recipes.set_index("density")
        assert whole[SPREAD].isna().all()
        alone.append(whole.loc[0.15, "ndcg@3"])
    assert row[SPREAD] == pytest.approx(np.std(alone, ddof=1), abs=1e-12)
    assert "seed" not in json.dumps(run(only)["stability"])
    large = [row["spearman"] for row in found["stability"] if "n256" in row["recipe"]]
    small = [row["spearman"] for row in found["stability"] if "n64" in row["recipe"]]
    assert np.mean(large) > np.mean(small), "the seeds of larger samples agree better"


@pytest.mark.thorough
def test_figures_over_density_and_sample_size(run, folder, gold, tmp_path):
    found = run(folder)
    assert found["figures"] == [str(tmp_path / "out" / f"{each}.png") for each in ("density", "examples")]
    for file in found["figures"]:
        assert Path(file).read_bytes().startswith(b"\x89PNG")
        assert Path(file).stat().st_size > 10_000
    whole = sweep([MaskRepository(folder)], read_gold(gold))
    over_density, over_size = lines(whole, "density"), lines(whole, "examples")
    assert [line.label for line in over_density] == ["|D| = 64", "|D| = 256"]
    assert [line.label for line in over_size] == ["p = 0.05", "p = 0.15", "p = 0.3"]
    (axes,) = figure_over("examples", over_size, "title").axes
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["64", "256"]
    assert "standard deviation over seeds" in axes.get_title()
    assert len(axes.containers) == 3
    for container, line in zip(axes.containers, over_size, strict=True):
        curve, _, (bars,) = container
        np.testing.assert_allclose(curve.get_xdata(), SIZES, rtol=0.1)
        np.testing.assert_allclose(curve.get_ydata(), 100 * line.points["ndcg@3"])
        lengths = [top - bottom for (_, bottom), (_, top) in bars.get_segments()]
        np.testing.assert_allclose(lengths, 200 * line.points[SPREAD])
    rows = {(row["examples"], row["density"]): row["ndcg@3"] for row in found["recipes"]}
    (axes,) = figure_over("density", over_density, "title").axes
    np.testing.assert_allclose(axes.containers[0][0].get_ydata(), [100 * rows[64, p] for p in DENSITIES])
    assert [line.get_xdata() for line in axes.lines if line.get_linestyle() == ":"] == [[0.15, 0.15]]


@pytest.mark.thorough
def test_the_tables_are_written(run, folder, tmp_path):
    found = run(folder)
    recipes, stability = (pd.read_csv(tmp_path / "out" / f"{each}.csv") for each in ("recipes", "stability"))
    assert list(recipes["ndcg@3"]) == pytest.approx([row["ndcg@3"] for row in found["recipes"]])
    assert list(stability.columns) == ["repository", "recipe", "seeds", "spearman", "same_first", SPREAD]
    assert not (tmp_path / "out" / "checkpoints.csv").exists()


@pytest.mark.thorough
def test_what_is_printed_names_only_what_differs(xsns, folder, gold, tmp_path):
    code, output, errors = xsns("sweep", "--masks", folder, "--gold", gold, "--out", tmp_path / "out")
    assert code == 0, errors
    assert "6 targets, 30 pairs" in output
    assert "tiny, text, in percent; regret" in output
    titles, _, _ = output.partition("64")
    wanted = "|D| p pearson spearman top_1 ndcg@3 regret ± seeds ranks agree same first"
    assert sorted({*wanted.split()} - {*titles.split()}) == []
    assert "repository" not in titles and "checkpoint" not in titles
    assert f"Written to {tmp_path / 'out'}: recipes.csv, stability.csv, density.png, examples.png." in output


def test_the_command_has_an_example(xsns):
    assert "xsns sweep --masks masks --gold scores.csv --out sweep" in xsns("sweep", "--help")[1]


@pytest.mark.slow
def test_two_checkpoints_are_lines_and_rows_of_their_own(run, folder, gold, tmp_path):
    other = fill(tmp_path / "other", of("big", "s", sizes=(256, 512)))
    found = run(f"{folder},{other}")
    assert [(row["checkpoint"], row["examples"], row["density"], row["predictor"]) for row in found["checkpoints"]] == [
        ("tiny", 256, 0.15, "xsns"),
        ("big", 256, 0.15, "xsns"),
    ], "the recipe that both have, nearest to the paper's"
    rows = {(row["checkpoint"], row["recipe"]): row["ndcg@3"] for row in found["recipes"]}
    assert all(row["ndcg@3"] == rows[row["checkpoint"], row["recipe"]] for row in found["checkpoints"])
    whole = sweep([MaskRepository(folder), MaskRepository(other)], read_gold(gold), recipes=["*-n256-*", "*-n64-p0.15"])
    assert [line.label for line in lines(whole, "density")] == ["big", "tiny"]
    assert [line.label for line in lines(whole, "examples")] == [""]


@pytest.mark.thorough
def test_the_same_recipe_in_two_repositories_is_told_apart(run, folder, gold, tmp_path, xsns):
    other = fill(tmp_path / "other", of(sizes=(64,)), seeds=(2,))
    whole = sweep([MaskRepository(folder), MaskRepository(other)], read_gold(gold))
    shared = os.path.commonpath([Path(folder).parent, Path(other).parent])
    assert [line.label for line in lines(whole, "density")] == [
        f"|D| = 64, {Path(folder).relative_to(shared)}",
        f"|D| = 64, {Path(other).relative_to(shared)}",
        f"|D| = 256, {Path(folder).relative_to(shared)}",
    ]
    output = xsns("sweep", "--masks", f"{folder},{other}", "--gold", gold, "--out", tmp_path / "out")[1]
    assert f"in: 1 {folder}, 2 {other}" in output


@pytest.mark.thorough
def test_embeddings_of_the_same_checkpoint_beside_the_masks(run, xsns, tiny, masks, text, tmp_path):
    gold = tmp_path / "gold.csv"
    pairs = [(one, other) for one in range(7) for other in range(7)]
    scores = [f"{TINY[one]},{TINY[other]},{90 - 3 * abs(one - other) + one % 2}" for one, other in pairs]
    gold.write_text("\n".join(["source,target,score", *scores]))
    (own,) = MaskRepository(masks).recipes().values()
    other = fill(tmp_path / "other", of(own.checkpoint, own.revision, sizes=(16,), densities=(0.3,)), TINY)
    models = ["--models", f"{own.checkpoint}={tiny}"]
    found = run(f"{masks},{other}", "--text", text, *models, gold=str(gold))
    assert found["without_text"] == ["deu", "fra", "swe", "vie"]
    assert (found["targets"], found["pairs"]) == (3, 6)
    assert [row["predictor"] for row in found["checkpoints"]] == ["xsns", "embedding"]
    assert {row["recipe"] for row in found["checkpoints"]} == {own.name}, "at the paper's density"
    arguments = ["--gold", gold, "--masks", masks, "--text", text, "--model", tiny, "--examples", 16]
    theirs = json.loads(xsns("evaluate", *arguments, "--predictors", "xsns,embedding", "--json")[1])
    for row in found["checkpoints"]:
        for metric in ("pearson", "spearman", "top_1", "ndcg@3", "regret"):
            assert row[metric] == pytest.approx(theirs[row["predictor"]][metric], abs=1e-12)
    changed = fill(tmp_path / "changed", of(own.checkpoint, "another", sizes=(16,)), TINY)
    usual = ["--gold", gold, "--out", tmp_path / "out", "--text", text, *models]
    code, _, errors = xsns("sweep", "--masks", changed, *usual)
    assert (code, "the masks are of another: say where" in errors) == (2, True)


@pytest.fixture
def one_recipe(tmp_path) -> str:
    return fill(tmp_path / "one", of(sizes=(64,), densities=(0.15,)))


@pytest.mark.thorough
def test_what_sweep_refuses(xsns, folder, gold, one_recipe, tmp_path):
    def refusal(masks: str, *arguments: object, gold: object = gold) -> str:
        code, _, errors = xsns("sweep", "--masks", masks, "--gold", gold, "--out", tmp_path / "out", *arguments)
        assert (code, errors.count("\n")) == (2, 1), errors
        assert not (tmp_path / "out").exists()
        return errors

    assert "one recipe to compare, and it takes two: make more with `xsns extract --out" in refusal(one_recipe)
    assert "No recipe is called nothing: there are " in refusal(folder, "--recipes", "nothing")
    assert "one recipe to compare" in refusal(f"{one_recipe},{one_recipe}/,"), "the same twice, and nothing"
    assert "--masks ', ' names no mask dataset" in refusal(", ")
    assert "There are no masks in nowhere" in refusal(f"{folder},nowhere")
    others = fill(tmp_path / "others", of("big", "s"), ["eng", "fra", "ita"])
    assert "masks of 0 languages in common" in (errors := refusal(f"{folder},{others}"))
    assert "which has eng, fra, ita, or choose recipes with --recipes" in errors
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("source,target,score\neng,fra,70\nfra,eng,71\n")
    assert "has no score of two languages that all recipes have masks of (bul, " in refusal(folder, gold=elsewhere)
    assert "No scores of 'pi' are published" in refusal(folder, gold="pi")
    text = tmp_path / "text"
    text.mkdir()
    assert "--models says where checkpoints to embed --text are" in refusal(folder, "--models", "tiny")
    (text / "bul.txt").write_text("Едно изречение е тук.\n", encoding="utf-8")
    assert "--models tiny doesn't say where" in refusal(folder, "--models", "tiny", "--text", text)
    assert "tiny can't be embedded: say where its own is with --models tiny=PATH" in refusal(folder, "--text", text)
    (tmp_path / "file").write_text("mine")
    code, _, errors = xsns("sweep", "--masks", folder, "--gold", gold, "--out", tmp_path / "file")
    assert (code, "can't be written" in errors) == (2, True)


@pytest.mark.thorough
def test_scores_that_are_published_with_the_masks(run, folder, gold, tmp_path):
    scored = fill(tmp_path / "scored", of(sizes=(64,)))
    MaskRepository(scored).add_scores(read_gold(gold), "pos", origin="a test")
    assert len(run(f"{folder},{scored}", gold="pos")["recipes"]) == 9
