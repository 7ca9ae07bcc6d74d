"""The sources for a target as dots with intervals."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from xsns_hf.languages.codes import name, name_and_code
from xsns_hf.ranking.rank import Source
from xsns_hf.ranking.suggestions import Suggestions
from xsns_hf.ranking.wording import expected_text, in_points
from xsns_hf.space.charts.parts import BLUE, GREEN, LEGEND, ORANGE, PURPLE, Chart, chart, rows, scales, steps

ROW = 38
"""Height of a source in pixels: a line of text and below it its dot."""

ENGLISH = "eng"

KINDS = {"in the set": ("diamond", GREEN), "English": ("square", ORANGE), "other source": ("circle", BLUE)}
"""How the dots look: shape and colour."""

MEASURED = "measured"

_DOWN = 9
"""Pixels that a row's dot is below its middle."""


def sources_chart(suggestions: Suggestions, top: int, measured: pd.Series | None = None) -> Chart:
    """Draw the best sources as dots on an axis that shows their differences, and English with them.

    Dots are the scores to expect with their 90 % intervals, where there are some, else similarities with their standard
    deviation over seeds. Marked are English; the set of sources that holds the best with 80 %, or those that the masks
    don't tell apart from the most similar; and what was measured for the target itself. The axis is as long as the
    dots need: intervals that reach beyond are cut there, and said to be.

    Args:
        suggestions: the sources, at least one.
        top: how many of them to show; English is shown in any case, if it's a candidate.
        measured: scores of the target by source, in the unit of the scores to expect; drawn beside those only.
    """
    table = _table(suggestions, top, measured)
    edges = _edges(table)
    target = name_and_code(suggestions.target)
    heading = f"Sources for {target}"
    notes = _notes(suggestions, table, edges)
    return chart(_layers(suggestions, table, edges), heading, notes, _description(table, heading), data=rows(table),
                 height={"step": ROW})  # fmt: skip


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
    is_english, in_set = code == ENGLISH, code in chosen
    record: dict[str, Any] = {
        "place": place,
        "label": f"{place}. {language}",
        "kind": "English" if is_english else "in the set" if in_set else "other source",
        "measured": None,
    }
    words = f"in the set{' and English' if is_english else ''}" if in_set else record["kind"]
    if suggestions.outlook:
        row = suggestions.outlook.table.loc[code]
        record |= {"value": row["expected"], "low": row["lower"], "high": row["upper"]}
        shown = expected_text(suggestions.outlook.table, code)
        said = f"expected {shown}, best with {row['best']:.0%}"
        if measured is not None and code in measured.index:
            record["measured"] = measured[code]
            said += f", measured {measured[code]:.{1 if in_points(suggestions.outlook.table) else 2}f}"
    else:
        spread = source.std or 0.0
        record |= {"value": source.similarity, "low": source.similarity - spread, "high": source.similarity + spread}
        shown = f"{source.similarity:.3f}" + (f" ± {source.std:.3f}" if source.std is not None else "")
        said = f"similarity {shown}"
    return record | {"shown": shown, "tip": f"{said}; {words}", "sentence": f"{place}. {language}: {said}; {words}"}


def _edges(table: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis: the dots take half of it at least, unless all intervals have room on it too."""
    dots = table[["value", *table.columns.intersection([MEASURED])]].astype(float)
    lowest, highest = dots.min(axis=None), dots.max(axis=None)
    room = max((highest - lowest) / 2, 0.01 * max(abs(highest), 1e-3))
    reach = table["low"].min(), table["high"].max()
    return max(lowest - room, reach[0] - room / 8), min(highest + room, reach[1] + room / 8)


def _layers(suggestions: Suggestions, table: pd.DataFrame, edges: tuple[float, float]) -> list[Chart]:
    values, form = steps(*edges)
    title = "Expected score" if suggestions.outlook else "Similarity of sub-networks (Jaccard)"
    x = {"type": "quantitative", "scale": {"domain": list(edges), "nice": False, "zero": False},
         "axis": {"title": title, "values": values, "format": form}}  # fmt: skip
    y = {"field": "place", "type": "ordinal", "axis": None}
    colour, shape = (scales(table["kind"], {kind: (look,) for kind, look in looked.items()})[0]
                     for looked in ({k: v[1] for k, v in KINDS.items()}, {k: v[0] for k, v in KINDS.items()}))  # fmt: skip
    layers = [
        _text("left", {"value": 0}, "label", y, limit={"expr": "width - 110"}),
        _text("right", {"value": "width"}, "shown", y),
    ]
    if (table["high"] > table["low"]).any():
        interval = {"type": "rule", "strokeWidth": 2, "yOffset": _DOWN, "clip": True, "aria": False}
        ends = {"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"}}
        layers.append({"name": "ink_interval", "mark": interval, "encoding": ends})
    dot = {"type": "point", "filled": True, "size": 130, "opacity": 1, "yOffset": _DOWN}
    looks = {"color": {"field": "kind", "type": "nominal", "scale": colour, "legend": LEGEND},
             "shape": {"field": "kind", "type": "nominal", "scale": shape, "legend": LEGEND}}  # fmt: skip
    tip = [{"field": "label", "title": "source"}, {"field": "tip", "title": "is"}]
    layers.append({"name": "dots", "mark": dot, "encoding": {
        "y": y, "x": x | {"field": "value"}, **looks, "tooltip": tip, "description": {"field": "sentence"}}})  # fmt: skip
    if MEASURED in table:
        cross = {"type": "point", "shape": "cross", "angle": 45, "filled": True, "size": 110, "opacity": 1,
                 "color": PURPLE, "yOffset": _DOWN, "aria": False}  # fmt: skip
        layers.append({"name": "measured", "mark": cross, "encoding": {"y": y, "x": x | {"field": MEASURED}}})
    return layers


def _text(align: str, x: Chart, field: str, y: Chart, **properties: Any) -> Chart:
    mark = {"type": "text", "align": align, "baseline": "bottom", "fontSize": 12, "aria": False, **properties}
    return {"mark": mark, "encoding": {"y": y, "x": x, "text": {"field": field}}}


def _notes(suggestions: Suggestions, table: pd.DataFrame, edges: tuple[float, float]) -> list[str]:
    if suggestions.outlook:
        notes = ["Lines: 90 % intervals. Most of their width is common to all sources."]
        if table["low"].min() < edges[0] or table["high"].max() > edges[1]:
            notes.append("They are cut at the edges.")
        notes.append("The set holds the best source with 80 %.")
    elif suggestions.ranking.seeds > 1:
        notes = [
            f"Lines: spread over {suggestions.ranking.seeds} samples of text.",
            "The set: the most similar, and what isn't told apart from it.",
        ]
    else:
        notes = ["One sample of text: the spread isn't known."]
    if MEASURED in table:
        notes.append(f"Crosses: measured on {name(suggestions.target)} itself.")
    return notes


def _description(table: pd.DataFrame, heading: str) -> str:
    """Return what the chart says, for those who can't see it: the best three, English, and how many are in the set."""
    told = table[(table["place"] <= 3) | (table["kind"] == "English")]["sentence"]
    return f"{heading}, a dot plot of {len(table)}, best first. {'. '.join(told)}."
