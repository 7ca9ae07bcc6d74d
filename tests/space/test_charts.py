import json

import altair as alt
import numpy as np
import pandas as pd
import pytest

from xsns_hf.masks.clustering import clustered
from xsns_hf.plotting import NAMED
from xsns_hf.ranking.rank import Ranking, Source
from xsns_hf.space.charts.bars import bars
from xsns_hf.space.charts.heat_map import NUMBERED, heat_map
from xsns_hf.space.charts.language_map import language_map
from xsns_hf.space.charts.map_labels import DESK, PHONE
from xsns_hf.space.charts.overlaps import overlaps
from xsns_hf.space.charts.parts import BLUE, GREEN, GREY, ORANGE, PURPLE
from xsns_hf.text.folder import sample_corpus

FIRST = ["fin", "ekk", "swe", "deu", "eng"]
CODES = [*FIRST, *sorted(set(sample_corpus().languages) - set(FIRST))]
HOSTILE = "</script><img src=x onerror=alert(1)> {{datum}} \"'] || true"


def source(language: str, similarity: float, std: float | None = 0.01, good: bool | None = False, name=None) -> Source:
    return Source(language, name or language.title(), similarity, std, good)


def ranking(*sources: Source, seeds: int = 3) -> Ranking:
    return Ranking("ukr", "recipe", seeds, list(sources), [])


def square(number: int) -> pd.DataFrame:
    places = np.random.default_rng(0).random((number, 3))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) / 2
    return pd.DataFrame(1 - distances, index=CODES[:number], columns=CODES[:number])


def by_layer(stacks=("",)) -> pd.DataFrame:
    rows = [
        {"stack": stack, "layer": layer, "module": module, "parameters": 10, "jaccard": 0.5}
        for stack in stacks
        for layer in (0, 1, None)
        for module in ("attention", "norm")
    ]
    return pd.DataFrame(rows).assign(density_one=0.1, density_other=0.2).astype({"layer": "Int64"})


def spec_of(chart: alt.LayerChart) -> dict:
    """The specification, valid against Vega-Lite's schema, and with what all charts have in common."""
    spec = chart.to_dict()
    assert spec["width"] == "container"
    assert spec["autosize"]["type"] == "fit-x"
    assert spec["background"] == "transparent"
    assert spec["usermeta"]["embedOptions"] == {"renderer": "svg", "actions": False}
    assert len(spec["description"]) > 20
    assert max(map(len, spec["title"]["text"] + spec["title"]["subtitle"])) <= 46
    names = [layer["name"] for layer in spec["layer"] if "name" in layer]
    assert len(set(names)) == len(names), "vega refuses marks of one name"
    return spec


def layer_of(spec: dict, mark: str, **wanted) -> dict:
    """The first layer with a mark and properties of it."""
    return next(
        layer for layer in spec["layer"] if layer["mark"]["type"] == mark and wanted.items() <= layer["mark"].items()
    )


def rows_of(spec: dict, layer: dict) -> list[dict]:
    return spec["datasets"][layer.get("data", spec.get("data"))["name"]]


def subtitle(spec: dict) -> str:
    return " ".join(spec["title"]["subtitle"])


def test_every_chart_can_be_shown():
    shown = [
        bars(ranking(source("rus", 0.6))),
        heat_map(square(5), "fin"),
        language_map(square(5), "fin"),
        overlaps(by_layer(), "fin", "swe"),
    ]
    for chart in shown:
        spec_of(chart)


def test_bars_are_best_first_and_begin_at_zero():
    spec = spec_of(bars(ranking(source("rus", 0.6, good=True), source("bul", 0.59, good=True), source("pol", 0.5))))
    bar = layer_of(spec, "bar")
    rows = rows_of(spec, bar)
    assert [row["label"] for row in rows] == ["1. Rus (rus)", "2. Bul (bul)", "3. Pol (pol)"]
    assert [row["place"] for row in rows] == [1, 2, 3]
    assert bar["encoding"]["x"]["scale"]["domain"] == [0, pytest.approx(0.61)]
    assert [row["shown"] for row in rows] == ["best · 0.600 ± 0.010", "≈ best · 0.590 ± 0.010", "0.500 ± 0.010"]
    assert "not told apart from the best" in rows[1]["sentence"]


def test_bars_show_the_spread():
    spec = spec_of(bars(ranking(source("rus", 0.6, std=0.02), source("bul", 0.5))))
    rule = layer_of(spec, "rule")
    assert (rule["encoding"]["x"]["field"], rule["encoding"]["x2"]["field"]) == ("low", "high")
    assert (rows_of(spec, rule)[0]["low"], rows_of(spec, rule)[0]["high"]) == (pytest.approx(0.58), pytest.approx(0.62))
    assert "3 samples" in subtitle(spec)


