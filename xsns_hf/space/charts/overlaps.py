"""Where two sub-networks overlap, layer by layer."""

import pandas as pd

from xsns_hf.languages.codes import name
from xsns_hf.space.charts.parts import BLUE, GREEN, LEGEND, ORANGE, PURPLE, Chart, chart, rows, scales, sentence

MODULES = {
    "attention": ("circle", BLUE),
    "feed-forward": ("square", ORANGE),
    "norm": ("triangle-up", GREEN),
    "other": ("diamond", PURPLE),
}
"""How the kinds of module look: shape and colour."""

SAME = 0.9995
"""Similarity that is written 1.000."""


def overlaps(summed: pd.DataFrame, source: str, target: str) -> Chart:
    """Draw how much of their sub-networks two languages share, from the first layer to the last.

    A kind of module that is the same in every layer isn't drawn: it is selected whole, for these two as for any.

    Args:
        summed: what `overlap.summed` returned for ["layer", "module"], perhaps with "stack". What belongs to no
            layer isn't drawn; if nothing does, the chart says so.
        source: a language.
        target: another one.
    """
    heading = f"{name(source)} and {name(target)}, by layer"
    points = summed.dropna(subset=["layer", "jaccard"])
    if points.empty:
        return sentence(heading, "This model's parameters aren't numbered by layer.")
    differing = points.groupby("module")["jaccard"].transform("min") < SAME
    same, points = sorted(set(points.loc[~differing, "module"])), points[differing]
    left_out = f"Not drawn, since both select all of it: {', '.join(same)}."
    if points.empty:
        return sentence(heading, left_out)
    points = points.assign(layer=points["layer"].astype(int), stack=points.get("stack", ""))
    return chart(
        _layers(points, source, target),
        heading,
        ["Share in common of what either selects.", *([left_out] if same else [])],
        f"Line chart of the overlap in layers 0 to {points['layer'].max()}: {_in_words(points)}.",
        data=rows(points),
        height=320,
    )


def _layers(points: pd.DataFrame, source: str, target: str) -> list[Chart]:
    shape, colour = scales(points["module"], MODULES)
    stacks = points["stack"].nunique() > 1
    module = {"field": "module", "type": "nominal"}
    layer_axis = {"title": "Layer, from input to output", "labelAngle": 0, "labelOverlap": True}
    base = {
        "x": {"field": "layer", "type": "ordinal", "axis": layer_axis},
        "y": {
            "field": "jaccard",
            "type": "quantitative",
            "title": "Similarity",
            "scale": {"zero": False},
            "axis": {"tickCount": 6},
        },
        "color": module | {"scale": colour, "legend": LEGEND},
        "detail": {"field": "stack", "type": "nominal"},
        "tooltip": _tooltip(source, target, stacks),
    }
    dashed = {"field": "stack", "type": "nominal", "legend": {"orient": "top", "title": None} if stacks else None}
    line = {"type": "line", "strokeWidth": 2, "aria": False}
    point = {"type": "point", "filled": True, "size": 60, "opacity": 1}
    return [
        {"mark": line, "encoding": base | {"strokeDash": dashed}},
        {"name": "dots", "mark": point, "encoding": base | {"shape": module | {"scale": shape, "legend": LEGEND}}},
    ]


def _in_words(points: pd.DataFrame) -> str:
    """Say between what each kind of module lies."""
    ends = points.groupby("module")["jaccard"].agg(["min", "max"])
    return ", ".join(f"{row.Index} {row.min:.3f} to {row.max:.3f}" for row in ends.itertuples())


def _tooltip(source: str, target: str, stacks: bool) -> list[Chart]:
    share: Chart = {"type": "quantitative", "format": ".1%"}
    return [
        {"field": "layer"},
        {"field": "module"},
        *([{"field": "stack"}] if stacks else []),
        {"field": "jaccard", "type": "quantitative", "title": "similarity", "format": ".3f"},
        {"field": "density_one", "title": f"selected for {name(source)}", **share},
        {"field": "density_other", "title": f"selected for {name(target)}", **share},
        {"field": "parameters", "type": "quantitative", "format": ",d"},
    ]
