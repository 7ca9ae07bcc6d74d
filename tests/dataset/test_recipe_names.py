"""A recipe is named by its name, or by as much of it as tells it from the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.dataset.recipe_masks import recipe_named
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.recipe import Recipe

NAMES = ["text-mlm-tied-n16-p0.15-capped", "text-mlm-tied-n16-p0.3-capped", "wiki-mlm-tied-n16-p0.3-capped"]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [(NAMES[1], 1), ("wiki", 2), ("text-mlm-tied-n16-p0.1", 0), ("p0.15", 0), ("p0.3-text", 1), ("n16-p0.15", 0)],
)
def test_enough_of_a_name_is_a_name(wanted, number):
    assert recipe_named(wanted, NAMES, "here") == NAMES[number]


def test_a_name_that_begins_another_is_that_recipe():
    assert recipe_named("a-p0.3", ["a-p0.3-capped", "a-p0.3"], "here") == "a-p0.3"
    assert recipe_named("a-p0.3", ["a-p0.3-capped", "a-p0.35"], "here") == "a-p0.3-capped", "0.3 isn't 0.35"


@pytest.mark.parametrize(
    ("wanted", "problem", "choices"),
    [
        ("text", "several recipes 'text'", NAMES[:2]),
        ("p0.3", "several recipes 'p0.3'", NAMES[1:]),
        ("p0.5", "no recipe 'p0.5'", NAMES),
        ("", "no recipe ''", NAMES),
    ],
)
def test_what_names_none_or_several_is_told_the_choices(wanted, problem, choices):
    with pytest.raises(XsnsError) as raised:
        recipe_named(wanted, NAMES[::-1], "here")
    sentence = raised.value.on_command_line()
    assert sentence == f"here holds {problem}: choose one with --recipe: {', '.join(choices)}."


@given(
    st.lists(
        st.builds(
            lambda size, density, kind: Recipe(
                "m", "r", "tied", "text", importance=kind, examples=size, density=density
            ),
            st.integers(1, 300),
            st.sampled_from([0.05, 0.1, 0.15, 0.3]),
            st.sampled_from(["exact", "capped"]),
        ).map(lambda recipe: recipe.name),
        min_size=1,
        unique=True,
    ),
    st.data(),
)
def test_what_is_found_has_what_was_asked_for(names, data):
    name = data.draw(st.sampled_from(names))
    assert recipe_named(name, names, "here") == name
    parts = name.split("-")
    some = data.draw(st.lists(st.sampled_from(parts), min_size=1, unique=True))
    having = [other for other in names if set(some) <= set(other.split("-"))]
    if len(having) == 1 and not [other for other in names if other.startswith("-".join(some))]:
        assert recipe_named("-".join(some), names, "here") == name


@pytest.mark.thorough
def test_a_part_of_its_name_is_enough_wherever_a_recipe_is_named(masks, xsns):
    whole = MaskRepository(masks).masks().name
    for command in (["rank", "fin"], ["explain", "fin", "eng"]):
        code, output, errors = xsns(*command, "--masks", masks, "--recipe", "n16", "--json")
        assert code == 0, errors
        assert output == xsns(*command, "--masks", masks, "--recipe", whole, "--json")[1]
        code, _, errors = xsns(*command, "--masks", masks, "--recipe", "n17")
        assert code == 2
        assert f"holds no recipe 'n17': choose one with --recipe: {whole}." in errors
