"""`xsns explain` on masks made by hand: two seeds of six languages, three of each of two scripts and families."""

import json
import struct

import numpy as np
import pandas as pd
import pytest
from conftest import noisy_masks, records
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.cli.trees import drawn
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.explanation.neurons import owned, row_shares
from xsns_hf.explanation.shared import core_shares, private_shares, shared_counts
from xsns_hf.languages.codes import script
from xsns_hf.languages.families import groups, kinship
from xsns_hf.masks.clustering import agreement, tree
from xsns_hf.masks.layout import Arrangement, ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.predictors import Inputs, make_predictors
from xsns_hf.recipe import Recipe

RECIPE = Recipe("tiny", "r", "tied", "text")
DENSE, QUERY, NORM = (
    "encoder.layer.0.intermediate.dense.weight",
    "encoder.layer.1.attention.self.query.weight",
    "encoder.layer.1.output.LayerNorm.weight",
)
LAYOUT = ParameterLayout.of([(DENSE, (16, 8)), (QUERY, (8, 8)), (NORM, (12,))])
SLAVIC, GERMANIC = ["bul", "rus", "ukr"], ["deu", "nld", "swe"]
LANGUAGES = SLAVIC + GERMANIC


def packed(mask: np.ndarray, layout: ParameterLayout = LAYOUT) -> SubNetwork:
    """Make a sub-network of bool [layout.size]."""
    bits = [layout.pack(tensor, mask[tensor.span].reshape(tensor.shape)) for tensor in layout.tensors]
    return SubNetwork(layout, np.concatenate(bits), 0.0)


def mask_of(language: str) -> SubNetwork:
    """Select two rows that all have, four that the language's family has and one that is its own, of 8 each."""
    dense, query, norm = np.zeros((16, 8), bool), np.zeros((8, 8), bool), np.zeros(12, bool)
    dense[:2] = True
    dense[4:8] = language in SLAVIC
    dense[8:12] = language in GERMANIC
    query[LANGUAGES.index(language)] = True
    return packed(np.concatenate([dense.ravel(), query.ravel(), norm]))


