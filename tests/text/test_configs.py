"""Which configuration is which language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import script
from xsns_hf.text.any_dataset import Address
from xsns_hf.text.catalogue import SOURCES
from xsns_hf.text.configs import by_name, by_pattern, is_pattern

CODES = sorted(code for code in SOURCES["wikipedia"].configs if "_" not in code)


@pytest.mark.thorough
@given(
    st.lists(st.sampled_from(CODES), min_size=1, unique=True),
    st.sampled_from(["{}", "{}_Script"]),
    st.sampled_from(["", "20231101.", "v2-", "clean_"]),
    st.sampled_from(["", ".all", "-2024"]),
)
def test_whatever_stands_around_it_the_language_is_found_by_its_place(codes, form, before, after):
    scripts = {code: f"{code}_{script(code)}" if form.endswith("Script") else code for code in codes}
    names = {code: f"{before}{text}{after}" for code, text in scripts.items()}
    placeholder = "{code_Script}" if form.endswith("Script") else "{639-3}"
    for pattern in (f"{before}{placeholder}{after}", f"{before}{{code}}{after}"):
        assert by_pattern(names.values(), pattern) == {code: [name] for code, name in names.items()}
    if not (before and after):
        found = by_name(list(names.values()))
        assert {code: found.get(code) for code in codes} == {code: [name] for code, name in names.items()}


def test_much_else_is_a_code_of_three_letters():
    assert by_name(["fi_tdt", "fi_ftb", "sv_lines", "en_gum"])["fin"] == ["fi_tdt", "fi_ftb"]
    assert "tet" not in by_name(["fi_tdt", "sv_lines", "en_gum"]), "Tetum"
    assert by_name(["be", "be-x-old", "zh-yue"])["bel"] == ["be"]
    assert by_name(["20231101.fi", "20231101.simple"]) == {"fin": ["20231101.fi"]}
    assert by_name(["fin_Latn", "fin_Latn_removed"]) == {"fin": ["fin_Latn"]}
    assert by_name(["default", "train"]) == {}


@pytest.mark.parametrize("pattern", ["{iso}", "{639-1}-{639-3}", "{}"])
def test_no_pattern(pattern):
    with pytest.raises(XsnsError, match="is no pattern"):
        is_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("wikiann", ("wikiann", None, None)),
        ("wikiann:sw", ("wikiann", None, "sw")),
        ("owner/name", ("owner/name", None, None)),
        ("owner/na.me-2@v1.0", ("owner/na.me-2", "v1.0", None)),
        ("owner/name@refs/pr/1:20231101.fi", ("owner/name", "refs/pr/1", "20231101.fi")),
    ],
)
def test_addresses(text, parts):
    assert Address.of(text) == Address(*parts)


@pytest.mark.parametrize("text", ["", "a b", "a/b/c", "./folder", "https://example.org/x", "owner/"])
def test_no_address(text):
    with pytest.raises(XsnsError, match="is no dataset"):
        Address.of(text)
