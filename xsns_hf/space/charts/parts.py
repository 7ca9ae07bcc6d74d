"""What the charts have in common: colours, legend, heading, and the sentence where there is nothing to draw."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import altair as alt
import pandas as pd

from xsns_hf.languages.codes import name, name_and_code

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2f7fc1", "#d55e00", "#0a9468", "#c2579b", "#808590"

LEGEND = alt.Legend(orient="bottom", direction="horizontal", title=None, symbolSize=80, symbolOpacity=1)


def chart(
    layers: list[alt.Chart], heading: str, notes: list[str], description: str, **properties: Any
) -> alt.LayerChart:
    """Lay charts over each other under a heading, with what they all have in common.

    Args:
        layers: those below first.
        heading: of them all.
        notes: sentences below it.
        description: for those who can't see the chart.
        properties: more of the chart's, such as its height.
    """
    title = alt.TitleParams(
        wrap(heading, 34),
        subtitle=[line for note in notes for line in wrap(note, 46)],
        anchor="start",
        frame="bounds",
        fontSize=14,
        subtitleFontSize=12,
        offset=12,
    )
    layered = alt.layer(*layers).properties(
        title=title,
        description=description,
        width="container",
        background="transparent",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        usermeta={"embedOptions": {"renderer": "svg", "actions": False}},
        **properties,
    )
    return (
        layered.configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=11, titleFontSize=12, titleFontWeight="normal")
        .configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal")
    )


def sentence(heading: str, text: str) -> alt.LayerChart:
    """Return a chart of nothing but a sentence: why there is nothing to draw."""
    words = alt.Chart(pd.DataFrame({"note": [text]})).mark_text(fontSize=13).encode(text="note:N")
    return chart([words], heading, [], text, height=80)


def scales(values: pd.Series, looks: Mapping[str, tuple[Any, ...]]) -> list[alt.Scale]:
    """Return a scale for each property in which things look different, for the things that there are.

    Args:
        values: what is drawn, as a column.
        looks: how each thing looks, property by property; the legend has their order.
    """
    present = [value for value in looks if value in set(values)]
    return [alt.Scale(domain=present, range=list(of)) for of in zip(*(looks[value] for value in present), strict=True)]


def nearest_in_words(similarity: pd.DataFrame, target: str) -> str:
    """Say which three languages are the most similar ones."""
    three = similarity[target].drop(target).nlargest(3)
    return (
        f"Nearest to {name_and_code(target)}: {', '.join(f'{name(code)}, {three[code]:.3f}' for code in three.index)}."
    )
