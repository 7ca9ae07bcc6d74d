"""The predictors that need no text, their registry, and the ensemble."""

import numpy as np
import pandas as pd
import pytest
from conftest import LANGUAGES
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.evaluation.evaluate import evaluate
from xsns_hf.expectation.donors import donor_strength
from xsns_hf.expectation.learning import expect
from xsns_hf.gold import Gold, read_gold, restricted
from xsns_hf.languages import uriel
from xsns_hf.predictors import Inputs, known_predictors, make_predictors
from xsns_hf.predictors.ensemble import WEIGHTS, standardised
from xsns_hf.tasks import candidate_pool
from xsns_hf.text.folder import SAMPLE_TEXT, sample_corpus
from xsns_hf.text.hub import SOURCES

POOL = [code for code in candidate_pool("pos") if code not in ("bul", "ita", "tur")]
URIEL = ["lang2vec", "genealogy", "geography"]


def one(name: str, **inputs):
    return make_predictors([name], Inputs(**inputs))[0]


def test_every_predictor_says_what_it_is():
    known = known_predictors()
    names = (
        "donor embedding english ensemble evenness expected genealogy geography lang2vec lexical nearest-token "
        "neighbours random xsns"
    )
    assert list(known) == names.split()
    assert all(each.about and set(each.needs) <= {"masks", "text", "model", "gold"} for each in known.values())
    assert not known["english"].targeted


def test_an_unknown_predictor_and_a_missing_input():
    with pytest.raises(XsnsError, match=r"no predictor 'magic': use some of donor, embedding, english"):
        make_predictors(["magic"], Inputs())
    with pytest.raises(XsnsError, match=r"The predictor xsns needs masks=…: give it, or leave xsns out"):
        make_predictors(["xsns"], Inputs())
    with pytest.raises(XsnsError, match=r"ensemble needs masks=… and text=…"):
        make_predictors(["ensemble"], Inputs())


@pytest.mark.thorough
@pytest.mark.parametrize("name", URIEL)
def test_uriel_compares_by_cosine(name):
    codes = ["fin", "est", "swh", "srp_Latn"]
    found = one(name).scores(codes, codes)
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found, found.T)
    assert found.loc["fin", "est"] > found.loc["fin", "swh"]
    assert one(name).scores(["fin"], ["srp"]).loc["fin", "srp"] == pytest.approx(found.loc["fin", "srp_Latn"])


@pytest.mark.thorough
@pytest.mark.parametrize("name", URIEL)
def test_a_language_that_uriel_lacks_is_unknown_and_not_an_error(name):
    found = one(name).scores(["fin", "qaa"], ["eng"])
    assert np.isnan(found.loc["qaa", "eng"])
    assert np.isfinite(found.loc["fin", "eng"])


def test_an_empty_row_is_unknown_and_not_unrelated():
    """URIEL's tree has nothing of Basque, nor of any language that would stand for it."""
    found = one("genealogy").scores(["eus", "fin"], ["eus", "spa"])
    assert found.loc["eus"].isna().all()
    assert found["eus"].isna().all()
    assert found.loc["fin", "spa"] == 0
    rows = [(source, "cat", 0, score) for score, source in enumerate(["eus", "spa", "fin"])]
    gold = Gold("gold.csv", pd.DataFrame(rows, columns=["source", "target", "seed", "score"]), [])
    assert evaluate(gold, [one("genealogy")]).left_out == {"cat": ["eus"]}


@pytest.mark.parametrize(
    ("code", "relative", "listed"),
    [
        ("ekk", "fin", "est"),
        ("lvs", "lit", "lav"),
        ("nob", "dan", "nor"),
        ("nno", "isl", "nor"),
        ("twi", "yor", "aka"),
        ("ltg_Cyrl", "lit", "lav"),
    ],
)
def test_an_empty_row_is_that_of_the_macrolanguage(code, relative, listed):
    found = one("genealogy").scores([code], [relative, "tur", listed]).loc[code]
    assert found[relative] > found["tur"] == 0
    assert found[listed] == pytest.approx(1)
    assert uriel.row_of(code, uriel.lineages(), []) == uriel.lineages()[listed]


def test_a_row_of_its_own_is_preferred():
    assert uriel.row_of("cmn", {"cmn": 1, "zho": 2}, 3) == 1
    assert uriel.row_of("srp_Latn", {"srp": 1, "hbs": 2}, 3) == 1
    assert uriel.row_of("cmn", {"zho": 2}, 3) == 2
    assert uriel.row_of("cmn", {}, 3) == 3


def test_the_languages_of_the_corpora_are_known():
    codes = sorted({*sample_corpus().files, *(code for source in SOURCES.values() for code in source.configs)})
    unknown = {
        name: [code for code, row in one(name).scores(codes, codes).iterrows() if row.isna().all()] for name in URIEL
    }
    assert unknown == {"lang2vec": [], "genealogy": ["eus"], "geography": []}


languages = st.sampled_from([*POOL, *uriel.MACRO_LANGUAGES, *uriel.MACRO_LANGUAGES.values()])


@given(st.lists(languages, min_size=2, max_size=6, unique=True), st.sampled_from(URIEL))
def test_a_language_is_known_or_unknown_as_a_whole(codes, name):
    found = one(name).scores(codes, codes)
    known = np.isfinite(np.diag(found))
    np.testing.assert_allclose(np.diag(found)[known], 1)
    assert np.array_equal(np.isfinite(found), np.outer(known, known))
    if name == "genealogy":
        assert list(known) == [bool(uriel.row_of(code, uriel.lineages(), [])) for code in codes]