def test_bars_of_a_single_seed_have_no_spread():
    spec = spec_of(bars(ranking(source("rus", 0.6, None, None), source("bul", 0.5, None, None), seeds=1)))
    assert {layer["mark"]["type"] for layer in spec["layer"]} == {"bar", "text"}
    assert [row["shown"] for row in rows_of(spec, layer_of(spec, "bar"))] == ["best · 0.600", "0.500"]
    assert "isn't known" in subtitle(spec)


def test_bars_mark_english_also_where_it_is_no_candidate():
    spec = spec_of(bars(ranking(source("rus", 0.6)), english=source("eng", 0.7, name="English")))
    mark = layer_of(spec, "tick", color=ORANGE)
    assert mark["encoding"]["x"]["field"] == "english"
    assert {row["english"] for row in rows_of(spec, mark)} == {0.7}
    assert "English (eng), 0.700" in subtitle(spec)
    assert layer_of(spec, "bar")["encoding"]["x"]["scale"]["domain"] == [0, 0.7]


def test_names_are_data_whatever_they_say():
    tame = bars(ranking(source("rus", 0.6, name="Russian"))).to_dict()
    spec = spec_of(bars(ranking(source("rus", 0.6, name=HOSTILE))))
    assert rows_of(spec, layer_of(spec, "bar"))[0]["language"] == f"{HOSTILE} (rus)"
    for part in (spec, tame):
        del part["datasets"], part["description"], part["data"]
    assert json.dumps(spec) == json.dumps(tame)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [2, 5, 10, 11, 40])
def test_heat_map_has_all_pairs_in_clustered_order(number):
    similarity = square(number)
    spec = spec_of(heat_map(similarity, "ekk"))
    cells = layer_of(spec, "rect")
    order = cells["encoding"]["x"]["scale"]["domain"]
    assert order in (clustered(similarity), clustered(similarity.loc[order, order]))
    assert sorted(order) == sorted(similarity.index)
    rows = rows_of(spec, cells)
    assert len(rows) == number * (number - 1), "the diagonal is blank"
    assert {(row["column"], round(row["similarity"], 6)) for row in rows if row["row"].startswith("▶")} == {
        (code, round(similarity.loc["ekk", code], 6)) for code in similarity.index if code != "ekk"
    }
    assert any(layer["mark"]["type"] == "text" for layer in spec["layer"]) == (number <= NUMBERED)


def test_heat_map_marks_the_target_in_words_and_with_frames():
    spec = spec_of(heat_map(square(5), "fin"))
    labels = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert [label for label in labels if label.startswith("▶")] == ["▶ Finnish (fin)"]
    frames = [layer for layer in spec["layer"] if layer.get("name", "").startswith("ink")]
    assert [set(frame["encoding"]) for frame in frames] == [{"y"}, {"x"}]
    assert rows_of(spec, frames[0]) == [{"row": "▶ Finnish (fin)", "column": "fin"}]


def test_heat_map_of_many_languages_shows_the_nearest_and_says_so():
    similarity = square(len(CODES))
    spec = spec_of(heat_map(similarity, "fin"))
    shown = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    nearest = similarity["fin"].drop("fin").sort_values(ascending=False).index[:39]
    assert set(shown) == {"fin", *nearest}
    assert " ".join(spec["title"]["text"]) == f"Finnish (fin) and the 39 languages nearest to it, of {len(CODES) - 1}"


def test_map_tells_target_candidates_and_others_apart():
    spec = spec_of(language_map(square(6), "ekk", ["eng", "deu"]))
    dots = layer_of(spec, "point")
    kinds = {row["language"]: row["kind"] for row in rows_of(spec, dots)}
    assert kinds["Estonian (ekk)"] == "target"
    assert {language for language, kind in kinds.items() if kind == "candidate"} == {"English (eng)", "German (deu)"}
    assert len(kinds) == 6
    shape, fill = (dots["encoding"][channel]["scale"] for channel in ("shape", "fill"))
    assert shape["domain"] == ["target", "candidate", "other language"]
    assert len({*zip(shape["range"], [colour == "transparent" for colour in fill["range"]], strict=True)}) == 3
    labels = rows_of(spec, layer_of(spec, "text"))
    for width in (PHONE, DESK):
        assert [row["text"] for row in labels if row["width"] == width and row["bold"]] == ["Estonian"]