def add(repository: MaskRepository, language: str, mask: SubNetwork, seeds=(0, 1), recipe: Recipe = RECIPE) -> None:
    repository.add(records(recipe, language, dict.fromkeys(seeds, mask)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    repository = MaskRepository(tmp_path_factory.mktemp("explain") / "masks", create=True)
    for language in LANGUAGES:
        add(repository, language, mask_of(language))
    return repository.name


@pytest.fixture
def explain(xsns):
    """Run `xsns explain … --json` and return the answer."""

    def run(*arguments: object) -> dict:
        code, output, errors = xsns("explain", *arguments, "--json")
        assert code == 0, errors
        return json.loads(output)

    return run


def size(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG from its header."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.thorough
def test_two_languages(explain, folder):
    answer = explain("Russian", "de", "--masks", folder)
    assert (answer["languages"], answer["seeds"]) == (["rus", "deu"], 2)
    assert answer["own"] == {"rus": 1, "deu": 1}
    total = answer["total"]
    assert (total["one"], total["other"], total["shared"]) == (112, 112, 32)  # of both seeds
    assert total["jaccard"] == pytest.approx(16 / 96, abs=1e-6)
    chance = 56 * 56 / LAYOUT.size
    assert total["ratio"] == pytest.approx(16 / chance, abs=1e-6)
    assert total["by_chance"] == pytest.approx(chance / (112 - chance), abs=1e-6)
    modules = {row["module"]: row for row in answer["modules"]}
    assert modules["attention"]["jaccard"] == 0
    assert modules["feed-forward"]["jaccard"] == pytest.approx(16 / 80, abs=1e-6)
    assert (modules["norm"]["jaccard"], modules["norm"]["ratio"]) == (None, None)
    assert [row["layer"] for row in answer["layers"]] == [0, 1]


@pytest.mark.thorough
def test_two_languages_either_way_round(explain, folder):
    one, other = explain("rus", "deu", "--masks", folder), explain("deu", "rus", "--masks", folder)
    swapped = {"one": "other", "other": "one", "density_one": "density_other", "density_other": "density_one"}
    for part in ("layers", "modules", "parts"):
        again = [{swapped.get(key, key): value for key, value in row.items()} for row in other[part]]
        assert again == one[part]


@pytest.mark.thorough
def test_core_private_parts_and_clusters(explain, folder):
    answer = explain("--masks", folder)
    assert answer["seeds"] == [0, 1]
    assert answer["core"]["core"] == pytest.approx(2 / 7, abs=1e-6)
    assert answer["core"]["reached"] == pytest.approx((80 + 48) / LAYOUT.size, abs=1e-6)
    by_chance = (128 * (48 / 128) ** 6 + 64 * (8 / 64) ** 6) / 56
    assert answer["core"]["core_by_chance"] == pytest.approx(by_chance, abs=1e-6)
    assert [row["core"] for row in answer["core_by_module"]] == [0, pytest.approx(1 / 3, abs=1e-6), None]
    assert [row["private"] for row in answer["languages"]] == pytest.approx([1 / 7] * 6, abs=1e-6)
    order = [row["language"] for row in answer["languages"]]
    assert {frozenset(order[:3]), frozenset(order[3:])} == {frozenset(SLAVIC), frozenset(GERMANIC)}
    assert {row["group"] for row in answer["languages"]} == {"Balto-Slavic", "Germanic"}
    assert all(row["similarity"] == 0.75 for row in answer["languages"])
    found = answer["agreement"]
    assert (found["groups"], found["rand"]) == (2, 1)
    assert found["correlation"] > 0.9
    assert found["p"] < 0.2  # of six languages there are few orders
    assert found["faithful"] == pytest.approx(1)


@pytest.mark.thorough
def test_only_some_languages(explain, folder):
    answer = explain("--masks", folder, "--languages", "ru,Ukrainian,German")
    assert sorted(answer["leaves"]) == ["deu", "rus", "ukr"]
    assert answer["core"]["core"] == pytest.approx(2 / 7, abs=1e-6)
    private = {row["language"]: row["private"] for row in answer["languages"]}
    assert private["deu"] == pytest.approx(40 / 56, abs=1e-6)
    assert private["rus"] == private["ukr"] == pytest.approx(8 / 56, abs=1e-6)


@pytest.mark.thorough
def test_neurons_of_scripts(explain, xsns, folder):
    found = explain("--masks", folder, "--neurons", 3)["neurons"]
    assert found["owned"] == {"Cyrl": 4, "Latn": 4}
    assert found["owned_by_chance"].keys() == {"Cyrl", "Latn"}
    assert len(found["top"]) == 3
    top = found["top"][0]
    assert (top["tensor"], top["layer"], top["module"]) == (DENSE, 0, "feed-forward")
    assert (top["script"], top["neuron"], top["inside"], top["outside"]) == ("Cyrl", 4, 1, 0)
    output = " ".join(xsns("explain", "--masks", folder, "--neurons", 8)[1].split())
    assert "Cyrillic owns 4 neurons" in output
    assert "layer 0 │ intermediate.dense │ 11 │ Latin │ 100.0 % │ 0.0 %" in output


@pytest.mark.thorough
def test_what_people_read(xsns, folder):
    output = " ".join(xsns("explain", "--masks", folder)[1].split())
    assert "28.6 % of a mask is the core: in the masks of all 6 languages" in output
    assert "Mean over 2 seeds" in output
    assert "an adjusted Rand index of 1.00" in output
    assert "neurons" not in output
    output = " ".join(xsns("explain", "rus", "ukr", "--masks", folder)[1].split())
    assert "Russian (rus) and Ukrainian (ukr)" in output
    assert "Jaccard of a language's own samples of text: 1.000 for Russian, 1.000 for Ukrainian" in output


def test_pictures(xsns, folder, tmp_path):
    code, output, errors = xsns("explain", "rus", "deu", "--masks", folder, "--plot", tmp_path / "pair.png")
    assert code == 0, errors
    assert "Jaccard" in output
    assert xsns("explain", "--masks", folder, "--plot", tmp_path / "tree.png", "--json")[0] == 0
    for name in ("pair.png", "tree.png"):
        width, height = size((tmp_path / name).read_bytes())
        assert 500 < width < 2000
        assert 200 < height < 2000


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rus"], "rus is one language: give a second one"),
        (["rus", "russian"], "are the same language (rus)"),
        (["rus", "fin"], "no masks of Finnish (fin)"),
        (["rus", "Elvish tongue"], "is not a language we know"),
        (["rus", "deu", "--languages", "rus,deu,swe"], "are about many languages"),
        (["rus", "deu", "--neurons", 3], "are about many languages"),
        (["--languages", "rus,deu"], "takes at least 3 languages"),
        (["--languages", "rus,deu,fin"], "no masks of Finnish (fin)"),
        (["--languages", "rus,deu,swe", "--recipe", "none"], "holds no recipe 'none'"),
        (["--neurons", -1], "ask for at least 1"),
        (["--languages", "rus,ukr,bul", "--neurons", 1], "two languages that share it and one in another"),
        (["--plot", "picture.gif"], "isn't the name of a picture: give one that ends in .png, .pdf or .svg"),
        (["--plot", "/no/such/folder/picture.png"], "can't be written"),
    ],
)
def test_bad_questions_get_one_sentence(xsns, folder, arguments, message):
    code, output, errors = xsns("explain", *arguments, "--masks", folder)
    assert (code, output) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.thorough
def test_of_several_recipes_the_usual_one_is_taken_unless_another_is_named(xsns, explain, tmp_path):
    repository = MaskRepository(tmp_path / "masks", create=True)
    other = Recipe("tiny", "r", "tied", "text", density=0.3)
    for language in LANGUAGES:
        for recipe in (RECIPE, other):
            add(repository, language, mask_of(language), recipe=recipe)
    for arguments in ([], ["rus", "deu"]):
        assert explain(*arguments, "--masks", repository.name)["recipe"] == RECIPE.name
        assert f"With --recipe: {other.name}." in xsns("explain", *arguments, "--masks", repository.name)[1]
        assert explain(*arguments, "--masks", repository.name, "--recipe", other.name)["recipe"] == other.name


@pytest.mark.thorough
def test_seeds_that_not_all_have_are_left_out(xsns, explain, tmp_path):
    repository = MaskRepository(tmp_path / "masks", create=True)
    for language, seeds in {"rus": (0, 1), "deu": (1, 2), "swe": (1,), "nld": (2,)}.items():
        add(repository, language, mask_of(language), seeds)
    answer = explain("--masks", repository.name, "--languages", "rus,deu,swe")
    assert answer["seeds"] == [1]
    assert explain("rus", "deu", "--masks", repository.name)["seeds"] == 1
    for arguments in ([], ["rus", "nld"]):
        code, _, errors = xsns("explain", *arguments, "--masks", repository.name)
        assert (code, "no seed in common" in errors) == (2, True)


@pytest.mark.thorough
def test_a_changed_mask_is_noticed(xsns, tmp_path):
    repository, other = (MaskRepository(tmp_path / name, create=True) for name in ("masks", "other"))
    for language in ("rus", "ukr", "deu"):
        add(repository, language, mask_of(language))
    add(other, "ukr", mask_of("rus"))  # it is the first mask that says how the bits are arranged
    add(other, "rus", mask_of("swe"))
    ours, theirs = (next((tmp_path / name).rglob("rus-*.parquet")) for name in ("masks", "other"))
    ours.write_bytes(theirs.read_bytes())
    code, _, errors = xsns("explain", "--masks", tmp_path / "masks")
    assert (code, "the file that the index records" in errors) == (2, True)


@pytest.mark.thorough
def test_a_language_without_known_relatives(xsns, explain, tmp_path):
    repository = MaskRepository(tmp_path / "masks", create=True)
    for language, like in {"rus": "rus", "ukr": "ukr", "fin": "deu", "tlh": "swe"}.items():
        add(repository, language, mask_of(like))
    relatives = {row["language"]: row["group"] for row in explain("--masks", repository.name)["languages"]}
    assert relatives["tlh"] is None
    assert relatives["fin"] == "Uralic"
    code, output, errors = xsns("explain", "--masks", repository.name, "--plot", tmp_path / "tree.png")
    assert code == 0, errors
    assert "│ Klingon │ – │" in " ".join(output.split())


@pytest.mark.thorough
def test_encoder_and_decoder_are_told_apart(xsns, explain, tmp_path):
    names = [
        f"{stack}.block.{number}.layer.0.SelfAttention.q.weight"
        for stack in ("encoder", "decoder")
        for number in (0, 1)
    ]
    layout = ParameterLayout.of([*((name, (6, 6)) for name in names), ("decoder.final_layer_norm.weight", (4,))])
    repository = MaskRepository(tmp_path / "masks", create=True)
    for seed, language in enumerate(["rus", "ukr", "fin"]):
        add(repository, language, packed(np.random.default_rng(seed).random(layout.size) < 0.5, layout))
    answer = explain("rus", "ukr", "--masks", repository.name)
    places = [(row["stack"], row["layer"]) for row in answer["layers"]]
    assert places == [("decoder", 0), ("decoder", 1), ("decoder", None), ("encoder", 0), ("encoder", 1)]
    for arguments in (["rus", "ukr"], []):
        code, output, errors = xsns("explain", *arguments, "--masks", repository.name, "--plot", tmp_path / "plot.png")
        assert code == 0, errors
        assert "│ decoder outside layers │" in " ".join(output.split())
        assert size((tmp_path / "plot.png").read_bytes())


def test_a_model_without_layers_has_no_picture_of_them(xsns, tmp_path):
    noisy = noisy_masks(tmp_path / "masks", {"rus": 0.1, "ukr": 0.2})
    code, _, errors = xsns("explain", "rus", "ukr", "--masks", noisy, "--plot", tmp_path / "plot.png")
    assert (code, "aren't numbered by layer" in errors) == (2, True)
    assert not (tmp_path / "plot.png").exists()


@pytest.mark.thorough
def test_branches_are_told_apart_only_where_one_family_is_most():
    assert groups(["fin", "ekk", "rus", "eng", "tur"])["rus"] == "Indo-European"
    assert groups(["ekk", "lvs", "lit", "tur", "eus"]) == {
        "ekk": "Uralic",
        "lvs": "Indo-European",
        "lit": "Indo-European",
        "tur": "Turkic",
    }
    mostly = groups(["fin", "rus", "eng", "nob", "nno"])
    assert mostly == {"fin": "Uralic", "rus": "Balto-Slavic", **dict.fromkeys(["eng", "nob", "nno"], "Germanic")}
    assert groups(["tlh", "fin", "tur"]) == {"fin": "Uralic", "tur": "Turkic"}  # Klingon has no relatives
    close = kinship(["nob", "eng", "fin", "tlh", "eus"])
    assert close.loc["nob", "eng"] > close.loc["nob", "fin"] == 0
    assert close[["tlh", "eus"]].isna().all(axis=None)
    known = ["eng", "rus", "fin", "swe", "ekk", "lvs", "nob"]
    pd.testing.assert_frame_equal(kinship(known), make_predictors(["genealogy"], Inputs())[0].scores(known, known))


def test_scripts():
    assert [script(code) for code in ("rus", "srp", "srp_Latn", "hin", "kor")] == [
        "Cyrl",
        "Cyrl",
        "Latn",
        "Deva",
        "Kore",
    ]


def test_drawn_tree():
    linked = np.array([[0, 1, 0.2, 2], [2, 3, 0.6, 3]])
    assert drawn(linked, [0, 1, 2], width=7) == ["─┬────┐", "─┘    │", "──────┘"]


def test_agreement_of_unrelated_languages_says_nothing():
    codes = ["fin", "kor", "tur"]
    similarity = pd.DataFrame([[1, 0.5, 0.4], [0.5, 1, 0.3], [0.4, 0.3, 1]], codes, codes)
    found = agreement(similarity, groups(codes), kinship(codes))
    assert np.isnan([found.rand, found.correlation, found.p]).all()
    with pytest.raises(XsnsError, match="at least 3 languages"):
        tree(similarity.iloc[:2, :2])


random_masks = st.builds(
    lambda seed, densities: [
        np.random.default_rng([seed, number]).random(LAYOUT.size) < density for number, density in enumerate(densities)
    ],
    st.integers(0, 1000),
    st.lists(st.floats(0, 1), min_size=2, max_size=9),
)


def counted(masks: list[np.ndarray]) -> pd.DataFrame:
    """Count masks after packing, in the arrangement of the first."""
    layout = ParameterLayout(LAYOUT.tensors, Arrangement.by_density(packed(masks[0]).masks()))
    every = [dict(packed(mask, layout).packed()) for mask in masks]
    tensors = ((tensor, [each[tensor] for each in every]) for tensor in LAYOUT.tensors)
    return shared_counts(tensors, [f"q{number}" for number in range(len(masks))])


@pytest.mark.thorough
@given(random_masks)
def test_counts_are_those_of_unpacked_masks(masks):
    counts, stacked = counted(masks), np.stack(masks)
    times = stacked.sum(axis=0)
    for tensor, rows in counts.groupby("tensor", sort=False):
        span = next(each.span for each in LAYOUT.tensors if each.name == tensor)
        assert list(rows["selected"]) == list(stacked[:, span].sum(axis=1))
        assert list(rows["private"]) == list((stacked & (times == 1))[:, span].sum(axis=1))
        assert set(rows["core"]) == {(times[span] == len(masks)).sum()}
        assert set(rows["reached"]) == {(times[span] > 0).sum()}


@pytest.mark.thorough
@given(random_masks)
def test_core_and_private_part_are_parts_of_a_mask(masks):
    counts = counted(masks)
    assert (counts["core"] + counts["private"] <= counts["selected"]).all()
    assert (counts["core_by_chance"] <= counts["selected"] + 1e-9).all()
    by_tensor = counts.groupby("tensor")
    assert (by_tensor["core"].first() + by_tensor["private"].sum() <= by_tensor["reached"].first()).all()
    if len(masks) == 2:
        assert (counts["core"] + counts["private"] == counts["selected"]).all()
    assert private_shares(counts).dropna().stack().between(0, 1 + 1e-9).all()
    assert core_shares(counts)["core"].dropna().between(0, 1).all()


@pytest.mark.thorough
@given(random_masks)
def test_shares_of_rows_are_those_of_unpacked_masks(masks):
    layout = ParameterLayout(LAYOUT.tensors, Arrangement.by_density(packed(masks[0]).masks()))
    for arranged in (LAYOUT, layout):
        every = [dict(packed(mask, arranged).packed()) for mask in masks]
        tensors = ((tensor, [each[tensor] for each in every]) for tensor in LAYOUT.tensors)
        codes = [f"q{number}" for number in range(len(masks))]
        shares = row_shares(arranged, tensors, codes)
        for number, code in enumerate(codes):
            dense = masks[number][:128].reshape(16, 8).mean(axis=1)
            assert list(shares.loc[DENSE, code]) == pytest.approx(list(dense))
        assert NORM not in shares.index.get_level_values("tensor")


@pytest.mark.thorough
@given(random_masks.filter(lambda masks: len(masks) > 3))
def test_owned_neurons_are_above_all_other_languages(masks):
    every = [dict(packed(mask).packed()) for mask in masks]
    codes = [f"q{number}" for number in range(len(masks))]
    shares = row_shares(LAYOUT, ((tensor, [each[tensor] for each in every]) for tensor in LAYOUT.tensors), codes)
    scripts = {code: "Latn" if number < 2 else "Cyrl" for number, code in enumerate(codes)}
    found = owned(shares, scripts)
    assert (found["margin"] > 0).all()
    assert found["margin"].is_monotonic_decreasing
    for row in found.to_dict("records"):
        values = shares.loc[(row["tensor"], row["neuron"])]
        ours = np.array([scripts[code] == row["script"] for code in codes])
        assert values[ours].min() == row["inside"] > row["outside"] == values[~ours].max()


@given(st.integers(2, 12), st.integers(0, 99))
def test_a_drawn_tree_has_a_line_for_each_leaf_and_joins_them_all(number, seed):
    from scipy.cluster.hierarchy import leaves_list, linkage

    linked = linkage(np.random.default_rng(seed).random((number + 1, 3)), "average")
    lines = drawn(linked, leaves_list(linked))
    assert len(lines) == number + 1
    assert all(line[0] == "─" for line in lines)
    joined = {(row, column) for row, line in enumerate(lines) for column, stroke in enumerate(line) if stroke != " "}
    reached, waiting = set(), [(0, 0)]
    while waiting:
        row, column = waiting.pop()
        if (row, column) in reached or (row, column) not in joined:
            continue
        reached.add((row, column))
        stroke = lines[row][column]
        steps = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
        ways = {"─": "left right", "│": "up down", "┐": "left down", "┘": "left up", "┤": "left up down"}
        ways |= {"┬": "left right down", "┴": "left right up", "┼": "left right up down", "├": "right up down"}
        waiting += [(row + steps[way][0], column + steps[way][1]) for way in ways[stroke].split()]
    assert reached == joined