@pytest.mark.thorough
def test_lang2vec_on_published_scores():
    """On the 17 of the paper's 20 languages that ship; scripts/study tables has all 20: 68.5, 56.9, 79.9."""
    gold = restricted(read_gold(SAMPLE_TEXT.parent / "gold" / "xpos.csv"), POOL, POOL)
    found = evaluate(gold, [one("lang2vec"), one("random"), one("english")]).table
    assert found.loc["lang2vec", "pearson"] == pytest.approx(0.7202, abs=1e-4)
    assert found.loc["lang2vec", "ndcg@3"] > found.loc["random", "ndcg@3"] + 0.15
    assert abs(found.loc["random", "pearson"]) < 0.1
    assert found.loc["english", "regret"] > found.loc["lang2vec", "regret"]


def test_floors():
    scores = one("random").scores(["fin", "swe"], ["eng", "deu"], seed=3)
    assert scores.equals(
        one("random").scores(["swe", "fin"], ["deu", "eng"], seed=3).loc[["fin", "swe"], ["eng", "deu"]]
    )
    assert not scores.equals(one("random").scores(["fin", "swe"], ["eng", "deu"], seed=4))
    assert one("english").scores(["fin"], ["deu", "eng"]).loc["fin"].to_dict() == {"deu": 0.0, "eng": 1.0}


@pytest.mark.thorough
@given(arrays(float, (4, 5), elements=st.floats(-100, 100)), st.floats(0.1, 10), st.floats(-5, 5))
def test_standardised_scores_have_no_scale(values, scale, shift):
    table = pd.DataFrame(values.round(3), list("abcd"), list("abcde"))
    found = standardised(table)
    np.testing.assert_allclose(standardised(scale * table + shift), found, atol=1e-4)
    assert all(np.isnan(found.loc[code, code]) for code in "abcd")
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-7)
    assert ((found.std(axis=1).round(6) == 1) | (found.fillna(0) == 0).all(axis=1)).all()


@pytest.mark.thorough
def test_the_ensemble_sums_the_standardised_parts(masks, tiny):
    inputs = {"masks": str(masks), "text": sample_corpus(), "model": str(tiny)}
    codes = ["eng", "fin", "rus"]
    ensemble = one("ensemble", **inputs)
    assert list(ensemble.seeds) == [0, 1]
    expected = sum(
        weight * standardised(kind(Inputs(**inputs)).scores(codes, codes, 1)) for kind, weight in WEIGHTS.items()
    )
    pd.testing.assert_frame_equal(ensemble.scores(codes, codes, 1), expected, check_names=False)


def test_xsns_is_the_similarity_of_the_masks(masks):
    predictor = one("xsns", masks=str(masks))
    table = predictor.masks.pairs
    row = table[table["seed"] == 1].iloc[0]
    found = predictor.scores([row["target"], "swh"], [row["source"]], seed=1)
    assert found.loc[row["target"], row["source"]] == row["jaccard"]
    assert np.isnan(found.loc["swh", row["source"]])


def test_donor_leaves_each_target_out_and_knows_no_other_languages():
    gold = read_gold(SAMPLE_TEXT.parent / "gold" / "xpos.csv")
    found = one("donor", gold=gold).scores(["fin", "swh"], ["deu", "ekk", "tha"])
    others = gold.matrix()
    for target in found.index:
        strength = donor_strength(others.drop(index=target, errors="ignore"))
        assert found.loc[target, "deu"] == pytest.approx(strength["deu"])
    assert found["tha"].isna().all()
    with pytest.raises(XsnsError, match="needs gold=…"):
        one("donor")


def test_expected_is_the_order_of_the_library(masks):
    gold = read_gold(SAMPLE_TEXT.parent / "gold" / "xpos.csv")
    predictor = one("expected", masks=str(masks), gold=gold)
    assert list(predictor.seeds) == [0, 1]
    found = predictor.scores(LANGUAGES, [*LANGUAGES, "tha"], 1)
    similarity = MaskRepository(masks).masks().by_seed[1]
    others = [language for language in LANGUAGES if language != "fin"]
    codes = list(similarity.index)
    beside = {"structure": one("lang2vec").scores(codes, codes)}
    expected = expect(similarity, gold.matrix(), "fin", others, beside).index
    pd.testing.assert_series_equal(found.loc["fin", others], expected, check_names=False, check_index_type=False)
    assert found["tha"].isna().all()


@pytest.mark.thorough
def test_expected_joins_sub_words_where_there_is_text(masks):
    gold = read_gold(SAMPLE_TEXT.parent / "gold" / "xpos.csv")
    text = sample_corpus()
    predictor = one("expected", masks=str(masks), gold=gold, text=text)
    similarity, codes = MaskRepository(masks).masks().by_seed[0], list(LANGUAGES)
    names = {"structure": "lang2vec", "words": "lexical"}
    beside = {part: one(name, text=text).scores(codes, codes) for part, name in names.items()}
    others = [language for language in LANGUAGES if language != "fin"]
    expected = expect(similarity, gold.matrix(), "fin", others, beside)
    assert list(expected.parts) == ["similarity", "structure", "words", "donor"]
    found = predictor.scores(["fin"], others, 0)
    pd.testing.assert_series_equal(found.loc["fin"], expected.index, check_names=False, check_index_type=False)


def test_expected_says_when_scores_are_too_few(masks):
    gold = restricted(read_gold(SAMPLE_TEXT.parent / "gold" / "xpos.csv"), ["deu", "fra", "rus"], None)
    with pytest.raises(XsnsError, match=r"Beside fra .* for 2 targets"):
        one("expected", masks=str(masks), gold=gold).scores(["fra"], ["deu", "rus"])
