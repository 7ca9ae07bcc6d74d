"""Three languages that cover a target, against sets of parameters; `xsns explain … --cover`."""

import json
from itertools import combinations

import numpy as np
import pytest
from conftest import records
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import MasksMissing
from xsns_hf.explanation import cover as cover_module
from xsns_hf.explanation.cover import cover, covered
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe

LAYOUT = ParameterLayout.of([("encoder.layer.0.output.dense.weight", (9, 7)), ("encoder.layer.1.norm.bias", (11,))])
RECIPE = Recipe("tiny", "r", "tied", "text")
CANDIDATES = ["deu", "eng", "fra", "hun", "kor", "rus", "swe"]
LANGUAGES = ["fin", *CANDIDATES]


def packed(chosen: np.ndarray) -> SubNetwork:
    """Make a sub-network of bool [layout.size]."""
    bits = [LAYOUT.pack(tensor, chosen[tensor.span].reshape(tensor.shape)) for tensor in LAYOUT.tensors]
    return SubNetwork(LAYOUT, np.concatenate(bits), 0.0)


def chosen_by(language: str, seed: int) -> np.ndarray:
    """Return which parameters a language selects, at random, bool [layout.size]."""
    return np.random.default_rng([LANGUAGES.index(language), seed]).random(LAYOUT.size) < 0.3


def share(languages, seeds=(0, 1)) -> float:
    """Return the share of Finnish that languages cover, mean over seeds."""
    shares = []
    for seed in seeds:
        target = set(np.flatnonzero(chosen_by("fin", seed)))
        union = set().union(*(np.flatnonzero(chosen_by(code, seed)) for code in languages))
        shares.append(len(target & union) / len(target))
    return float(np.mean(shares))


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> MaskRepository:
    repository = MaskRepository(tmp_path_factory.mktemp("cover") / "masks", create=True)
    for language in LANGUAGES:
        seeds = (0, 1, 2) if language == "fin" else (0, 1)
        repository.add(records(RECIPE, language, {seed: packed(chosen_by(language, seed)) for seed in seeds}))
    return repository


@pytest.mark.thorough
def test_the_best_of_all_triples(masks):
    result = cover(masks.masks(), "fin")
    assert (result.seeds, result.candidates, result.exact) == ([0, 1], 7, True)
    best = max(combinations(CANDIDATES, 3), key=share)
    assert set(result.best.languages) == set(best)
    assert result.best.covered[-1] == pytest.approx(share(best))
    by_seed = [share(best, [seed]) for seed in (0, 1)]
    assert result.best.std == pytest.approx(np.std(by_seed, ddof=1))
    similar = masks.masks().similarity([0, 1]).loc["fin", CANDIDATES].nlargest(3).index
    assert set(result.similar.languages) == set(similar)
    assert result.similar.covered[-1] == pytest.approx(share(similar))
    assert set(similar) != set(best)


def test_languages_stand_in_the_order_of_what_they_add(masks):
    pool, order = ["deu", "rus", "swe"], []
    result = cover(masks.masks(), "fin", ["fin", *pool[::-1]])
    for covered_share in result.best.covered:
        order.append(max((code for code in pool if code not in order), key=lambda code: share([*order, code])))
        assert covered_share == pytest.approx(share(order))
    assert result.best.languages == order
    assert result.best == result.similar


@pytest.mark.thorough
def test_of_many_candidates_one_is_added_at_a_time(masks, monkeypatch):
    monkeypatch.setattr(cover_module, "EXACT", 6)
    result = cover(masks.masks(), "fin")
    assert not result.exact
    order = []
    for _ in range(3):
        order.append(max((code for code in CANDIDATES if code not in order), key=lambda code: share([*order, code])))
    assert result.best.languages == order
    assert result.best.covered == pytest.approx([share(order[:size]) for size in (1, 2, 3)])


@pytest.mark.thorough
def test_similar_ones_that_cover_more_are_not_missed_step_by_step(tmp_path, monkeypatch):
    """German covers most by itself, since it selects much; the others are more similar, and complete each other."""
    repository, places = MaskRepository(tmp_path / "masks", create=True), np.arange(LAYOUT.size)
    chosen = {"fin": places < 48, "deu": (places >= 48) | (places % 2 == 0), "eng": places < 16}
    chosen |= {"fra": (places >= 16) & (places < 32), "hun": (places >= 32) & (places < 48)}
    for language, mask in chosen.items():
        repository.add(records(RECIPE, language, {0: packed(mask)}))
    monkeypatch.setattr(cover_module, "EXACT", 3)
    result = cover(repository.masks(), "fin")
    assert not result.exact
    assert result.best == result.similar
    assert (result.best.languages, result.best.std) == (["eng", "fra", "hun"], None)
    assert result.best.covered == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.mark.thorough
