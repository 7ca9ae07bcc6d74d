import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsns_hf.errors import XsnsError
from xsns_hf.languages.xpos import FEATURES, families, xpos_features, xpos_missing
from xsns_hf.metrics.source_ranking.scoring import score
from xsns_hf.ranking.regression import METHODS, _folds, _predict_left_out, evaluate_regression, fit

ABC = ["a", "b", "c"]


def simulate(
    languages: int = 12, source_std: float = 2.0, target_std: float = 5.0, std: float = 1.5, seed: int = 0
) -> pd.DataFrame:
    """Score = 60 + 3 a − 2 b + 0 c + intercepts of a source and a target + noise, of all ordered pairs."""
    random = np.random.default_rng(seed)
    names = [f"l{number:02}" for number in range(languages)]
    pairs = pd.DataFrame(list(permutations(names, 2)), columns=["source", "target"])
    pairs["a"], pairs["b"] = random.normal(size=(2, len(pairs)))
    pairs["c"] = random.random(len(pairs)) < 0.3
    sources = dict(zip(names, random.normal(0, source_std, languages), strict=True))
    targets = dict(zip(names, random.normal(0, target_std, languages), strict=True))
    noise = random.normal(0, std, len(pairs))
    pairs["score"] = 60 + 3 * pairs["a"] - 2 * pairs["b"] + pairs["source"].map(sources) + pairs["target"].map(targets)
    return pairs.assign(score=pairs["score"] + noise)


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    return simulate()


def test_ols_is_least_squares(pairs):
    design = np.column_stack([np.ones(len(pairs)), pairs[ABC].astype(float)])
    expected, rest, *_ = np.linalg.lstsq(design, pairs["score"], rcond=None)
    found = fit(pairs, ABC)
    np.testing.assert_allclose([found.intercept, *found.coefficients.values()], expected, rtol=1e-10)
    assert found.residual_std == pytest.approx(np.sqrt(rest[0] / (len(pairs) - 4)))
    assert (found.sources, found.targets, found.source_variance, found.target_variance) == ({}, {}, 0, 0)
    np.testing.assert_allclose(found.predict(pairs, with_target=True), design @ expected)


def test_the_interval_of_ols_is_the_classical_one(pairs):
    import statsmodels.api as sm

    design = sm.add_constant(pairs[ABC].astype(float))
    expected = sm.OLS(pairs["score"], design).fit().get_prediction(design).summary_frame(alpha=0.2)
    found = fit(pairs, ABC).interval(pairs, confidence=0.8)
    np.testing.assert_allclose(found, expected[["obs_ci_lower", "obs_ci_upper"]])


def test_mixed_effects_are_those_of_statsmodels(pairs):
    import statsmodels.formula.api as smf

    components = {"source": "0 + C(source)", "target": "0 + C(target)"}
    model = smf.mixedlm(
        "score ~ a + b + c",
        pairs.astype({"c": float}),
        groups=np.zeros(len(pairs)),
        vc_formula=components,
        re_formula="0",
    )
    expected, found = model.fit(), fit(pairs, ABC, "mixed")
    np.testing.assert_allclose([found.intercept, *found.coefficients.values()], expected.fe_params, rtol=1e-4)
    np.testing.assert_allclose([found.source_variance, found.target_variance], expected.vcomp, rtol=1e-3)
    assert found.residual_std**2 == pytest.approx(expected.scale, rel=1e-4)
    intercepts = expected.random_effects[0.0]
    for side, ours in (("source", found.sources), ("target", found.targets)):
        theirs = [intercepts[f"{side}[C({side})[{language}]]"] for language in ours]
        np.testing.assert_allclose(list(ours.values()), theirs, atol=2e-3)
    known = np.diag(found.covariance)[1:4]
    np.testing.assert_allclose(np.sqrt(known), expected.bse_fe[1:], rtol=1e-3)


def test_variances_are_recovered():
    found = fit(simulate(50, source_std=2.0, target_std=6.0, std=4.0), ABC, "mixed")
    assert np.sqrt(found.source_variance) == pytest.approx(2, rel=0.25)
    assert np.sqrt(found.target_variance) == pytest.approx(6, rel=0.25)
    assert found.residual_std == pytest.approx(4, rel=0.05)
    np.testing.assert_allclose(list(found.coefficients.values()), [3, -2, 0], atol=0.3)


