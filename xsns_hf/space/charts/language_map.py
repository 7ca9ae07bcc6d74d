"""A map of the languages, near each other where they are similar."""

from collections.abc import Collection

import altair as alt
import numpy as np
import pandas as pd
from altair import ExprRef

from xsns_hf.languages.codes import name_and_code
from xsns_hf.space.charts.map_labels import DESK, HEIGHT, MARGIN, PHONE, labels, limits
from xsns_hf.space.charts.parts import BLUE, GREY, LEGEND, ORANGE, chart, nearest_in_words, scales, sentence

STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"

KINDS = {
    "target": (STAR, ORANGE, ORANGE),
    "candidate": ("circle", BLUE, BLUE),
    "other language": ("circle", "transparent", GREY),
}
"""How the points look: shape, fill, outline. What comes first is labelled first."""


def language_map(similarity: pd.DataFrame, target: str, candidates: Collection[str] = ()) -> alt.LayerChart:
    """Draw languages as points, near where they are similar: classical scaling of 1 − Jaccard to two dimensions.

    At any width a pixel is as much to the side as it is upwards, so that distances compare. A name that has no room
    makes way for its code, and that for nothing; the tooltips have all names.

    Args:
        similarity: Jaccard coefficients, square and symmetric, nothing missing; the diagonal isn't looked at. Of
            fewer than three languages there's no map, and the chart says so.
        target: the language that gets a star.
        candidates: the languages to be filled, those with labelled data say.
    """
    heading = f"Languages around {name_and_code(target)}"
    if len(similarity) < 3:
        return sentence(heading, "A map takes three languages or more.")
    places, kept = _scaled(similarity)
    points = _points(places, similarity[target], candidates)
    zoom = "min((width / 2 - {}) / {}, {})".format(MARGIN, *limits(points))
    return chart(
        [_dots(points), _names(points)],
        heading,
        ["Near means similar; directions mean nothing.", f"Roughly: it keeps {kept:.0%} of the differences."],
        f"Map of {len(points)} languages on which similar ones are near each other. "
        + nearest_in_words(similarity, target),
        height=HEIGHT,
    ).add_params(alt.param(name="zoom", expr=zoom))


def _scaled(similarity: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Place languages in two dimensions, around zero: columns x and y; and return the share of variance they keep."""
    distances = 1 - similarity.to_numpy(copy=True)
    np.fill_diagonal(distances, 0)
    # Classical scaling (Torgerson 1952): the greatest eigenvectors of the centred squared distances.
    squared = distances**2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1, keepdims=True) + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    places = vectors[:, :-3:-1] * np.sqrt(values[:-3:-1].clip(0))  # rounding may leave a value below zero
    places *= np.sign(places[np.abs(places).argmax(axis=0), [0, 1]] + 1e-300)  # eigenvectors have no sign of their own
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    variance = squared.sum() / (2 * len(distances))
    kept = (places**2).sum() / variance if variance else 1.0
    return pd.DataFrame(places - middle, index=similarity.index, columns=["x", "y"]), float(kept)


def _points(places: pd.DataFrame, to_target: pd.Series, candidates: Collection[str]) -> pd.DataFrame:
    """Return the points with what they look like and say, the target first, then the candidates.

    Args:
        places: x and y of each language.
        to_target: similarity of each language to the target, whose name it has.
        candidates: the languages to be filled.
    """
    target, codes = to_target.name, places.index
    kinds = dict.fromkeys(candidates, "candidate") | {target: "target"}
    points = places.assign(
        kind=[kinds.get(code, "other language") for code in codes],
        language=[name_and_code(code) for code in codes],
        similarity=["–" if code == target else f"{to_target[code]:.3f}" for code in codes],
        area=[400 if code == target else 60 for code in codes],
    )
    return points.sort_values("kind", key=lambda kinds: kinds.map(list(KINDS).index), kind="stable")


def _dots(points: pd.DataFrame) -> alt.Chart:
    shape, fill, stroke = scales(points["kind"], KINDS)
    dots = alt.Chart(points).mark_point(strokeWidth=1.5, opacity=1, size=ExprRef("datum.area"))
    return dots.encode(
        *_axes(),
        shape=alt.Shape("kind:N", scale=shape, legend=LEGEND),
        fill=alt.Fill("kind:N", scale=fill, legend=LEGEND),
        stroke=alt.Stroke("kind:N", scale=stroke, legend=LEGEND),
        tooltip=["language:N", "kind:N", alt.Tooltip("similarity:N", title="similarity to the target")],
    )


def _names(points: pd.DataFrame) -> alt.Chart:
    placed = pd.DataFrame([label for width in (PHONE, DESK) for label in labels(points, width)])
    names = alt.Chart(placed).transform_filter(f"datum.width === (width < {DESK} ? {PHONE} : {DESK})")
    marks = names.mark_text(
        aria=False,
        fontSize=11,
        fontWeight=ExprRef("datum.bold ? 'bold' : 'normal'"),
        align=ExprRef("datum.align"),
        baseline="middle",
        dx=ExprRef("datum.dx"),
        dy=ExprRef("datum.dy"),
    )
    return marks.encode(*_axes(), text="text:N").properties(name="names")


def _axes() -> list[alt.X | alt.Y]:
    """Return the two directions, zero in the middle, with one scale for both."""
    return [
        channel(
            field,
            type="quantitative",
            axis=None,
            scale=alt.Scale(
                domain=[ExprRef(f"-{side} / 2 / zoom"), ExprRef(f"{side} / 2 / zoom")], nice=False, zero=False
            ),
        )
        for channel, field, side in ((alt.X, "x", "width"), (alt.Y, "y", "height"))
    ]