def test_map_places_similar_languages_near_each_other():
    places = np.random.default_rng(1).random((7, 2))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) / 2
    similarity = pd.DataFrame(1 - distances, index=CODES[:7], columns=CODES[:7])
    spec = spec_of(language_map(similarity, "fin"))
    rows = {row["language"][-4:-1]: row for row in rows_of(spec, layer_of(spec, "point"))}
    found = np.array([[rows[code]["x"], rows[code]["y"]] for code in similarity.index])
    assert np.linalg.norm(found[:, None] - found[None], axis=-1) == pytest.approx(distances, abs=1e-9)
    assert "100%" in subtitle(spec), "two dimensions are enough for what is in a plane"


def test_map_has_one_scale_for_both_directions():
    spec = spec_of(language_map(square(5), "fin"))
    assert [param["name"] for param in spec["params"]] == ["zoom"]
    for layer in spec["layer"]:
        for axis, side in (("x", "width"), ("y", "height")):
            ends = [end["expr"] for end in layer["encoding"][axis]["scale"]["domain"]]
            assert ends == [f"-{side} / 2 / zoom", f"{side} / 2 / zoom"]


@pytest.mark.parametrize("number", [10, 40, len(CODES)])
def test_labels_of_a_map_hide_nothing(number):
    spec = spec_of(language_map(square(number), "fin", CODES[5:12]))
    rows = [row for row in rows_of(spec, layer_of(spec, "text")) if not row["bold"]]
    assert len({(row["width"], row["text"]) for row in rows}) == len(rows)
    assert sum(row["width"] == DESK for row in rows) >= sum(row["width"] == PHONE for row in rows) > 5
    if number > NAMED:
        assert {row["text"] for row in rows} <= set(CODES)
    zoom = float(spec["params"][0]["expr"].split(", ")[-1][:-1])  # what the height allows
    desk = [row for row in rows if row["width"] == DESK]
    across, up = (np.array([[row[axis] * zoom for axis in "xy"] for row in desk]) * [1, -1]).T
    half = np.array([3.1 * len(row["text"]) for row in desk])
    toward = {"left": 1, "right": -1, "center": 0}
    middle = across + np.array([row["dx"] for row in desk]) + half * [toward[row["align"]] for row in desk]
    height = up + np.array([row["dy"] for row in desk])
    apart = (abs(middle[:, None] - middle) >= half[:, None] + half) | (abs(height[:, None] - height) >= 14)
    assert (apart | np.eye(len(desk), dtype=bool)).all()


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_languages_for_a_map(number):
    chart = language_map(square(number), "fin").to_dict()
    assert "three languages" in json.dumps(chart["datasets"])


def test_one_language_has_no_pair():
    assert "takes two" in json.dumps(heat_map(square(1), "fin").to_dict()["datasets"])


@pytest.mark.parametrize("similarity", [np.ones((3, 3)), np.array([[1, 0.9, 0.8], [0.9, 1, 0.9], [0.8, 0.9, 1]])])
def test_map_of_languages_in_one_place_or_on_one_line(similarity):
    frame = pd.DataFrame(similarity, index=CODES[:3], columns=CODES[:3])
    spec = spec_of(language_map(frame, "fin"))
    assert all(np.isfinite([row["x"], row["y"]]).all() for row in rows_of(spec, layer_of(spec, "point")))


def test_overlaps_has_a_series_per_module_with_shapes():
    spec = spec_of(overlaps(by_layer(), "fin", "swe"))
    points = layer_of(spec, "point")
    assert sorted({(row["layer"], row["module"]) for row in rows_of(spec, points)}) == [
        (0, "attention"), (0, "norm"), (1, "attention"), (1, "norm"),
    ]  # fmt: skip
    scale = points["encoding"]["shape"]["scale"]
    assert scale["domain"] == ["attention", "norm"]
    assert len(set(scale["range"])) == 2
    assert layer_of(spec, "line")["encoding"]["strokeDash"]["legend"] is None
    assert spec["title"]["text"] == ["Finnish and Swedish, by layer"]


def test_overlaps_of_two_stacks_are_dashed():
    spec = spec_of(overlaps(by_layer(("encoder", "decoder")), "fin", "swe"))
    line = layer_of(spec, "line")
    assert line["encoding"]["strokeDash"]["legend"] is not None
    assert {row["stack"] for row in rows_of(spec, line)} == {"encoder", "decoder"}


def test_overlaps_without_layers_say_so():
    found = by_layer().query("layer.isna()").drop(columns="stack")
    assert "numbered by layer" in json.dumps(overlaps(found, "fin", "swe").to_dict()["datasets"])


@pytest.mark.parametrize("background", ["#ffffff", "#0b0f19", "#1f2937", "#27272a"])
@pytest.mark.parametrize("colour", [BLUE, ORANGE, GREEN, PURPLE, GREY])
def test_marks_have_contrast_in_light_and_dark(colour, background):
    def luminance(text: str) -> float:
        values = np.array([int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(colour), luminance(background)))
    assert (light + 0.05) / (dark + 0.05) >= 3
