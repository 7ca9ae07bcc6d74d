"""Where two sub-networks overlap, layer by layer."""

import altair as alt
import pandas as pd

from xsns_hf.languages.codes import name
from xsns_hf.space.charts.parts import BLUE, GREEN, LEGEND, ORANGE, PURPLE, chart, scales, sentence

MODULES = {
    "attention": ("circle", BLUE),
    "feed-forward": ("square", ORANGE),
    "norm": ("triangle-up", GREEN),
    "other": ("diamond", PURPLE),
}
"""How the kinds of module look: shape and colour."""


def overlaps(summed: pd.DataFrame, source: str, target: str) -> alt.LayerChart:
    """Draw how much of their sub-networks two languages share, from the first layer to the last.

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
    points = points.assign(layer=points["layer"].astype(int), stack=points.get("stack", ""))
    shape, colour = scales(points["module"], MODULES)
    stacks = points["stack"].nunique() > 1
    base = alt.Chart(points).encode(
        x=alt.X("layer:O", title="Layer, from input to output", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("jaccard:Q", title="Similarity", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6)),
        color=alt.Color("module:N", scale=colour, legend=LEGEND),
        detail="stack:N",
        tooltip=_tooltip(source, target, stacks),
    )
    dashes = alt.StrokeDash("stack:N", legend=alt.Legend(orient="top", title=None) if stacks else None)
    layers = [
        base.mark_line(strokeWidth=2, aria=False).encode(dashes),
        base.mark_point(filled=True, size=60, opacity=1).encode(alt.Shape("module:N", scale=shape, legend=LEGEND)),
    ]
    return chart(
        layers,
        heading,
        ["Share in common of what either selects."],
        f"Line chart of the overlap in layers 0 to {points['layer'].max()}: {', '.join(shape.domain)}.",
        height=320,
    )


def _tooltip(source: str, target: str, stacks: bool) -> list[str | alt.Tooltip]:
    return [
        "layer:O",
        "module:N",
        *(["stack:N"] if stacks else []),
        alt.Tooltip("jaccard:Q", title="similarity", format=".3f"),
        alt.Tooltip("density_one:Q", title=f"selected for {name(source)}", format=".1%"),
        alt.Tooltip("density_other:Q", title=f"selected for {name(target)}", format=".1%"),
        alt.Tooltip("parameters:Q", format=",d"),
    ]
