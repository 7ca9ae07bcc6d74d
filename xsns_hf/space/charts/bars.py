"""The sources of a ranking as bars."""

from typing import Any

import altair as alt
import pandas as pd
from altair import ExprRef

from xsns_hf.languages.codes import name_and_code
from xsns_hf.ranking.rank import Ranking, Source
from xsns_hf.space.charts.parts import BLUE, GREEN, ORANGE, chart

ROW = 36
"""Height of a source in pixels: a line of text and a bar below."""


def bars(ranking: Ranking, english: Source | None = None) -> alt.LayerChart:
    """Draw the sources of a ranking as bars, best first, with their spread over seeds.

    A bar begins at zero, since its length is what is read; the differences, mostly small, are written above it, and
    so is which sources the masks don't tell apart from the best.

    Args:
        ranking: the sources, at least one.
        english: what English would give, to be marked across all bars.
    """
    sources = pd.DataFrame([_row(place, source) for place, source in enumerate(ranking.sources, 1)])
    if english:
        sources["english"] = english.similarity
    base = alt.Chart(sources).encode(
        y=alt.Y("place:O", axis=None),
        tooltip=[alt.Tooltip("language:N"), alt.Tooltip("shown:N", title="similarity")],
    )
    layers = [_lengths(base, max(sources["high"].max(), english.similarity if english else 0)), *_words(base)]
    if ranking.seeds > 1:
        layers += _spread(base)
    if english:
        mark = base.mark_tick(color=ORANGE, thickness=3, size=18, opacity=1, yOffset=9, aria=False)
        layers.append(mark.encode(x="english:Q").properties(name="english"))
    target = name_and_code(ranking.target)
    best = sources["sentence"].iloc[0]
    return chart(
        layers,
        f"Sources for {target}",
        _notes(ranking.seeds, english),
        f"Bar chart of {len(sources)} source languages for {target}, most similar first: {best}.",
        height=alt.Step(ROW),
    )


def _row(place: int, source: Source) -> dict[str, Any]:
    std = source.std or 0.0
    language = f"{source.name} ({source.language})"
    value = f"{source.similarity:.3f}" + (f" ± {source.std:.3f}" if source.std is not None else "")
    mark = "best" if place == 1 else "≈ best" if source.as_good_as_best else ""
    return {
        "place": place,
        "language": language,
        "label": f"{place}. {language}",
        "similarity": source.similarity,
        "low": source.similarity - std,
        "high": source.similarity + std,
        "good": bool(mark),
        "shown": f"{mark} · {value}" if mark else value,
        "sentence": f"{place}. {language}: {value}"
        + (", not told apart from the best by these masks" if mark.startswith("≈") else ""),
    }


def _lengths(base: alt.Chart, most: float) -> alt.Chart:
    x = alt.X(
        "similarity:Q",
        title=["Similarity of sub-networks (Jaccard)", "0: nothing shared, 1: the same"],
        scale=alt.Scale(domain=[0, float(most or 1)], nice=False),
        axis=alt.Axis(tickCount=8),
    )
    colour = alt.Color("good:N", legend=None, scale=alt.Scale(domain=[True, False], range=[GREEN, BLUE]))
    return base.mark_bar(height=10, yOffset=9).encode(x, colour, description="sentence:N")


def _words(base: alt.Chart) -> list[alt.Chart]:
    room = ExprRef("width - (datum.good ? 140 : 95)")
    label = base.mark_text(align="left", limit=room, baseline="bottom", fontSize=12, aria=False)
    value = base.mark_text(align="right", baseline="bottom", fontSize=12, aria=False)
    return [label.encode(x=alt.value(0), text="label:N"), value.encode(x=alt.value("width"), text="shown:N")]


def _spread(base: alt.Chart) -> list[alt.Chart]:
    line = base.mark_rule(strokeWidth=2, yOffset=9, aria=False).encode(x="low:Q", x2="high:Q")
    ends = base.transform_fold(["low", "high"]).mark_tick(thickness=2, size=8, yOffset=9, opacity=1, aria=False)
    return [line.properties(name="ink_spread"), ends.encode(x="value:Q").properties(name="ink_ends")]


def _notes(seeds: int, english: Source | None) -> list[str]:
    notes = ["One sample of text: the spread isn't known."]
    if seeds > 1:
        notes = [f"± and line: spread over {seeds} samples of text."]
    if english:
        notes.append(f"Upright mark: {name_and_code(english.language)}, {english.similarity:.3f}.")
    return notes
