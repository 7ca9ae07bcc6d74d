import json

import altair as alt
import numpy as np
import pandas as pd
import pytest

from xsns_hf import MaskDataset
from xsns_hf.masks.clustering import clustered
from xsns_hf.ranking.rank import Ranking, Source
from xsns_hf.ranking.suggestions import Suggestions
from xsns_hf.space.charts.heat_map import ON_A_DESK, ON_A_PHONE, heat_map
from xsns_hf.space.charts.language_map import LEAST, language_map
from xsns_hf.space.charts.map_families import LOOKS, OTHER
from xsns_hf.space.charts.map_labels import DESK, MARGIN, PHONE, half_sizes, height_of
from xsns_hf.space.charts.overlaps import overlaps
from xsns_hf.space.charts.parts import BLUE, GREEN, GREY, OCHRE, ORANGE, PURPLE, steps
from xsns_hf.space.charts.scaling import scaled
from xsns_hf.space.charts.sources import sources_chart
from xsns_hf.space.drawing import Overview
from xsns_hf.text.folder import sample_corpus

FIRST = ["fin", "ekk", "swe", "deu", "eng"]
CODES = [*FIRST, *sorted(set(sample_corpus().languages) - set(FIRST))]
HOSTILE = "</script><img src=x onerror=alert(1)> {{datum}} \"'] || true"


def source(language: str, similarity: float, std: float | None = 0.01, good: bool | None = False, name=None) -> Source:
    return Source(language, name or language.title(), similarity, std, good)


def suggestions(*sources: Source, seeds: int = 3) -> Suggestions:
    return Suggestions(Ranking("ukr", "recipe", seeds, list(sources), []))


@pytest.fixture(scope="module")
def with_scores() -> Suggestions:
    return MaskDataset.ready().rank("Swahili", task="ner")


def square(number: int, dimensions: int = 2) -> pd.DataFrame:
    places = np.random.default_rng(0).random((number, dimensions))
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


def spec_of(chart: dict) -> dict:
    """The specification as the browser gets it, valid by Vega-Lite's schema, with what all charts have in common."""
    spec = json.loads(json.dumps(chart, allow_nan=False))
    alt.LayerChart.from_dict(spec)
    assert spec["width"] == "container"
    assert spec["autosize"]["type"] == "fit-x"
    assert spec["background"] == "transparent"
    assert spec["usermeta"]["embedOptions"]["renderer"] == "svg"
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
    return layer.get("data", spec.get("data"))["values"]


def subtitle(spec: dict) -> str:
    return " ".join(spec["title"]["subtitle"])


def kinds(spec: dict) -> dict[int, str]:
    return {row["place"]: row["kind"] for row in rows_of(spec, layer_of(spec, "point"))}


def test_sources_by_similarity_are_told_from_those_that_masks_dont_tell_apart():
    alike = [source("rus", 0.6, good=True), source("bul", 0.59, good=True)]
    spec = spec_of(sources_chart(suggestions(*alike, source("pol", 0.5)), 3))
    rows = rows_of(spec, layer_of(spec, "point"))
    assert [row["label"] for row in rows] == ["1. Rus (rus)", "2. Bul (bul)", "3. Pol (pol)"]
    assert list(kinds(spec).values()) == ["most similar, or not told apart"] * 2 + ["other source"]
    rule = layer_of(spec, "rule")["encoding"]
    assert (rule["x"]["field"], rule["x2"]["field"]) == ("low", "high")
    assert (rows[0]["low"], rows[0]["high"]) == (pytest.approx(0.59), pytest.approx(0.61))
    assert "3 samples" in subtitle(spec)
    assert "1. Rus (rus): similarity 0.600 ± 0.010" in spec["description"]


def test_the_axis_shows_the_differences(with_scores):
    spec = spec_of(sources_chart(with_scores, 10))
    low, high = layer_of(spec, "point")["encoding"]["x"]["scale"]["domain"]
    values = [row["value"] for row in rows_of(spec, layer_of(spec, "point"))]
    assert low < min(values) <= max(values) < high
    assert max(values) - min(values) >= (high - low) / 2 - 1e-6
    assert "cut at the edges" in subtitle(spec)


def test_english_is_the_last_row_if_it_is_not_among_the_first(with_scores):
    spec = spec_of(sources_chart(with_scores, 2))
    place = with_scores.outlook.order.index("eng") + 1
    assert list(kinds(spec)) == [1, 2, place]
    assert kinds(spec)[place].startswith("English")
    assert "English (eng): expected" in spec["description"]
    shape, colour = (layer_of(spec, "point")["encoding"][channel]["scale"] for channel in ("shape", "color"))
    assert shape["domain"] == colour["domain"]
    assert len(set(shape["range"])) == 2, "not by colour alone"


def test_the_set_is_the_outlooks(with_scores):
    spec = spec_of(sources_chart(with_scores, 20))
    inside = [kind.endswith("in the set that holds the best with 80 %") for kind in kinds(spec).values()]
    assert sum(inside) == len(with_scores.outlook.best_set)
    assert inside == sorted(inside, reverse=True)