@given(st.data())
def test_shares_are_those_of_sets(data):
    number, size = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 70))
    bits = data.draw(st.lists(st.lists(st.booleans(), min_size=size, max_size=size), min_size=number + 1, max_size=6))
    unions = data.draw(
        st.lists(st.lists(st.integers(0, len(bits) - 2), min_size=1, unique=True).map(tuple), min_size=1, max_size=9)
    )
    cuts = data.draw(st.integers(0, size))
    pieces = [[np.packbits(np.array(row[part], bool)) for row in bits] for part in (slice(cuts), slice(cuts, None))]
    values = covered([(None, masks) for masks in pieces], unions)
    target, *others = [{place for place, bit in enumerate(row) if bit} for row in bits]
    for union, value in zip(unions, values, strict=True):
        joined = target & set().union(*(others[number] for number in union))
        assert value == (len(joined) / len(target) if target else pytest.approx(np.nan, nan_ok=True))


def test_a_language_without_masks_and_too_few_candidates(masks):
    with pytest.raises(MasksMissing, match=r"no masks of Italian \(ita\)"):
        cover(masks.masks(), "fin", ["deu", "ita", "rus"])
    with pytest.raises(MasksMissing, match=r"no masks of Italian \(ita\)"):
        cover(masks.masks(), "ita")
    with pytest.raises(MasksMissing, match=r"takes at least 3 other languages, .* for 2 \(deu, rus\).*languages=…"):
        cover(masks.masks(), "fin", ["deu", "rus", "fin"])


def test_on_the_command_line(xsns, masks):
    code, output, errors = xsns("explain", "Finnish", "--cover", "--masks", masks.name, "--json")
    assert code == 0, errors
    answer = json.loads(output)
    assert (answer["target"], answer["seeds"], answer["candidates"], answer["exact"]) == ("fin", [0, 1], 7, True)
    best = [source["language"] for source in answer["best"]["sources"]]
    assert answer["best"]["covered"] == answer["best"]["sources"][-1]["covered"] == pytest.approx(share(best), abs=1e-6)
    assert answer["similar"]["covered"] <= answer["best"]["covered"]
    assert list(answer["similar"]["sources"][0]) == ["language", "name", "covered"]


@pytest.mark.thorough
def test_what_people_read(xsns, masks):
    code, output, errors = xsns("explain", "fin", "--cover", "--masks", masks.name, "--languages", "en,de,ru,sv")
    assert code == 0, errors
    output = " ".join(output.split())
    best = max(combinations(["deu", "eng", "rus", "swe"], 3), key=share)
    assert "What covers the sub-network of Finnish (fin)" in output
    assert f"together cover {100 * share(best):.1f} % (± " in output
    assert "All triples of 4 languages were compared. Mean over 2 seeds." in output
    assert "that sources which cover more transfer better isn't shown" in output
    output = " ".join(xsns("explain", "fin", "--cover", "--masks", masks.name, "--languages", "en,de,ru")[1].split())
    assert "They are also the three most similar ones." in output


def test_people_read_that_not_all_triples_were_compared(xsns, masks, monkeypatch):
    monkeypatch.setattr(cover_module, "EXACT", 6)
    output = " ".join(xsns("explain", "fin", "--cover", "--masks", masks.name)[1].split())
    assert "Of 7 languages, the best to add was taken each time; other triples may cover a little more." in output


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cover"], "--cover is about one language"),
        (["fin", "deu", "--cover"], "--cover is about one language"),
        (["fin", "--cover", "--neurons", 3], "leave out --neurons and --plot"),
        (["fin", "--cover", "--plot", "cover.png"], "leave out --neurons and --plot"),
        (["fin", "--cover", "--languages", "deu,rus"], "add some to --languages"),
        (["fin"], "or --cover for three"),
    ],
)
def test_bad_questions_get_one_sentence(xsns, masks, arguments, message):
    code, output, errors = xsns("explain", *arguments, "--masks", masks.name)
    assert (code, output) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1
