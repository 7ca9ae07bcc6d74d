import numpy as np
import pytest
from conftest import records
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.ranking.rank import order_sources, rank_sources
from xsns_hf.recipe import Recipe
from xsns_hf.tasks import candidate_pool

LAYOUT = ParameterLayout.of([("weight", (100, 100))])
RECIPE = Recipe("tiny", "abc", "pretrained", "text")
WIDER = Recipe("tiny", "abc", "pretrained", "text", density=0.3)


def near(base: np.ndarray, noise: float, seed: int) -> np.ndarray:
    return (base + noise * np.random.default_rng(seed).random(base.size)).astype(np.float32)


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> MaskRepository:
    """Finnish, with Estonian's sub-network nearest, then Swedish's and German's, about as near, then Thai's."""
    repository = MaskRepository(tmp_path_factory.mktemp("rank") / "masks", create=True)
    noise = {"fin": 0.1, "ekk": 0.1, "swe": 1.0, "deu": 1.0, "tha": 20.0}
    for number, (language, amount) in enumerate(noise.items()):
        entries = {}
        for seed in range(3):
            base = np.random.default_rng(seed).random(LAYOUT.size)
            subnetwork = select(near(base, amount, 100 * number + seed), LAYOUT, 0.15)
            entries[seed] = subnetwork
        repository.add(records(RECIPE, language, entries))
    return repository


@pytest.mark.thorough
def test_ranking_is_by_mean_similarity_without_the_target(masks):
    ranking = rank_sources("Finnish", masks)
    assert ranking.target == "fin"
    assert ranking.seeds == 3
    assert [ranking.sources[0].language, ranking.sources[-1].language] == ["ekk", "tha"]
    values = [source.similarity for source in ranking.sources]
    assert values == sorted(values, reverse=True)
    table = masks.similarity().query("target == 'fin' and source == 'ekk'")["jaccard"]
    assert ranking.sources[0].similarity == pytest.approx(table.mean(), abs=1e-6)
    assert ranking.sources[0].std == pytest.approx(table.std(ddof=1), abs=1e-6)


@pytest.mark.thorough
def test_candidates_within_the_spread_are_marked(masks):
    marks = {s.language: s.as_good_as_best for s in rank_sources("fin", masks, candidates=["sv", "de", "th"]).sources}
    assert marks == {"swe": True, "deu": True, "tha": False}


def test_candidates_top_and_missing(masks):
    ranking = rank_sources("fi", masks, candidates=["German", "tha", "ita", "fin"], top=1)
    assert [source.language for source in ranking.sources] == ["deu"]
    assert ranking.missing == ["ita"]
    assert ranking.to_dict()["sources"][0]["name"] == "German"
    assert list(ranking.to_frame()["language"]) == ["deu"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "swh"}, "no masks of Swahili"),
        ({"target": "Finish!"}, "did you mean Finnish"),
        ({"target": "fin", "candidates": ["ita"]}, "None of the candidates"),
        ({"target": "fin", "candidates": ["fin"]}, "None of the candidates"),
        ({"target": "fin", "recipe": "none"}, "no recipe 'none'"),
        ({"target": "fin", "top": 0}, "at least 1"),
    ],
)
def test_bad_questions_get_one_sentence(masks, arguments, message):
    with pytest.raises(XsnsError, match=message):
        rank_sources(masks=masks, **arguments)


def test_an_error_names_the_parameter_here_and_the_option_there(masks, xsns):
    with pytest.raises(XsnsError, match="at least 1 with top=…"):
        rank_sources("fin", masks, top=0)
    code, _, errors = xsns("rank", "fin", "--masks", masks.name, "--top", 0)
    assert (code, "at least 1 with --top." in errors) == (2, True)