def test_what_was_measured_is_marked(with_scores):
    first = with_scores.sources[0].language
    spec = spec_of(sources_chart(with_scores, 3, pd.Series({first: 40.0, "xho": 99.0})))
    measured = next(layer for layer in spec["layer"] if layer.get("name") == "measured")
    assert [row["measured"] for row in rows_of(spec, measured)] == [40.0, None, None, None]
    assert measured["encoding"]["x"]["scale"]["domain"][0] < 40
    assert "measured 40.0" in spec["description"]
    assert "measured" not in {
        layer.get("name") for layer in sources_chart(with_scores, 3, pd.Series({"xho": 9}))["layer"]
    }


def test_sources_of_a_single_seed_have_no_spread():
    sources = [source(code, 0.6, None, None) for code in ("rus", "bul")]
    spec = spec_of(sources_chart(suggestions(*sources, seeds=1), 5))
    assert {layer["mark"]["type"] for layer in spec["layer"]} == {"point", "text"}
    assert [row["shown"] for row in rows_of(spec, layer_of(spec, "point"))] == ["0.600", "0.600"]
    assert "isn't known" in subtitle(spec)


def test_names_are_data_whatever_they_say():
    tame, spec = (
        spec_of(sources_chart(suggestions(source("rus", 0.6, name=name)), 1)) for name in ("Russian", HOSTILE)
    )
    assert rows_of(spec, layer_of(spec, "point"))[0]["label"] == f"1. {HOSTILE} (rus)"
    for part in (spec, tame):
        del part["description"], part["data"]
    assert json.dumps(spec) == json.dumps(tame)


def test_heat_map_has_all_pairs_in_clustered_order():
    similarity = square(10)
    spec = spec_of(heat_map(similarity, "ekk"))
    order = layer_of(spec, "rect")["encoding"]["x"]["sort"]
    assert order == clustered(similarity)
    rows = spec["data"]["values"]
    assert [row["code"] for row in rows] == order
    assert all(row["column"] == order for row in rows)
    values = pd.DataFrame([row["similarity"] for row in rows], order, order, dtype=float)
    assert np.isnan(np.diag(values)).all(), "the diagonal is blank"
    assert np.nanmax(abs(values - similarity.loc[order, order])) <= 0.0005
    assert [row["row"] for row in rows if row["near"] == 0] == ["▶ Estonian (ekk)"], "which the frames are about"
    assert [set(layer["encoding"]) for layer in spec["layer"][2:]] == [{"y", "x", "x2"}, {"x", "y", "y2"}]


def test_heat_map_of_many_languages_shows_the_nearest_and_says_so():
    similarity = square(len(CODES))
    spec = spec_of(heat_map(similarity, "fin"))
    near = {row["code"]: row["near"] for row in spec["data"]["values"]}
    nearest = similarity["fin"].drop("fin").sort_values(ascending=False).index
    assert sorted(near, key=near.get) == ["fin", *nearest[: ON_A_DESK - 1]]
    assert " ".join(spec["title"]["text"]) == f"Finnish (fin) and the languages nearest to it, of {len(CODES) - 1}"
    without = {row["code"]: row["near"] for row in spec_of(heat_map(similarity))["data"]["values"]}
    on_a_phone = [code for code, place in without.items() if place < ON_A_PHONE]
    order = clustered(similarity)
    assert (on_a_phone[0], on_a_phone[-1], len(without)) == (order[0], order[-1], ON_A_DESK)


@pytest.mark.parametrize(
    ("ends", "numbers", "form"),
    [
        ((0.437, 0.797), [0.5, 0.6, 0.7], ".1f"),
        ((0.561, 0.608), [0.57, 0.58, 0.59, 0.6], ".2f"),
        ((41.8, 94.9), [50, 60, 70, 80, 90], ".0f"),
        ((0.5, 0.5), [0.5], ".7f"),
    ],
)
def test_steps_are_round(ends, numbers, form):
    assert steps(*ends) == (numbers, form)


def test_map_tells_families_target_and_candidates_apart():
    spec = spec_of(language_map(square(len(CODES)), "ekk", ["eng", "deu"]))
    rows = {row["language"]: row for row in spec["data"]["values"]}
    assert len(rows) == len(CODES)
    assert rows["German (deu)"]["family"] == rows["English (eng)"]["family"] == "Germanic"
    assert {name for name, row in rows.items() if row["candidate"]} == {
        "Estonian (ekk)",
        "English (eng)",
        "German (deu)",
    }
    assert "Filled: the 2 candidates." in subtitle(spec)
    dots = layer_of(spec, "point")
    shape, fill = (dots["encoding"][channel]["scale"] for channel in ("shape", "fill"))
    assert shape["domain"] == fill["domain"]
    assert shape["domain"][-1] == OTHER
    assert len(set(shape["range"])) == len(set(fill["range"])) == len(LOOKS) + 1
    for width in (PHONE, DESK):
        placed = rows_of(spec, layer_of(spec, "text"))
        assert [row["text"] for row in placed if row["width"] == width and row["bold"]] == ["Estonian"]