@pytest.mark.parametrize("seed", range(3))
def test_sources_that_differ_by_less_than_chance_have_a_variance_of_zero_without_a_warning(seed):
    pairs = simulate(source_std=0, target_std=0, seed=seed)
    noise = pairs["score"] - 3 * pairs["a"] + 2 * pairs["b"]
    alike = pairs.assign(score=pairs["score"] - noise.groupby(pairs["source"]).transform("mean"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(alike, ABC, "mixed")
    assert found.source_variance == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(list(found.sources.values()), 0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_features_explain_exactly(pairs, method):
    exact = pairs.assign(score=10 + 4 * pairs["a"])
    found = fit(exact, ["a"], method)
    assert found.coefficients["a"] == pytest.approx(4)
    assert found.residual_std == pytest.approx(0, abs=1e-5)
    assert fit(pairs.assign(score=7.0), ABC, method).predict(pairs).to_numpy() == pytest.approx(7)


@pytest.mark.parametrize("method", METHODS)
def test_collinear_features_predict_as_one(pairs, method):
    doubled = pairs.assign(twice=2 * pairs["a"] + 5)
    expected, found = fit(pairs, ["a", "b"], method), fit(doubled, ["a", "b", "twice"], method)
    np.testing.assert_allclose(found.predict(doubled), expected.predict(pairs), atol=1e-4)
    np.testing.assert_allclose(found.interval(doubled), expected.interval(pairs), atol=1e-3)
    assert found.freedom == expected.freedom
    again = fit(pairs, ["a", "b", "a"], method)
    assert again.coefficients == expected.coefficients


@pytest.mark.parametrize("method", METHODS)
def test_features_of_any_unit_are_well_conditioned(pairs, method):
    odd = pairs.assign(a=1e6 + 1e-3 * pairs["a"], b=1e9 * pairs["b"])
    expected, found = fit(pairs, ["a", "b"], method), fit(odd, ["a", "b"], method)
    np.testing.assert_allclose(found.predict(odd), expected.predict(pairs), atol=1e-4)
    assert found.coefficients["b"] == pytest.approx(expected.coefficients["b"] / 1e9, rel=1e-4)


def test_random_intercepts_are_added_as_asked_and_zero_for_new_languages(pairs):
    found = fit(pairs, ABC, "mixed")
    row = pd.DataFrame({"source": ["l01", "new"], "target": ["l02", "l02"], "a": 1.0, "b": 2.0, "c": True})
    fixed = found.intercept + found.coefficients["a"] + 2 * found.coefficients["b"] + found.coefficients["c"]
    np.testing.assert_allclose(found.predict(row, with_source=False), [fixed, fixed])
    np.testing.assert_allclose(found.predict(row), [fixed + found.sources["l01"], fixed])
    np.testing.assert_allclose(
        found.predict(row, with_target=True) - found.predict(row), [found.targets["l02"]] * 2, rtol=1e-9
    )
    width = found.interval(row)["upper"] - found.interval(row)["lower"]
    assert width[1] > width[0]
    wider = found.interval(row, 0.99)
    assert (wider["lower"] < found.interval(row)["lower"]).all()


@pytest.mark.thorough
@given(
    shift=st.floats(-1e3, 1e3),
    factor=st.floats(0.1, 100),
    method=st.sampled_from(METHODS),
)
@settings(max_examples=20, deadline=None)
def test_predictions_move_with_the_scores(shift, factor, method):
    pairs = simulate(6)
    moved = pairs.assign(score=factor * pairs["score"] + shift)
    expected = factor * fit(pairs, ["a"], method).predict(pairs, with_target=True) + shift
    found = fit(moved, ["a"], method).predict(moved, with_target=True)
    np.testing.assert_allclose(found, expected, atol=1e-4 * factor)


@pytest.mark.thorough
@given(st.permutations(range(30)), st.sampled_from(METHODS))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_rows_is_of_no_account(order, method):
    pairs = simulate(6)
    expected = fit(pairs, ["a"], method).predict(pairs)
    found = fit(pairs.iloc[order], ["a"], method).predict(pairs)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("unknown_source", [False, True])
def test_the_interval_covers_new_targets_as_often_as_it_says(unknown_source):
    covered: dict[float, list] = {0.5: [], 0.9: []}
    for seed in range(60):
        pairs = simulate(12, source_std=3, seed=seed)
        new, first = pairs["target"] == "l00", pairs["source"] == "l01"
        train = pairs[~new & ~first] if unknown_source else pairs[~new]
        test = pairs[new & first] if unknown_source else pairs[new]
        regression = fit(train, ["a", "b"], "mixed")
        for confidence, found in covered.items():
            interval = regression.interval(test, confidence)
            found.append(test["score"].between(interval["lower"], interval["upper"]).mean())
    for confidence, found in covered.items():
        # The rows of one target fall within or without together: these are 60 draws.
        assert np.mean(found) == pytest.approx(confidence, abs=0.12)


@pytest.mark.parametrize("method", METHODS)
def test_in_sample_a_single_feature_ranks_as_it_does_itself(pairs, method):
    found = evaluate_regression(pairs, ["a"], method)
    groups = [group for _, group in pairs.groupby("target")]
    expected = score([group["a"].tolist() for group in groups], [group["score"].tolist() for group in groups])
    assert {metric: found[metric] for metric in ("top_1", "ndcg@3")} == {
        metric: expected[metric] for metric in ("top_1", "ndcg@3")
    }
    fitted = fit(pairs, ["a"], method).predict(pairs, with_target=True)
    assert found["rmse"] == pytest.approx(np.sqrt(((fitted - pairs["score"]) ** 2).mean()))


def test_alike_predictions_rank_by_name_in_any_order_of_rows(pairs):
    shuffled = pairs.sample(frac=1, random_state=0)
    assert evaluate_regression(pairs, ["c"]) == pytest.approx(evaluate_regression(shuffled, ["c"]))


KIN = {"l00": "kin", "l01": "kin", **{f"l{number:02}": str(number // 3) for number in range(2, 12)}}


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("split", ["target", "family"])
def test_each_fold_is_predicted_from_the_others(pairs, method, split):
    folds = pairs["target"].map(KIN) if split == "family" else pairs["target"]
    predicted = pd.concat(
        fit(pairs[folds != fold], ABC, method).predict(pairs[folds == fold]) for fold in folds.unique()
    )
    found = evaluate_regression(pairs, ABC, method, split, KIN)
    assert found["rmse"] == pytest.approx(np.sqrt(((predicted - pairs["score"]) ** 2).mean()))
    by_target = pairs.assign(predicted=predicted).groupby("target")
    expected = score(by_target["predicted"].agg(list).tolist(), by_target["score"].agg(list).tolist())
    assert found["top_1"] == expected["top_1"]
    assert found["ndcg@3"] == pytest.approx(expected["ndcg@3"])


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("split", "left_out"), [("target", ["l00"]), ("family", ["l00", "l01"])])
def test_scores_that_are_left_out_have_no_say_in_their_prediction(pairs, method, split, left_out):
    held = pairs["target"].isin(left_out)
    changed = pairs.assign(score=pairs["score"].where(~held, -5 * pairs["score"]))
    predictions = [
        _predict_left_out(table, ABC, method, _folds(table, split, KIN))["predicted"] for table in (pairs, changed)
    ]
    pd.testing.assert_series_equal(predictions[0][held], predictions[1][held])
    assert not np.allclose(predictions[0][~held], predictions[1][~held])


@pytest.mark.thorough
def test_a_feature_that_only_the_left_out_rows_vary_in_is_dropped_there(pairs):
    lone = pairs.assign(lone=(pairs["target"] == "l00") & (pairs["source"] == "l01"))
    found = evaluate_regression(lone, ["a", "lone"], "mixed", "target")
    assert found["rmse"] == pytest.approx(evaluate_regression(pairs, ["a"], "mixed", "target")["rmse"], rel=0.2)


def test_the_intercept_alone_is_a_floor(pairs):
    assert fit(pairs, []).intercept == pytest.approx(pairs["score"].mean())
    assert evaluate_regression(pairs, [])["rmse"] == pytest.approx(pairs["score"].std(ddof=0))


def broken(**columns) -> pd.DataFrame:
    table = simulate(5)
    for name, value in columns.items():
        table[name] = table[name].astype(object)
        table.loc[3, name] = value
    return table


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (simulate(5), {"method": "ridge"}, "no regression method 'ridge': use one of ols, mixed"),
        (simulate(5), {"features": ["a", "z"]}, "no column z: it has source, target, a, b, c, score"),
        (simulate(5).drop(columns="score"), {}, "no column score"),
        (broken(a=np.nan), {}, "The pair l00 → l04 has no finite number for a"),
        (broken(b=np.inf), {}, "l00 → l04 has no finite number for b"),
        (broken(score="good"), {}, "l00 → l04 has no finite number for score"),
        (broken(target="l00"), {}, "The pair l00 → l00 is no transfer"),
        (broken(target="l01"), {}, "l00 → l01 has several rows: average"),
        (simulate(5).assign(a=1.0), {}, "The feature a is the same for all pairs"),
        (simulate(5).head(4), {}, "4 pairs are too few for 3 features"),
        (simulate(5).query("source == 'l00'"), {"features": ["a"], "method": "mixed"}, r"1 source\(s\)"),
        (simulate(5).drop_duplicates("source"), {"features": ["a"], "method": "mixed"}, r"5 source\(s\)"),
    ],
)
def test_what_fit_objects_to(table, options, message):
    options = {"features": ABC, **options}
    with pytest.raises(XsnsError, match=message):
        fit(table, **options)
    with pytest.raises(XsnsError, match=message):
        evaluate_regression(table, **options)


def test_what_evaluation_and_prediction_object_to(pairs):
    with pytest.raises(XsnsError, match="no split 'random': use one of in-sample, target, family"):
        evaluate_regression(pairs, ABC, split="random")
    with pytest.raises(XsnsError, match="give `families`"):
        evaluate_regression(pairs, ABC, split="family")
    with pytest.raises(XsnsError, match="No family is given of l01, l02"):
        evaluate_regression(simulate(3), ["a"], split="family", families={"l00": "x"})
    with pytest.raises(XsnsError, match="without the only family, one"):
        evaluate_regression(pairs, ABC, split="family", families=dict.fromkeys(KIN, "one"))
    with pytest.raises(XsnsError, match="without the only target, l00"):
        evaluate_regression(pairs[pairs["target"] == "l00"], ["a"], split="target")
    with pytest.raises(XsnsError, match="No target has two sources"):
        evaluate_regression(pairs.drop_duplicates("target"), ["a"])
    with pytest.raises(XsnsError, match="no column c"):
        fit(pairs, ABC).predict(pairs[["source", "target", "a", "b"]])
    for confidence in (0, 1, 90):
        with pytest.raises(XsnsError, match="between 0 and 1"):
            fit(pairs, ABC).interval(pairs, confidence)


FILES = {
    "udpos-langs.csv": """,language_id,language,script
0,en,English,latin
1,no,Norwegian,latin
2,zh,Chinese,chinese
3,lzh,Classical Chinese,chinese
4,pcm,Naija,latin
5,ja,Japanese,kana
6,hi,Hindi,devanagari
7,uk,Ukrainian,cyrillic
""",
    "wiki-langs.csv": """,language_id,language,tokens,size,script
0,hi,Hindi,1715.0,20.2,devanagari
1,hi,Hindi,88.0,0.5,latin
2,sw,Swahili,275.0,1.6,latin
""",
    "langs-xlmr.txt": "en English 55608 300.8\nhi Hindi 1 2\nhi Hindi_Romanized 88 0.5\nja Japanese 530 69.3 \n"
    "lzh Chinese 176 16.6\nno Norwegian 8494 49.0\nzh Chinese 259 46.9\n",
    "fams.txt": "English IE, Germanic\nNorwegian IE, Germanic\nHindi IE, Indic\nUkrainian IE, Slavic\nNaija Creole\n"
    "Chinese Sino-Tibetan\nClassical_Chinese Sino-Tibetan\nJapanese Japanese\nHindi_English Code switching\n"
    "Swahili Niger-Congo\n",
    "word-order.csv": ",language,SOV,SV\n0,English,SVO,SV\n1,Norwegian,SVO,SV\n2,Hindi,SOV,SV\n3,Japanese,SOV,SV\n"
    "4,Ukrainian,Unknown,SV\n",
    "ldnd.csv": """,English,Norwegian,Chinese,Classical Chinese,Japanese,Hindi,Ukrainian
English,,60.5,100.1,99.0,101.0,90.0,91.0
Norwegian,60.5,,99.9,99.0,101.5,92.0,90.5
Chinese,100.1,99.9,,70.0,98.0,99.0,100.0
Classical Chinese,99.0,99.0,70.0,,98.5,99.0,100.0
Japanese,101.0,101.5,98.0,98.5,,99.5,98.0
Hindi,90.0,92.0,99.0,99.0,99.5,,89.0
Ukrainian,91.0,90.5,100.0,100.0,98.0,89.0,
""",
}


@pytest.fixture
def xpos(tmp_path):
    for file, text in FILES.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    return tmp_path


def test_xpos_features(xpos):
    table = xpos_features(xpos, ["en", "Norwegian", "zh", "lzh", "ja", "hi", "ukr", "en"])
    assert list(table.columns) == ["source", "target", *FEATURES]
    assert len(table) == 7 * 6
    found = {(row.source, row.target): tuple(row[2:]) for row in table.itertuples(index=False)}
    assert found["eng", "nob"] == (1, 1, 1, 1, 1, 60.5)
    assert found["eng", "hin"] == (1, 0, 0, 0, 1, 90)  # both Indo-European, though of different branches
    assert found["eng", "ukr"] == (1, 0, 1, 0, 0, 91)  # both alphabets; of one the order is unknown
    assert found["cmn", "jpn"] == (0, 0, 1, 0, 1, 98)  # both logosyllabic; one has no order
    assert found["cmn", "lzh"] == (1, 1, 1, 1, 0, 70)  # two unknown orders; Classical Chinese isn't pre-trained on
    assert found["jpn", "hin"] == (0, 0, 0, 1, 1, 99.5)
    assert not xpos_missing(xpos, ["en", "uk"])


def test_xpos_features_that_are_unknown(xpos):
    table = xpos_features(xpos, ["eng", "pcm", "swh", "fin"]).set_index(["source", "target"])
    assert table.loc[("eng", "pcm")].isna().to_list() == [False] * 5 + [True]
    assert table.loc[("swh", "eng"), "same_script"] == 1  # from the list of pre-training texts
    assert table.loc[("eng", "fin")].isna().to_list() == [True, True, True, False, False, True]
    assert xpos_missing(xpos, ["eng", "pcm", "swh", "fin"]) == {
        "pcm": ["ldnd"],
        "swh": ["ldnd"],
        "fin": ["same_family", "same_script", "same_script_type", "ldnd"],
    }
    assert xpos_features(xpos, ["eng"]).empty


def test_xpos_families(xpos):
    assert families(xpos)["eng"] == families(xpos)["hin"] == "IE"
    assert families(xpos, branches=True)["eng"] == "IE, Germanic"
    assert families(xpos)["pcm"] == "Creole"
    assert set(families(xpos)) == {"eng", "nob", "hin", "ukr", "pcm", "cmn", "lzh", "jpn", "swh"}


@pytest.mark.parametrize("file", FILES)
def test_an_xpos_file_that_is_missing(xpos, file):
    (xpos / file).unlink()
    with pytest.raises(XsnsError, match=rf"{file} is missing or unreadable: copy it from github.com/wietsedv/xpos"):
        xpos_features(xpos, ["eng", "fin"])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("ldnd.csv", ",English,Hindi\nEnglish,,far\n", "ldnd.csv isn't a table of numbers"),
        ("udpos-langs.csv", ",code,language\n0,en,English\n", "udpos-langs.csv has no column language_id"),
        ("word-order.csv", "", "word-order.csv isn't a table"),
    ],
)
def test_an_xpos_file_that_is_something_else(xpos, file, text, message):
    (xpos / file).write_text(text)
    with pytest.raises(XsnsError, match=message):
        xpos_features(xpos, ["eng", "hin"])


def test_an_unknown_language_is_named(xpos):
    with pytest.raises(XsnsError, match="Klingonese"):
        xpos_features(xpos, ["eng", "Klingonese"])


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_intervals_hold_the_scores_of_targets_left_out(method):
    assert 0.8 <= evaluate_regression(simulate(), ABC, method, "target")["covered"] <= 1
    assert "covered" not in evaluate_regression(simulate(), ABC, method)
