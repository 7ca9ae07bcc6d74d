import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langcodes import Language
from langcodes.data_dicts import ALL_SCRIPTS, LANGUAGE_ALPHA3_BIBLIOGRAPHIC, LIKELY_SUBTAGS

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import _known_words, identify, identify_or_none, name

FLORES_LIST = """
    acm_Arab ajp_Arab als_Latn arb_Arab azb_Arab azj_Latn ckb_Arab crh_Latn eng_Latn ekk_Latn gaz_Latn
    jpn_Jpan khk_Cyrl kmr_Latn kor_Hang lvs_Latn nob_Latn npi_Deva ory_Orya pbt_Arab pes_Arab plt_Latn
    prs_Arab quy_Latn sat_Olck srp_Cyrl swh_Latn tgl_Latn twi_Latn uzn_Latn ydd_Hebr yue_Hant zho_Hans
    zsm_Latn
"""
FLORES = FLORES_LIST.split()


CODES = {*_known_words().values(), *FLORES, *LANGUAGE_ALPHA3_BIBLIOGRAPHIC.values()}
WORDS = sorted(CODES | {word for word in _known_words() if len(word) > 3})

words = st.sampled_from(WORDS)
languages = words.map(identify)
own_tags = st.sampled_from(["de", "fi", "fr", "ja", "ko", "sr", "sw", "zh", "ar", "hi", "no"])
scripts = st.sampled_from(sorted(script for script in ALL_SCRIPTS if len(script) == 4))
scripted = st.builds("{}{}{}".format, languages.map(lambda code: code[:3]), st.sampled_from("-_"), scripts)
regional = st.sampled_from([tag for tag in LIKELY_SUBTAGS if re.fullmatch("(?!und)[a-z]{2}-[A-Z]{2}", tag)])
inputs = words | words.map(str.upper) | own_tags.map(lambda tag: Language.get(tag).autonym()) | scripted | regional


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[("en", "eng"), ("eng", "eng"), ("eng_Latn", "eng"), ("en-GB", "eng"), ("ENGLISH", "eng"), (" en ", "eng")],
        *[("no", "nob"), ("nor", "nob"), ("nb", "nob"), ("no-NO", "nob"), ("Norwegian", "nob"), ("norsk", "nob")],
        *[("nn", "nno"), ("Nynorsk", "nno")],
        *[("zh", "cmn"), ("chi", "cmn"), ("zho", "cmn"), ("zh-Hans", "cmn"), ("zho_Hans", "cmn"), ("中文", "cmn")],
        *[("zh-Hant", "cmn_Hant"), ("zh-TW", "cmn_Hant"), ("zh-HK", "cmn_Hant"), ("cmn_Hant", "cmn_Hant")],
        *[("zh-Hans-TW", "cmn"), ("cmn_Hani", "cmn"), ("yue", "yue"), ("zh-yue", "yue"), ("Cantonese", "yue")],
        *[("sr", "srp"), ("srp_Cyrl", "srp"), ("sr-Latn", "srp_Latn"), ("sr-Latn-RS", "srp_Latn")],
        *[("sh", "srp_Latn"), ("hbs", "srp_Latn"), ("Serbian (Latin)", "srp_Latn"), ("srpski", "srp_Latn")],
        *[("hr", "hrv"), ("bs", "bos"), ("Croatian", "hrv")],
        *[("sw", "swh"), ("swa", "swh"), ("Swahili", "swh"), ("Kiswahili", "swh"), ("swc", "swc")],
        *[("ar", "arb"), ("fa", "pes"), ("prs", "prs"), ("et", "ekk"), ("lv", "lvs"), ("ms", "zsm"), ("ku", "kmr")],
        *[("az", "azj"), ("uz", "uzn"), ("mn", "khk"), ("ne", "npi"), ("or", "ory"), ("yi", "ydd"), ("sq", "als")],
        *[("ak", "aka"), ("twi", "twi"), ("fil", "tgl"), ("tl", "tgl"), ("bho", "bho")],
        *[("ger", "deu"), ("iw", "heb"), ("pt-BR", "por"), ("Haitian Creole", "hat"), ("suomi", "fin")],
        *[("uz-AF", "uzn_Arab"), ("pa-PK", "pan_Arab"), ("fa-AF", "prs"), ("grc_Grek", "grc"), ("ur-Aran", "urd")],
    ],
)
def test_identify(text, code):
    assert identify(text) == code


def test_what_is_no_language_has_no_code():
    assert identify_or_none(" Finnish ") == "fin"
    assert identify_or_none("Hindi English") is identify_or_none("") is None


@pytest.mark.parametrize("text", sorted({*FLORES} - {"crh_Latn", "zho_Hans"}))
def test_a_default_script_is_dropped(text):
    assert identify(text) == identify(text[:3]) == text[:3]


@given(inputs)
def test_identify_is_idempotent(text):
    code = identify(text)
    assert re.fullmatch(r"[a-z]{3}(_[A-Z][a-z]{3})?", code)
    assert identify(code) == code


@given(inputs)
def test_every_language_has_a_name(text):
    shown = name(text)
    assert shown == name(identify(text))
    assert "Unknown" not in shown


@given(words.filter(lambda text: len(name(text)) > 3))
def test_a_name_leads_back_to_its_language(text):
    assert identify(name(text)) == identify(text)


@given(st.text(max_size=12) | st.from_regex(r"[a-zA-Z]{2,3}([-_][A-Za-z0-9]{1,8}){0,3}", fullmatch=True))
@example("\x00000")  # the names' trie takes such characters for its own
@example("\x00000\x80")
def test_any_text_is_a_language_or_a_clear_error(text):
    try:
        code = identify(text)
    except XsnsError as error:
        assert str(error).startswith(f"{text!r} is not a language we know; ")
    else:
        assert identify(code) == code


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("swahilli", "Swahili (swh)"),
        ("Norweigan", "Norwegian Bokmål (nob)"),
        ("finish", "Finnish (fin)"),
        ("eng_Latin", "English (eng)"),
        ("en_US.UTF-8", "English (eng)"),
        ("sr-latin", "Serbian (srp)"),
        ("Chinese Simplified", "Chinese (cmn)"),
        ("Englishman", "English (eng)"),
    ],
)
def test_a_wrong_code_gives_the_nearest(text, nearest):
    with pytest.raises(XsnsError, match="did you mean " + re.escape(nearest)):
        identify(text)


@pytest.mark.parametrize("text", ["", "und", "mul", "zxx", "qaa", "sla", "Slavic", "x-mine", "bih", "README", "123"])
def test_what_is_no_language(text):
    with pytest.raises(XsnsError, match="is not a language we know"):
        identify(text)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("swh", "Swahili"),
        ("cmn", "Chinese"),
        ("cmn_Hant", "Chinese (Traditional)"),
        ("srp", "Serbian"),
        ("srp_Latn", "Serbian (Latin)"),
        ("arb", "Arabic"),
        ("nob", "Norwegian Bokmål"),
        ("tgl", "Tagalog"),
        ("prs", "Dari"),
        ("sme", "Northern Sami"),
    ],
)
def test_name(code, shown):
    assert name(code) == shown
