"""The sources for a target as dots with intervals."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from xsns_hf.languages.codes import name, name_and_code
from xsns_hf.ranking.advice import ENGLISH
from xsns_hf.ranking.rank import Source
from xsns_hf.ranking.suggestions import Suggestions
from xsns_hf.ranking.wording import expected_text, in_points
from xsns_hf.space.charts.parts import (
    BLUE,
    GREEN,
    GREY,
    LEGEND,
    ORANGE,
    PURPLE,
    Chart,
    chart,
    percent,
    rows,
    scales,
    steps,
)

ROW = 38
"""Height of a source in pixels: a line of text and below it its dot."""


SET, ALIKE, OTHER = "in the set that holds the best with 80 %", "most similar, or not told apart", "other source"
KINDS = {
    SET: ("diamond", GREEN),
    ALIKE: ("diamond", GREEN),
    "English": ("square", ORANGE),
    f"English, {SET}": ("square", GREEN),
    f"English, {ALIKE}": ("square", GREEN),
    OTHER: ("circle", BLUE),
}
"""How the dots look: shape and colour. English is square, and what is in the set green."""

MEASURED = "measured"
CROSS = "M-.6,-.6L.6,.6M.6,-.6L-.6,.6"

_DOWN = 9
"""Pixels that a row's dot is below its middle."""


def sources_chart(
    suggestions: Suggestions, top: int, measured: pd.Series | None = None, target: str | None = None
) -> Chart:
    """Draw the best sources as dots on an axis that shows their differences, and English with them.

    Dots are the scores to expect with their 90 % intervals, where there are some, else similarities with their standard
    deviation over seeds. Marked are English; the set of sources that holds the best with 80 %, or those that the masks
    don't tell apart from the most similar; and what was measured for the target itself. The axis is as long as the
    dots need: intervals that reach beyond are cut there, and said to be.

    Args:
        suggestions: the sources, at least one.
        top: how many of them to show; English is shown in any case, if it's a candidate.
        measured: scores of the target by source, in the unit of the scores to expect; drawn beside those only.
        target: what to call the target; by default its name and code.
    """
    table = _table(suggestions, top, measured)
    edges = _edges(table)
    heading = f"Sources for {target or name_and_code(suggestions.target)}"
    return chart(
        _layers(suggestions, table, edges),
        heading,
        _notes(suggestions, table, edges),
        _description(table, heading),
        data=rows(table),
        height=ROW * len(table),
    )


def _table(suggestions: Suggestions, top: int, measured: pd.Series | None) -> pd.DataFrame:
    """Return a row for each source that is shown: its place, what is drawn of it, and what it says."""
    shown = list(enumerate(suggestions.ranking.candidates, 1))
    drawn = [row for row in shown if row[0] <= top or row[1].language == ENGLISH]
    chosen = _set(suggestions)
    records = [_record(place, source, suggestions, chosen, measured) for place, source in drawn]
    table = pd.DataFrame(records)
    return table if table["measured"].notna().any() else table.drop(columns="measured")


def _set(suggestions: Suggestions) -> Sequence[str]:
    if suggestions.outlook:
        return suggestions.outlook.best_set
    ranking = suggestions.ranking
    alike = [source.language for source in ranking.candidates if source.as_good_as_best]
    return [ranking.most_similar.language, *alike] if ranking.seeds > 1 else []


def _record(
    place: int, source: Source, suggestions: Suggestions, chosen: Sequence[str], measured: pd.Series | None
) -> dict[str, Any]:
    code, language = source.language, f"{source.name} ({source.language})"
    kinds = ["English"] * (code == ENGLISH) + [SET if suggestions.outlook else ALIKE] * (code in chosen)
    kind = ", ".join(kinds) or OTHER
    record: dict[str, Any] = {
        "place": place,
        "label": f"{place}. {language}",
        "kind": kind,
        "measured": None,
    }
    if suggestions.outlook:
        row = suggestions.outlook.table.loc[code]
        record |= {"value": row["expected"], "low": row["lower"], "high": row["upper"]}
        shown = expected_text(suggestions.outlook.table, code)
        said = f"expected {shown}, best with {percent(row['best'])}"
        if measured is not None and pd.notna(measured.get(code)):
            record["measured"] = measured[code]
            said += f", measured {measured[code]:.{1 if in_points(suggestions.outlook.table) else 2}f}"
    else:
        spread = source.std or 0.0
        record |= {"value": source.similarity, "low": source.similarity - spread, "high": source.similarity + spread}
        shown = f"{source.similarity:.3f}" + (f" ± {source.std:.3f}" if source.std is not None else "")
        said = f"similarity {shown}"
    return record | {"shown": shown, "tip": f"{said}; {kind}", "sentence": f"{place}. {language}: {said}; {kind}"}