def test_what_is_said_of_the_best_counts_all_candidates(masks):
    from xsns_hf.ranking.wording import certainty

    of_two = {"candidates": ["sv", "de", "th"]}
    assert "can't be told apart" in certainty(rank_sources("fin", masks, **of_two, top=1))
    assert certainty(rank_sources("fin", masks, top=1)).startswith("Best source: Estonian, ahead of all others")
    assert certainty(rank_sources("fin", masks, candidates=["sv"])).startswith("Swedish is the only candidate")


def test_another_order_keeps_length_and_marks(masks):
    ranking = rank_sources("fin", masks, top=2)
    turned = ranking.ordered([source.language for source in reversed(ranking.candidates)])
    assert [source.language for source in turned.sources] == [s.language for s in ranking.candidates[:-3:-1]]
    assert turned.most_similar == ranking.most_similar
    assert len(turned.candidates) == 4


def test_one_seed_says_nothing_about_spread(tmp_path):
    repository = MaskRepository(tmp_path / "masks", create=True)
    for number, language in enumerate(["fin", "swe", "deu"]):
        subnetwork = select(near(np.zeros(LAYOUT.size), 1, number), LAYOUT, 0.15)
        repository.add(records(RECIPE, language, {0: subnetwork}))
    for source in rank_sources("fin", repository).sources:
        assert source.std is None
        assert source.as_good_as_best is None


@pytest.fixture
def two_recipes(tmp_path) -> MaskRepository:
    """Two languages at p = 0.15, which comes first by name, three at 0.3."""
    repository = MaskRepository(tmp_path / "masks", create=True)
    for recipe, languages in [(RECIPE, ["fin", "swe"]), (WIDER, ["fin", "swe", "deu"])]:
        for number, language in enumerate(languages):
            subnetwork = select(near(np.zeros(LAYOUT.size), 1, number), LAYOUT, recipe.density)
            repository.add(records(recipe, language, {0: subnetwork}))
    return repository


def test_of_several_recipes_that_of_the_most_languages_is_taken(two_recipes):
    assert rank_sources("fin", two_recipes).recipe == WIDER.name
    assert rank_sources("fin", two_recipes, recipe=RECIPE.name).recipe == RECIPE.name
    with pytest.raises(XsnsError, match=f"holds no recipe 'mine': choose one with recipe=…: .*{RECIPE.name}"):
        rank_sources("fin", two_recipes, recipe="mine")


def test_a_language_that_only_another_recipe_has_is_found_there(two_recipes):
    with pytest.raises(XsnsError, match=f"no masks of German .* that has them with recipe=…: {WIDER.name}"):
        rank_sources("deu", two_recipes, recipe=RECIPE.name)


def test_rank_says_which_recipe_it_took(two_recipes, xsns):
    output = xsns("rank", "fin", "--masks", two_recipes.name)[1]
    assert f"Masks of the recipe {WIDER.name}; there are others. With --recipe: {RECIPE.name}." in output
    named = xsns("rank", "fin", "--masks", two_recipes.name, "--recipe", RECIPE.name)[1]
    assert "most languages" not in named
    assert "these are" not in xsns("rank", "fin", "--masks", two_recipes.name, "--json")[1].lower()


@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 999))
def test_the_best_is_always_as_good_as_itself(languages, seeds, seed):
    import pandas as pd

    codes = ["deu", "eng", "fra", "ita", "spa", "rus"][:languages]
    frame = pd.DataFrame(np.random.default_rng(seed).random((languages, seeds)), index=codes)
    sources = order_sources(frame)
    assert sources[0].as_good_as_best is True
    assert sorted(source.language for source in sources) == sorted(codes)


def test_the_papers_pools_have_their_sizes():
    assert {task: len(candidate_pool(task)) for task in ("ner", "pos", "nli", "pi", "qa")} == {
        "ner": 17, "pos": 20, "nli": 15, "pi": 7, "qa": 8,
    }  # fmt: skip
    assert candidate_pool("pi") == ["cmn", "eng", "fra", "deu", "jpn", "kor", "spa"]
