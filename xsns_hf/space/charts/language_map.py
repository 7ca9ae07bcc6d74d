"""A map of the languages, near each other where they are similar."""

from collections.abc import Collection

import pandas as pd

from xsns_hf.languages.codes import name, name_and_code
from xsns_hf.space.charts.map_families import OTHER, families
from xsns_hf.space.charts.map_labels import DESK, HIGHEST, LOWEST, MARGIN, PHONE, half_sizes, labels
from xsns_hf.space.charts.parts import LEGEND, Chart, chart, nearest_in_words, percent, rows, scales, sentence
from xsns_hf.space.charts.scaling import Places, scaled

STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"

CROWD = 200
"""Languages of which more have smaller points."""

LEAST = 0.5
"""Share of the differences that a map must keep to be shown: half. Those that ship keep 67 % (78 languages of UD text)
and 87 % (47 of WikiANN text); similarities without any structure keep less than a fifth.
"""


def language_map(
    similarity: pd.DataFrame,
    target: str | None = None,
    candidates: Collection[str] = (),
    places: Places | None = None,
) -> Chart:
    """Draw languages as points, near where they are similar (see `scaled`), coloured by family.

    At any width a pixel is as much to the side as it is upwards, so that distances compare; the height is what the
    points need. A name that has no room makes way for its code, and that for nothing; the tooltips have all names.
    Where the map would keep too little of the differences, or there are fewer than three languages, a sentence stands
    in its place.

    Args:
        similarity: Jaccard coefficients, square and symmetric, nothing missing; the diagonal isn't looked at.
        target: the language that gets a star, if any.
        candidates: the languages to be filled, those with labelled data say; without any, all are.
        places: of these languages, if known already.
    """
    number = len(similarity)
    heading = f"Languages around {name_and_code(target)}" if target else f"{number} languages by similarity"
    if number < 3:
        return sentence(heading, "A map takes three languages or more.")
    places = places or scaled(similarity)
    if places.kept < LEAST:
        return sentence(
            heading,
            f"No map: two dimensions could show only {percent(places.kept)} of the differences in similarity, and what "
            "looks near would often not be similar.",
        )
    family, looks = families(list(similarity.index))
    points = _points(places.places, similarity, target, candidates, family)
    half_x, half_y = half_sizes(points)
    zoom = f"min((width / 2 - {MARGIN}) / {half_x}, (height / 2 - {MARGIN}) / {half_y})"
    described = f"Map of {number} languages on which similar ones are near each other."
    return chart(
        [*_dots(points, looks, target), _names(points)],
        heading,
        _notes(places.kept, target, points),
        f"{described} {nearest_in_words(similarity, target)}" if target else f"{described} {_of_families(points)}",
        data=rows(points),
        params=[{"name": "zoom", "expr": zoom}],
        height=f"clamp(width * {half_y / half_x:.4f}, {LOWEST}, {HIGHEST})",
    )


def _points(
    places: pd.DataFrame,
    similarity: pd.DataFrame,
    target: str | None,
    candidates: Collection[str],
    family: dict[str, str],
) -> pd.DataFrame:
    """Return the points with what they look like and say: the target first, then the candidates."""
    codes, filled = list(places.index), set(candidates or places.index)
    points = places.round(5).assign(
        family=[family[code] for code in codes],
        bold=[code == target for code in codes],
        candidate=[code in filled or code == target for code in codes],
        language=[name_and_code(code) for code in codes],
    )
    points["sentence"] = points["language"] + ", " + points["family"]
    if target:
        to_target = similarity[target]
        points["similarity"] = ["the target" if code == target else f"{to_target[code]:.3f}" for code in codes]
        points["sentence"] += ", " + points["similarity"]
    return points.sort_values(["bold", "candidate"], ascending=False, kind="stable")


def _dots(points: pd.DataFrame, looks: dict[str, tuple[str, str]], target: str | None) -> list[Chart]:
    """Return the languages, and over them the target."""
    shape, colour = scales(points["family"], looks)

    def channel(scale: Chart) -> Chart:
        return {"field": "family", "type": "nominal", "scale": scale, "legend": LEGEND}

    tip = [{"field": "language"}, {"field": "family"}]
    tip += [{"field": "similarity", "title": "similarity to the target"}] if target else []
    said = {"tooltip": tip, "description": {"field": "sentence"}}
    size = 70 if len(points) <= CROWD else 36
    outline = {
        "type": "point",
        "strokeWidth": 1.5,
        "opacity": 1,
        "size": {"expr": f"width < {DESK} ? {size // 2} : {size}"},
    }
    fill = {"condition": {"test": "datum.candidate", "value": 1}, "value": 0}
    colours = {"fill": channel(colour), "stroke": channel(colour)}
    looked = {"shape": channel(shape), **colours, "fillOpacity": fill}
    dots: list[Chart] = [
        {
            "name": "dots",
            "transform": [{"filter": "!datum.bold"}],
            "mark": outline,
            "encoding": {**_axes(), **looked, **said},
        }
    ]
    if target:
        star = {"type": "point", "filled": True, "opacity": 1, "size": 420, "shape": STAR}
        encoding = {**_axes(), **colours, **said}
        dots.append({"name": "target", "transform": [{"filter": "datum.bold"}], "mark": star, "encoding": encoding})
    return dots


def _names(points: pd.DataFrame) -> Chart:
    placed = [label for width in (PHONE, DESK) for label in labels(points, width)]
    mark = {
        "type": "text",
        "aria": False,
        "fontSize": 11,
        "baseline": "middle",
        "fontWeight": {"expr": "datum.bold ? 'bold' : 'normal'"},
        **{each: {"expr": f"datum.{each}"} for each in ("align", "dx", "dy")},
    }
    return {
        "name": "names",
        "data": {"values": placed},
        "transform": [{"filter": f"datum.width === (width < {DESK} ? {PHONE} : {DESK})"}],
        "mark": mark,
        "encoding": {**_axes(), "text": {"field": "text"}},
    }


def _axes() -> Chart:
    """Return the two directions, zero in the middle, with one scale for both."""
    return {
        field: {
            "field": field,
            "type": "quantitative",
            "axis": None,
            "scale": {
                "domain": [{"expr": f"-{side} / 2 / zoom"}, {"expr": f"{side} / 2 / zoom"}],
                "nice": False,
                "zero": False,
            },
        }
        for field, side in (("x", "width"), ("y", "height"))
    }


def _notes(kept: float, target: str | None, points: pd.DataFrame) -> list[str]:
    notes = ["Near means similar; directions mean nothing.", f"The map keeps {percent(kept)} of the differences."]
    if target:
        notes.append(f"Star: {name(target)}.")
    number = int(points["candidate"].sum()) - bool(target)
    if number < len(points) - bool(target):
        notes.append(f"Filled: the {number} candidates.")
    return notes


def _of_families(points: pd.DataFrame) -> str:
    """Say how many languages of which families there are."""
    counts = points["family"].value_counts()
    named = [f"{family}, {count}" for family, count in counts.items() if family != OTHER]
    return f"Families: {'; '.join([*named, f'{OTHER}, {counts.get(OTHER, 0)}'])}."
