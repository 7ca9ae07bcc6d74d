"""The similarities of all pairs of languages as a heat map."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xsns_hf.languages.codes import name_and_code
from xsns_hf.masks.clustering import clustered
from xsns_hf.space.charts.parts import GREY, Chart, chart, nearest_in_words, sentence, steps

ON_A_PHONE, ON_A_DESK = 16, 32
"""Languages whose cells can be seen on a phone, and have room for numbers on a desk."""

NUMBERED = 20
"""Pixels of a cell that has room for a number."""

WIDEST, SIDE = 44, 700
"""Pixels of a cell at most, and of all together."""

_NARROW = "windowSize()[0] < 600"


def heat_map(similarity: pd.DataFrame, target: str | None = None, order: Sequence[str] | None = None) -> Chart:
    """Draw the similarities of pairs of languages as square cells, similar languages side by side.

    Of many languages, a phone shows the 16 nearest to the target and a desk 32; without a target, as many that stand
    apart evenly. Cells that have room for it hold their number.

    Args:
        similarity: Jaccard coefficients, square and symmetric, nothing missing; the diagonal isn't looked at.
            Of one language there's no pair, and the chart says so.
        target: the language whose row and column are framed, if any.
        order: of all these languages, similar ones side by side, if known already.
    """
    heading = "Similarity of language pairs"
    if len(similarity) < 2:
        return sentence(heading, "A pair takes two languages.")
    near = _nearest(similarity, target, order or clustered(similarity))
    shown = list(near)
    if target and len(similarity) > ON_A_PHONE:
        heading = f"{name_and_code(target)} and the languages nearest to it, of {len(similarity) - 1}"
    elif len(similarity) > ON_A_PHONE:
        heading = f"Similarity of language pairs, some of {len(similarity)} languages"
    notes = ["Similar languages stand side by side."]
    notes += [f"Framed, and marked ▶: {name_and_code(target)}."] if target else []
    words = nearest_in_words(similarity, target) if target else _extremes(similarity)
    described = f"Heat map of the similarity of {len(shown)} languages. {words}"
    number = f"({_NARROW} ? {min(len(shown), ON_A_PHONE)} : {len(shown)})"
    return chart(
        _layers(similarity.loc[shown, shown], target, near, number),
        heading,
        notes,
        described,
        data={"values": _rows(similarity.loc[shown, shown], target, near)},
        transform=[
            {"flatten": ["column", "near_column", "similarity"]},
            {"filter": f"max(datum.near, datum.near_column) < ({_NARROW} ? {ON_A_PHONE} : {ON_A_DESK})"},
        ],
        height=f"min(width, {SIDE}, {WIDEST} * {number})",
    )


def _nearest(similarity: pd.DataFrame, target: str | None, order: Sequence[str]) -> dict[str, int]:
    """Return the languages to be shown in their order, each with its place among those worth showing, from 0."""
    if target:
        chosen = [target, *similarity[target].drop(target).nlargest(ON_A_DESK - 1).index]
    else:
        chosen = []
        for number in (ON_A_PHONE, ON_A_DESK):
            apart = np.linspace(0, len(order) - 1, min(number, len(order))).round().astype(int)
            chosen += [order[at] for at in apart if order[at] not in chosen]
        chosen = chosen[:ON_A_DESK]
    places = {code: place for place, code in enumerate(chosen)}
    return {code: places[code] for code in order if code in places}


def _extremes(similarity: pd.DataFrame) -> str:
    """Say which pair is the most similar one and which the least."""
    values = similarity.to_numpy(float, copy=True)
    np.fill_diagonal(values, np.nan)
    most, least = (_pair(similarity, int(at)) for at in (np.nanargmax(values), np.nanargmin(values)))
    return f"Most similar: {most}. Least: {least}."


def _pair(similarity: pd.DataFrame, at: int) -> str:
    """Return a pair in words, by its place among all cells."""
    row, column = divmod(at, len(similarity))
    one, other = (name_and_code(similarity.index[place]) for place in (row, column))
    return f"{one} and {other}, {similarity.iloc[row, column]:.3f}"


def _rows(similarity: pd.DataFrame, target: str | None, near: dict[str, int]) -> list[Chart]:
    """Return a record for each row of cells, with lists for its columns; the cell of a language with itself is null."""
    values = similarity.round(3).to_numpy().tolist()
    for place, row in enumerate(values):
        row[place] = None
    codes, places = list(near), list(near.values())
    return [
        {
            "row": f"▶ {name_and_code(code)}" if code == target else name_and_code(code),
            "code": code,
            "near": near[code],
            "column": codes,
            "near_column": places,
            "similarity": row,
        }
        for code, row in zip(codes, values, strict=True)
    ]


def _layers(similarity: pd.DataFrame, target: str | None, near: dict[str, int], number: str) -> list[Chart]:
    """Return the cells, their numbers, and the frames."""
    codes = list(near)
    labels = [f"▶ {name_and_code(code)}" if code == target else name_and_code(code) for code in codes]
    values = similarity.to_numpy()[~np.eye(len(similarity), dtype=bool)]
    small = {"expr": f"{_NARROW} ? 9 : 11"}
    bold = {"condition": {"test": "datum.label[0] === '▶'", "value": "bold"}, "value": "normal"}
    x = {
        "field": "column",
        "type": "nominal",
        "sort": codes,
        "scale": {"range": [0, {"expr": "height"}]},
        "axis": {"title": None, "labelAngle": -90, "labelFontSize": small},
    }
    y = {
        "field": "row",
        "type": "nominal",
        "sort": labels,
        "axis": {"title": None, "labelFontWeight": bold, "labelLimit": 150},
    }
    tip = [
        {"field": "row", "title": "language"},
        {"field": "column", "title": "and"},
        {"field": "similarity", "type": "quantitative", "format": ".3f"},
    ]
    there = {"filter": "isValid(datum.similarity)"}
    cells = {
        "name": "cells",
        "transform": [there],
        "mark": {"type": "rect", "aria": len(codes) <= ON_A_PHONE},
        "encoding": {"x": x, "y": y, "color": _colour(values), "tooltip": tip},
    }
    layers = [cells, _numbers(x, y, values, [there, {"filter": f"height / {number} >= {NUMBERED}"}])]
    if target:
        frame = {"type": "rect", "filled": False, "stroke": GREY, "strokeWidth": 2, "aria": False}
        own = {"filter": "datum.near === 0 && datum.near_column === 0"}
        whole: Chart = {"value": {"expr": "height"}}
        across = {"y": y, "x": {"value": 0}, "x2": whole}
        down = {"x": x, "y": {"value": 0}, "y2": whole}
        layers += [
            {"name": f"ink_{name}", "transform": [own], "mark": frame, "encoding": encoding}
            for name, encoding in (("row", across), ("column", down))
        ]
    return layers


def _colour(values: np.ndarray) -> Chart:
    ends = float(values.min()), float(values.max())
    numbers, form = steps(*ends)
    return {
        "field": "similarity",
        "type": "quantitative",
        "title": "Similarity (Jaccard)",
        "scale": {"scheme": {"name": "viridis", "extent": [0.12, 1]}, "domain": list(ends)},
        "legend": {
            "orient": "bottom",
            "direction": "horizontal",
            "gradientLength": {"expr": "min(width, 240)"},
            "values": numbers,
            "format": form,
        },
    }


def _numbers(x: Chart, y: Chart, values: np.ndarray, filters: list[Chart]) -> Chart:
    """Write `.56` into every cell that has room for it, dark on light colours and light on dark ones."""
    light = f"datum.similarity > {(values.min() + values.max()) / 2}"
    return {
        "name": "on_colour",
        "transform": [
            *filters,
            {"calculate": "slice(format(datum.similarity, '.2f'), 1)", "as": "number"},
        ],
        "mark": {"type": "text", "fontSize": 10, "aria": False},
        "encoding": {
            "x": x,
            "y": y,
            "text": {"field": "number"},
            "color": {"condition": {"test": light, "value": "black"}, "value": "white"},
        },
    }