def _edges(table: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis: the dots take half of it at least, unless all intervals have room on it too."""
    dots = table[["value", *table.columns.intersection([MEASURED])]].astype(float)
    lowest, highest = dots.min(axis=None), dots.max(axis=None)
    room = max((highest - lowest) / 2, 0.01 * max(abs(highest), 1e-3))
    reach = min(table["low"].min(), lowest), max(table["high"].max(), highest)
    return max(lowest - room, reach[0] - room / 8), min(highest + room, reach[1] + room / 8)


def _layers(suggestions: Suggestions, table: pd.DataFrame, edges: tuple[float, float]) -> list[Chart]:
    """Return names, numbers, intervals, dots, and what was measured."""
    values, form = steps(*edges)
    title = "Expected score" if suggestions.outlook else "Similarity of sub-networks (Jaccard)"
    x = {
        "type": "quantitative",
        "scale": {"domain": list(edges), "nice": False, "zero": False},
        "axis": {"title": title, "values": values, "format": form},
    }
    y = {"field": "place", "type": "ordinal", "axis": None}
    layers = [
        _text("left", {"value": 0}, "label", y, limit={"expr": "width - 110"}),
        _text("right", {"value": "width"}, "shown", y),
    ]
    if (table["high"] > table["low"]).any():
        line = {"type": "rule", "color": GREY, "strokeWidth": 2, "yOffset": _DOWN, "clip": True, "aria": False}
        ends = {"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"}}
        layers.append({"name": "intervals", "mark": line, "encoding": ends})
    layers.append(_dots(table, {"y": y, "x": x | {"field": "value"}}))
    if MEASURED in table:
        cross = {"type": "point", "shape": CROSS, "filled": False, "strokeWidth": 3, "size": 120, "color": PURPLE}
        cross |= {"opacity": 1, "yOffset": _DOWN, "aria": False}
        layers.append({"name": MEASURED, "mark": cross, "encoding": {"y": y, "x": x | {"field": MEASURED}}})
    return layers


def _dots(table: pd.DataFrame, axes: Chart) -> Chart:
    shape, colour = scales(table["kind"], KINDS)
    kind = {"field": "kind", "type": "nominal", "legend": LEGEND | {"columns": 1, "labelLimit": 300}}
    return {
        "name": "dots",
        "mark": {"type": "point", "filled": True, "size": 140, "opacity": 1, "yOffset": _DOWN},
        "encoding": {
            **axes,
            "shape": kind | {"scale": shape},
            "color": kind | {"scale": colour},
            "tooltip": [{"field": "label", "title": "source"}, {"field": "tip", "title": "is"}],
            "description": {"field": "sentence"},
        },
    }


def _text(align: str, x: Chart, field: str, y: Chart, **properties: Any) -> Chart:
    mark = {"type": "text", "align": align, "baseline": "bottom", "fontSize": 12, "aria": False, **properties}
    return {"mark": mark, "encoding": {"y": y, "x": x, "text": {"field": field}}}


def _notes(suggestions: Suggestions, table: pd.DataFrame, edges: tuple[float, float]) -> list[str]:
    if suggestions.outlook:
        cut = table["low"].min() < edges[0] or table["high"].max() > edges[1]
        lines = "Lines: 90 % intervals, cut at the edges." if cut else "Lines: 90 % intervals."
        notes = [f"{lines} Most of their width is common to all sources: it's the level of scores that isn't known."]
    elif suggestions.ranking.seeds > 1:
        notes = [f"Lines: spread over {suggestions.ranking.seeds} samples of text."]
    else:
        notes = ["One sample of text: the spread isn't known."]
    if MEASURED in table:
        notes.append(f"Crosses: measured on {name(suggestions.target)} itself.")
    return notes


def _description(table: pd.DataFrame, heading: str) -> str:
    """Return what the chart says, for those who can't see it: the best three, English, and how many are in the set."""
    told = table[(table["place"] <= 3) | table["kind"].str.startswith("English")]["sentence"]
    return f"{heading}, a dot plot of {len(table)}, best first. {'. '.join(told)}."
