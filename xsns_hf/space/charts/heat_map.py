"""The similarities of all pairs of languages as a heat map."""

import altair as alt
import pandas as pd
from altair import ExprRef

from xsns_hf.languages.codes import name_and_code
from xsns_hf.masks.clustering import clustered
from xsns_hf.plotting import NAMED
from xsns_hf.space.charts.parts import GREY, chart, nearest_in_words, sentence

NUMBERED = 10
"""Languages up to which the cells have room for a number, on a phone too."""


def heat_map(similarity: pd.DataFrame, target: str) -> alt.LayerChart:
    """Draw the similarities of all pairs of languages, similar ones side by side; of more than 40, the nearest.

    Args:
        similarity: Jaccard coefficients, square and symmetric, nothing missing; the diagonal isn't looked at.
            Of one language there's no pair, and the chart says so.
        target: the language whose row and column are framed.
    """
    heading = "Similarity of language pairs"
    if len(similarity) < 2:
        return sentence(heading, "A pair takes two languages.")
    nearest = similarity[target].drop(target).nlargest(NAMED - 1).index
    if len(nearest) < len(similarity) - 1:
        heading = f"{name_and_code(target)} and the {len(nearest)} languages nearest to it, of {len(similarity) - 1}"
    number = len(nearest) + 1
    return chart(
        _layers(similarity.loc[[target, *nearest], [target, *nearest]], target),
        heading,
        [f"Framed, and marked ▶: {name_and_code(target)}.", "Similar languages stand side by side."],
        f"Heat map of the similarity of {number} languages. {nearest_in_words(similarity, target)}",
        height=alt.Step(20 if number <= 20 else 16),
    )


def _layers(similarity: pd.DataFrame, target: str) -> list[alt.Chart]:
    """Return the cells, their numbers where there's room, and the frames."""
    order = clustered(similarity)
    labels = {code: f"▶ {name_and_code(code)}" if code == target else name_and_code(code) for code in order}
    bold = alt.condition("datum.label[0] === '▶'", alt.value("bold"), alt.value("normal"))
    y = alt.Y("row:N", title=None, scale=alt.Scale(domain=list(labels.values())), axis=alt.Axis(labelFontWeight=bold))
    x = alt.X("column:N", title=None, scale=alt.Scale(domain=order), axis=alt.Axis(labelAngle=-90, labelOverlap=True))
    cells = _cells(similarity, labels)
    grid = alt.Chart(cells).encode(x, y)
    tooltip = [alt.Tooltip("pair:N", title="languages"), alt.Tooltip("similarity:Q", format=".3f")]
    coloured = grid.mark_rect().encode(_colour(), tooltip=tooltip).properties(name="cells")
    framed = alt.Chart(pd.DataFrame({"row": [labels[target]], "column": [target]}))
    frame = framed.mark_rect(filled=False, stroke=GREY, strokeWidth=2, aria=False)
    return [
        coloured,
        *([_numbers(grid, cells["similarity"])] if len(order) <= NUMBERED else []),
        frame.encode(y=y).properties(name="ink_row"),
        frame.encode(x=x).properties(name="ink_column"),
    ]


def _cells(similarity: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Return a row for each cell: label of its row, code of its column, the pair in words, similarity."""
    cells = [
        (labels[row], column, f"{name_and_code(row)}, {name_and_code(column)}", similarity.loc[row, column])
        for row in labels
        for column in labels
        if row != column
    ]
    return pd.DataFrame(cells, columns=["row", "column", "pair", "similarity"])


def _colour() -> alt.Color:
    return alt.Color(
        "similarity:Q",
        title="Similarity (Jaccard)",
        scale=alt.Scale(scheme=alt.SchemeParams("viridis", extent=[0.12, 1]), zero=False, nice=False),
        legend=alt.Legend(
            orient="bottom", direction="horizontal", gradientLength=ExprRef("min(width, 240)"), format=".2f"
        ),
    )


def _numbers(grid: alt.Chart, values: pd.Series) -> alt.Chart:
    """Write `.56` in every cell, dark on light colours and light on dark ones."""
    light = f"datum.similarity > {(values.min() + values.max()) / 2}"
    return (
        grid.transform_calculate(number="slice(format(datum.similarity, '.2f'), 1)")
        .mark_text(fontSize=10, aria=False)
        .encode(text="number:N", color=alt.condition(light, alt.value("black"), alt.value("white")))
        .properties(name="on_colour")
    )
