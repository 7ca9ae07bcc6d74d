"""What the charts have in common: colours, legend, heading, and the sentence where there is nothing to draw."""

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.languages.codes import name, name_and_code

Chart = dict[str, Any]
"""A specification of Vega-Lite, or a part of one. A library that builds such takes twenty times as long; the tests hold
them against Vega-Lite's schema.
"""

BLUE, ORANGE, GREEN, PURPLE, OCHRE, GREY = "#2f7fc1", "#d55e00", "#0a9468", "#c2579b", "#98791a", "#808590"

LEGEND: Chart = {
    "orient": "bottom",
    "direction": "horizontal",
    "title": None,
    "symbolSize": 80,
    "symbolOpacity": 1,
    "columns": {"expr": "width < 420 ? 2 : 6"},
}

_CONFIG: Chart = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
}


def chart(layers: list[Chart], heading: str, notes: Iterable[str], description: str, **properties: Any) -> Chart:
    """Lay charts over each other under a heading, with what they all have in common.

    Args:
        layers: those below first.
        heading: of them all.
        notes: sentences below it.
        description: for those who can't see the chart.
        properties: more of the chart's: its `height` in pixels, or an expression for it of the chart's width.
    """
    expression = properties["height"] if isinstance(properties["height"], str) else None
    embedding: Chart = {"renderer": "svg", "actions": False}
    if expression:  # Vega-Lite takes a number only; Vega, which it becomes, an expression too
        signal = {"name": "height", "update": expression}
        embedding["patch"] = [{"op": "add", "path": "/signals/-", "value": signal}]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {
            "text": wrap(heading, 34),
            "subtitle": [line for note in notes for line in wrap(note, 46)],
            "anchor": "start",
            "frame": "bounds",
            "fontSize": 14,
            "subtitleFontSize": 12,
            "offset": 12,
        },
        "description": description,
        "width": "container",
        "background": "transparent",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "usermeta": {"embedOptions": embedding},
        "config": _CONFIG,
        **properties,
        "height": 300 if expression else properties["height"],
        "layer": layers,
    }


def sentence(heading: str, text: str) -> Chart:
    """Return a chart of nothing but a sentence: why there is nothing to draw."""
    return chart([{"mark": {"type": "text", "text": ""}}], heading, [text], text, data={"values": [{}]}, height=4)


def rows(table: pd.DataFrame) -> Chart:
    """Return a table as inline data; what is missing (NaN) is null."""
    columns = [[None if value != value else value for value in table[column].tolist()] for column in table]
    return {"values": [dict(zip(table.columns, row, strict=True)) for row in zip(*columns, strict=True)]}


def scales(values: Iterable[Any], looks: Mapping[str, tuple[Any, ...]]) -> list[Chart]:
    """Return a scale for each property in which things look different, for the things that there are.

    Args:
        values: what is drawn.
        looks: how each thing looks, property by property; the legend has their order.
    """
    drawn = set(values)
    present = [value for value in looks if value in drawn]
    return [
        {"domain": present, "range": list(looked)} for looked in zip(*(looks[value] for value in present), strict=True)
    ]


def steps(lowest: float, highest: float, most: int = 5) -> tuple[list[float], str]:
    """Return round numbers between two others, at most so many, and the format that has digits enough for them.

    Example:
        >>> steps(0.437, 0.797)
        ([0.5, 0.6, 0.7], '.1f')
    """
    sizes = [factor * 10.0**power for power in range(-7, 3) for factor in (1, 2, 5)]
    size = next(size for size in sizes if np.floor(highest / size) - np.ceil(lowest / size) + 1 <= most)
    numbers = np.arange(np.ceil(lowest / size), np.floor(highest / size) + 1) * size
    digits = max(0, int(-np.floor(np.log10(size) + 1e-9)))
    return [round(float(number), digits) for number in numbers], f".{digits}f"


def percent(share: float) -> str:
    """Return a share as `67 %`."""
    return f"{100 * share:.0f} %"


def nearest_in_words(similarity: pd.DataFrame, target: str) -> str:
    """Say which three languages are the most similar ones."""
    three = similarity[target].drop(target).nlargest(3)
    return (
        f"Nearest to {name_and_code(target)}: {', '.join(f'{name(code)}, {three[code]:.3f}' for code in three.index)}."
    )