def test_map_places_similar_languages_near_each_other():
    similarity = square(12)
    places = scaled(similarity)
    assert places.kept > 0.95, "two dimensions are enough for what is in a plane"
    assert np.ptp(places.places["x"]) > np.ptp(places.places["y"])
    found = places.places.to_numpy()
    between = np.linalg.norm(found[:, None] - found, axis=-1)
    assert np.corrcoef(between.ravel(), -similarity.to_numpy().ravel())[0, 1] > 0.97
    assert "keeps" in subtitle(spec_of(language_map(similarity, places=places)))


def test_a_map_that_would_keep_too_little_is_left_out():
    similarity = square(30, dimensions=30)
    assert scaled(similarity).kept < LEAST
    spec = spec_of(language_map(similarity, "fin"))
    assert subtitle(spec).startswith("No map: two dimensions could show only")
    assert layer_of(spec_of(Overview(similarity).chart()), "rect"), "the heat map is in its place"
    assert layer_of(spec_of(Overview(square(30)).chart()), "point")


def test_map_has_one_scale_for_both_directions():
    spec = spec_of(language_map(square(5), "fin"))
    assert [param["name"] for param in spec["params"]] == ["zoom"]
    assert spec["usermeta"]["embedOptions"]["patch"][0]["value"]["name"] == "height"
    for layer in spec["layer"]:
        for axis, side in (("x", "width"), ("y", "height")):
            ends = [end["expr"] for end in layer["encoding"][axis]["scale"]["domain"]]
            assert ends == [f"-{side} / 2 / zoom", f"{side} / 2 / zoom"]


@pytest.mark.parametrize("number", [10, len(CODES)])
def test_labels_of_a_map_hide_nothing(number):
    spec = spec_of(language_map(square(number), "fin", CODES[5:12]))
    points = pd.DataFrame(spec["data"]["values"])
    rows = [row for row in rows_of(spec, layer_of(spec, "text")) if not row["bold"]]
    assert sum(row["width"] == DESK for row in rows) >= sum(row["width"] == PHONE for row in rows) > 5
    desk = [row for row in rows if row["width"] == DESK]
    half_x, half_y = half_sizes(points)
    zoom = min((DESK / 2 - MARGIN) / half_x, (height_of(points, DESK) / 2 - MARGIN) / half_y)
    across, up = (np.array([[row[axis] * zoom for axis in "xy"] for row in desk]) * [1, -1]).T
    half = np.array([3.1 * len(row["text"]) for row in desk])
    toward = {"left": 1, "right": -1, "center": 0}
    middle = across + np.array([row["dx"] for row in desk]) + half * [toward[row["align"]] for row in desk]
    height = up + np.array([row["dy"] for row in desk])
    by_pixel = 1.5
    apart = abs(middle[:, None] - middle) >= half[:, None] + half - by_pixel
    apart |= abs(height[:, None] - height) >= 14 - by_pixel
    assert (apart | np.eye(len(desk), dtype=bool)).all()


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_languages_for_a_picture(number):
    assert "three languages" in subtitle(spec_of(language_map(square(number), "fin")))
    assert "takes two" in subtitle(spec_of(heat_map(square(1), "fin")))


@pytest.mark.parametrize("similarity", [np.ones((3, 3)), np.array([[1, 0.9, 0.8], [0.9, 1, 0.9], [0.8, 0.9, 1]])])
def test_map_of_languages_in_one_place_or_on_one_line(similarity):
    frame = pd.DataFrame(similarity, index=CODES[:3], columns=CODES[:3])
    spec = spec_of(language_map(frame, "fin"))
    assert all(np.isfinite([row["x"], row["y"]]).all() for row in spec["data"]["values"])


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


def test_overlaps_leave_out_what_is_the_same_in_every_layer():
    table = by_layer()
    table.loc[table["module"] == "norm", "jaccard"] = 1.0
    spec = spec_of(overlaps(table, "fin", "swe"))
    assert {row["module"] for row in spec["data"]["values"]} == {"attention"}
    assert "select all of it: norm." in subtitle(spec)
    table["jaccard"] = 1.0
    assert "attention, norm" in subtitle(spec_of(overlaps(table, "fin", "swe")))


def test_overlaps_of_two_stacks_are_dashed():
    spec = spec_of(overlaps(by_layer(("encoder", "decoder")), "fin", "swe"))
    line = layer_of(spec, "line")
    assert line["encoding"]["strokeDash"]["legend"] is not None
    assert {row["stack"] for row in rows_of(spec, line)} == {"encoder", "decoder"}


def test_overlaps_without_layers_say_so():
    found = by_layer().query("layer.isna()").drop(columns="stack")
    assert "numbered by layer" in subtitle(spec_of(overlaps(found, "fin", "swe")))


@pytest.mark.parametrize("background", ["#ffffff", "#0b0f19", "#1f2937", "#27272a"])
@pytest.mark.parametrize("colour", [BLUE, ORANGE, GREEN, PURPLE, OCHRE, GREY])
def test_marks_have_contrast_in_light_and_dark(colour, background):
    def luminance(text: str) -> float:
        values = np.array([int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(colour), luminance(background)))
    assert (light + 0.05) / (dark + 0.05) >= 3
