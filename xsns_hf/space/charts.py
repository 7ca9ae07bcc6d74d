"""Charts for the page, as Vega-Lite: readable on a phone and on a desk, in light and in dark, without colours too.

Every chart takes the width that it is given. Text and thin lines have the page's colours through `CSS`; the marks'
own have a contrast of 3 : 1 or more with gradio's backgrounds, light and dark. Languages are canonical codes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from textwrap import wrap

import altair as alt
import numpy as np
import pandas as pd
from altair import ExprRef

from xsns_hf.languages.codes import name, name_and_code
from xsns_hf.masks.clustering import clustered
from xsns_hf.plotting import NAMED
from xsns_hf.ranking.rank import Ranking, Source

CSS = """
.vega-embed { width: 100%; }
.vega-embed text:not(.on_colour_marks *) { fill: var(--body-text-color); }
.vega-embed .role-axis-grid line { stroke: var(--border-color-primary); }
.vega-embed :is(.role-axis-domain, .role-axis-tick) line { stroke: var(--body-text-color-subdued); }
.vega-embed [class*=" ink_"] :is(line, path) { stroke: var(--body-text-color); }
.vega-embed .cells_marks path { shape-rendering: crispEdges; }
.vega-embed .names_marks text { stroke: var(--block-background-fill); stroke-width: 3px; paint-order: stroke; }
"""
"""What the page adds to its own style."""

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2f7fc1", "#d55e00", "#0a9468", "#c2579b", "#808590"

STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"

KINDS = {
    "target": (STAR, ORANGE, ORANGE),
    "candidate": ("circle", BLUE, BLUE),
    "other language": ("circle", "transparent", GREY),
}
"""How the points of a map look: shape, fill, outline. What comes first is labelled first."""

MODULES = {
    "attention": ("circle", BLUE),
    "feed-forward": ("square", ORANGE),
    "norm": ("triangle-up", GREEN),
    "other": ("diamond", PURPLE),
}
"""How the kinds of module look: shape and colour."""

ROW = 36
"""Height of a source in pixels: a line of text and a bar below."""

NUMBERED = 10
"""Languages up to which a heat map's cells have room for a number, on a phone too."""

MAP_HEIGHT, MAP_MARGIN = 400, 16
"""Height of a map and what it leaves free at its edges, in pixels."""

PHONE, DESK = 300, 700
"""Widths in pixels that a map's labels are laid out for: no narrower plot than the first is expected."""

SIDES = (("left", 1, 0), ("right", -1, 0), ("center", 0, -1), ("center", 0, 1))
"""Where a point's label may be, best first: its alignment and the steps to the right and down."""

LEGEND = alt.Legend(orient="bottom", direction="horizontal", title=None, symbolSize=80, symbolOpacity=1)


def bars(ranking: Ranking, english: Source | None = None) -> alt.LayerChart:
    """Draw the sources of a ranking as bars, best first, with their spread over seeds.

    A bar begins at zero, since its length is what is read; the differences, mostly small, are written above it, and
    so is which sources are as good as the best.

    Args:
        ranking: the sources, at least one.
        english: what English would give, to be marked across all bars.
    """
    sources = pd.DataFrame([_bar(place, source) for place, source in enumerate(ranking.sources, 1)])
    target, best = name_and_code(ranking.target), sources.iloc[0]
    notes = ["One sample of text: the spread isn't known."]
    if ranking.seeds > 1:
        notes = [f"± and line: spread over {ranking.seeds} samples of text."]
    if english:
        sources["english"] = english.similarity
        notes += [f"Upright mark: {name_and_code(english.language)}, {english.similarity:.3f}."]
    base = alt.Chart(sources).encode(
        y=alt.Y("place:O", axis=None),
        tooltip=[alt.Tooltip("language:N"), alt.Tooltip("shown:N", title="similarity")],
    )
    most = max(sources["high"].max(), english.similarity if english else 0) or 1
    x = alt.X(
        "similarity:Q",
        title=["Similarity of sub-networks (Jaccard)", "0: nothing shared, 1: the same"],
        scale=alt.Scale(domain=[0, float(most)], nice=False),
        axis=alt.Axis(tickCount=8),
    )
    colour = alt.Color("good:N", legend=None, scale=alt.Scale(domain=[True, False], range=[GREEN, BLUE]))
    layers = [
        base.mark_bar(height=10, yOffset=9).encode(x, colour, description="sentence:N"),
        base.mark_text(
            align="left", limit=ExprRef("width - (datum.good ? 140 : 95)"), baseline="bottom", fontSize=12, aria=False
        ).encode(x=alt.value(0), text="label:N"),
        base.mark_text(align="right", baseline="bottom", fontSize=12, aria=False).encode(
            x=alt.value("width"), text="shown:N"
        ),
    ]
    if ranking.seeds > 1:
        spread = base.mark_rule(strokeWidth=2, yOffset=9, aria=False).encode(x="low:Q", x2="high:Q")
        ends = base.transform_fold(["low", "high"]).mark_tick(thickness=2, size=8, yOffset=9, opacity=1, aria=False)
        layers += [spread.properties(name="ink_spread"), ends.encode(x="value:Q").properties(name="ink_ends")]
    if english:
        mark = base.mark_tick(color=ORANGE, thickness=3, size=18, opacity=1, yOffset=9, aria=False).encode(
            x="english:Q"
        )
        layers.append(mark.properties(name="english"))
    return _chart(
        layers,
        f"Sources for {target}",
        notes,
        f"Bar chart of {len(sources)} source languages for {target}, most similar first: {best['sentence']}.",
        height=alt.Step(ROW),
    )


def _bar(place: int, source: Source) -> dict:
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
        "sentence": f"{place}. {language}: {value}" + (", as good as the best" if mark.startswith("≈") else ""),
    }


def heat_map(similarity: pd.DataFrame, target: str) -> alt.LayerChart:
    """Draw the similarities of all pairs of languages, similar ones side by side; of more than 40, the nearest.

    Args:
        similarity: Jaccard coefficients, square and symmetric, nothing missing; the diagonal isn't looked at.
            Of one language there's no pair, and the chart says so.
        target: the language whose row and column are framed.
    """
    if len(similarity) < 2:
        return _note("Similarity of language pairs", "A pair takes two languages.")
    nearest = similarity[target].drop(target).nlargest(NAMED - 1).index
    shown = similarity.loc[[target, *nearest], [target, *nearest]]
    order = clustered(shown)
    labels = {code: f"▶ {name_and_code(code)}" if code == target else name_and_code(code) for code in order}
    cells = pd.DataFrame(
        [
            (labels[row], column, f"{name_and_code(row)}, {name_and_code(column)}", shown.loc[row, column])
            for row in order
            for column in order
            if row != column
        ],
        columns=["row", "column", "pair", "similarity"],
    )
    bold = alt.condition("datum.label[0] === '▶'", alt.value("bold"), alt.value("normal"))
    y = alt.Y("row:N", title=None, scale=alt.Scale(domain=list(labels.values())), axis=alt.Axis(labelFontWeight=bold))
    x = alt.X("column:N", title=None, scale=alt.Scale(domain=order), axis=alt.Axis(labelAngle=-90, labelOverlap=True))
    colour = alt.Color(
        "similarity:Q",
        title="Similarity (Jaccard)",
        scale=alt.Scale(scheme=alt.SchemeParams("viridis", extent=[0.12, 1]), zero=False, nice=False),
        legend=alt.Legend(
            orient="bottom", direction="horizontal", gradientLength=ExprRef("min(width, 240)"), format=".2f"
        ),
    )
    tooltip = [alt.Tooltip("pair:N", title="languages"), alt.Tooltip("similarity:Q", format=".3f")]
    grid = alt.Chart(cells).encode(x, y)
    framed = alt.Chart(pd.DataFrame({"row": [labels[target]], "column": [target]}))
    frame = framed.mark_rect(filled=False, stroke=GREY, strokeWidth=2, aria=False)
    layers = [
        grid.mark_rect().encode(colour, tooltip=tooltip).properties(name="cells"),
        frame.encode(y=y).properties(name="ink_row"),
        frame.encode(x=x).properties(name="ink_column"),
    ]
    if len(order) <= NUMBERED:
        layers.insert(1, _numbers(grid, cells["similarity"]))
    heading = "Similarity of language pairs"
    if len(order) < len(similarity):
        heading = f"{name_and_code(target)} and the {len(nearest)} languages nearest to it, of {len(similarity) - 1}"
    return _chart(
        layers,
        heading,
        [f"Framed, and marked ▶: {name_and_code(target)}.", "Similar languages stand side by side."],
        f"Heat map of the similarity of {len(order)} languages. {_nearest(similarity, target)}",
        height=alt.Step(20 if len(order) <= 20 else 16),
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
        return _note(heading, "A map takes three languages or more.")
    points, kept = _scaled(similarity)
    points["kind"] = [
        "target" if code == target else "candidate" if code in candidates else "other language" for code in points.index
    ]
    points["language"] = [name_and_code(code) for code in points.index]
    points["similarity"] = ["–" if code == target else f"{similarity.loc[code, target]:.3f}" for code in points.index]
    points = points.sort_values("kind", key=lambda kinds: kinds.map(list(KINDS).index), kind="stable")
    points["area"] = [400 if code == target else 60 for code in points.index]
    shape, fill, stroke = _scales(points["kind"], KINDS)
    at = [
        channel(
            axis,
            type="quantitative",
            axis=None,
            scale=alt.Scale(
                domain=[ExprRef(f"-{side} / 2 / zoom"), ExprRef(f"{side} / 2 / zoom")], nice=False, zero=False
            ),
        )
        for channel, axis, side in ((alt.X, "x", "width"), (alt.Y, "y", "height"))
    ]
    dots = (
        alt.Chart(points)
        .mark_point(strokeWidth=1.5, opacity=1, size=ExprRef("datum.area"))
        .encode(
            *at,
            shape=alt.Shape("kind:N", scale=shape, legend=LEGEND),
            fill=alt.Fill("kind:N", scale=fill, legend=LEGEND),
            stroke=alt.Stroke("kind:N", scale=stroke, legend=LEGEND),
            tooltip=["language:N", "kind:N", alt.Tooltip("similarity:N", title="similarity to the target")],
        )
    )
    placed = pd.DataFrame([label for width in (PHONE, DESK) for label in _labels(points, width)])
    names = (
        alt.Chart(placed)
        .transform_filter(f"datum.width === (width < {DESK} ? {PHONE} : {DESK})")
        .mark_text(
            aria=False,
            fontSize=11,
            fontWeight=ExprRef("datum.bold ? 'bold' : 'normal'"),
            align=ExprRef("datum.align"),
            baseline="middle",
            dx=ExprRef("datum.dx"),
            dy=ExprRef("datum.dy"),
        )
        .encode(*at, text="text:N")
        .properties(name="names")
    )
    zoom = "min((width / 2 - {}) / {}, {})".format(MAP_MARGIN, *_limits(points))
    return _chart(
        [dots, names],
        heading,
        ["Near means similar; directions mean nothing.", f"Roughly: it keeps {kept:.0%} of the differences."],
        f"Map of {len(points)} languages on which similar ones are near each other. {_nearest(similarity, target)}",
        height=MAP_HEIGHT,
    ).add_params(alt.param(name="zoom", expr=zoom))


def _scaled(similarity: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Place languages in two dimensions, around zero: columns x and y; and return the share of variance they keep."""
    distances = 1 - similarity.to_numpy(copy=True)
    np.fill_diagonal(distances, 0)
    # Classical scaling (Torgerson 1952): the greatest eigenvectors of the centred squared distances.
    squared = distances**2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1, keepdims=True) + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    found = vectors[:, :-3:-1] * np.sqrt(values[:-3:-1].clip(0))  # rounding may leave a value below zero
    found *= np.sign(found[np.abs(found).argmax(axis=0), [0, 1]] + 1e-300)  # eigenvectors have no sign of their own
    middle = (found.min(axis=0) + found.max(axis=0)) / 2
    variance = (distances**2).sum() / (2 * len(distances))
    kept = (found**2).sum() / variance if variance else 1.0
    return pd.DataFrame(found - middle, index=similarity.index, columns=["x", "y"]), float(kept)


def _limits(points: pd.DataFrame) -> tuple[float, float]:
    """Return half the width that points take, in their unit, and the most pixels a unit that the height allows."""
    half_x, half_y = (max(float(points[axis].abs().max()), 1e-9) for axis in "xy")
    return half_x, (MAP_HEIGHT / 2 - MAP_MARGIN) / half_y


def _labels(points: pd.DataFrame, width: int) -> Iterator[dict]:
    """Lay out the labels of a map so wide, the first ones first, hiding nothing; the target gets one anyway."""
    half_x, most = _limits(points)
    pixels = points[["x", "y"]].to_numpy() * min((width / 2 - MAP_MARGIN) / half_x, most) * [1, -1]
    taken = [(x, y, 7.0, 7.0) for x, y in pixels]  # middle and half the size of a box
    for code, bold, (x, y) in zip(points.index, points["kind"] == "target", pixels, strict=True):
        away = 12 if bold else 9
        texts = [name(code), code] if len(points) <= NAMED else [code]
        placed = []
        for text, (align, right, down) in product(texts, SIDES):
            half, dx, dy = (3.4 if bold else 3.1) * len(text), right * away, down * (away + 4)
            box = (x + dx + right * half, y + dy, half, 7.0)
            placed.append((_hidden(box, taken, width), box, {"text": text, "align": align, "dx": dx, "dy": dy}))
        hidden, box, label = min(placed, key=lambda option: option[0])
        if bold or not hidden:
            taken.append(box)
            yield {**label, "width": width, "bold": bold, "x": points.loc[code, "x"], "y": points.loc[code, "y"]}


def _hidden(box: Sequence[float], others: Sequence[Sequence[float]], width: int) -> int:
    """Return how many other boxes a box hides; more than there are if it isn't within the map."""
    (x, y, half_x, half_y), boxes = box, np.asarray(others)
    if abs(x) + half_x > width / 2 or abs(y) + half_y > MAP_HEIGHT / 2:
        return len(others) + 1
    apart_x, apart_y = np.abs(boxes[:, 0] - x), np.abs(boxes[:, 1] - y)
    return int(((apart_x < boxes[:, 2] + half_x) & (apart_y < boxes[:, 3] + half_y)).sum())


def overlaps(summed: pd.DataFrame, one: str, other: str) -> alt.LayerChart:
    """Draw how much of their sub-networks two languages share, from the first layer to the last.

    Args:
        summed: what `overlap.summed` returned for ["layer", "module"], perhaps with "stack". What belongs to no
            layer isn't drawn; if nothing does, the chart says so.
        one: a language.
        other: another one.
    """
    heading = f"{name(one)} and {name(other)}, by layer"
    points = summed.dropna(subset=["layer", "jaccard"])
    if points.empty:
        return _note(heading, "This model's parameters aren't numbered by layer.")
    points = points.assign(layer=points["layer"].astype(int), stack=points.get("stack", ""))
    shape, colour = _scales(points["module"], MODULES)
    stacks = points["stack"].nunique() > 1
    last = int(points["layer"].max())
    shares = {"density_one": f"selected for {name(one)}", "density_other": f"selected for {name(other)}"}
    base = alt.Chart(points).encode(
        x=alt.X("layer:O", title="Layer, from input to output", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("jaccard:Q", title="Similarity", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6)),
        color=alt.Color("module:N", scale=colour, legend=LEGEND),
        detail="stack:N",
        tooltip=[
            "layer:O",
            "module:N",
            *(["stack:N"] if stacks else []),
            alt.Tooltip("jaccard:Q", title="similarity", format=".3f"),
            *(alt.Tooltip(f"{column}:Q", title=title, format=".1%") for column, title in shares.items()),
            alt.Tooltip("parameters:Q", format=",d"),
        ],
    )
    dashes = alt.StrokeDash("stack:N", legend=alt.Legend(orient="top", title=None) if stacks else None)
    layers = [
        base.mark_line(strokeWidth=2, aria=False).encode(dashes),
        base.mark_point(filled=True, size=60, opacity=1).encode(alt.Shape("module:N", scale=shape, legend=LEGEND)),
    ]
    return _chart(
        layers,
        heading,
        ["Share in common of what either selects."],
        f"Line chart of the overlap in layers 0 to {last}: {', '.join(shape.domain)}.",
        height=320,
    )


def _scales(values: pd.Series, looks: Mapping[str, tuple]) -> list[alt.Scale]:
    """Return a scale for each property in which things look different, for the things that there are."""
    present = [value for value in looks if value in set(values)]
    return [alt.Scale(domain=present, range=list(of)) for of in zip(*(looks[value] for value in present), strict=True)]


def _nearest(similarity: pd.DataFrame, target: str) -> str:
    """Say which three languages are the most similar ones."""
    three = similarity[target].drop(target).nlargest(3)
    return (
        f"Nearest to {name_and_code(target)}: {', '.join(f'{name(code)}, {three[code]:.3f}' for code in three.index)}."
    )


def _note(heading: str, note: str) -> alt.LayerChart:
    """Return a chart of nothing but a sentence."""
    text = alt.Chart(pd.DataFrame({"note": [note]})).mark_text(fontSize=13).encode(text="note:N")
    return _chart([text], heading, [], note, height=80)


def _chart(layers: list[alt.Chart], heading: str, notes: list[str], description: str, **properties) -> alt.LayerChart:
    """Lay charts over each other under a heading, with what they all have in common."""
    title = alt.TitleParams(
        wrap(heading, 34),
        subtitle=[line for note in notes for line in wrap(note, 46)],
        anchor="start",
        frame="bounds",
        fontSize=14,
        subtitleFontSize=12,
        offset=12,
    )
    return (
        alt.layer(*layers)
        .properties(
            title=title,
            description=description,
            width="container",
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
            usermeta={"embedOptions": {"renderer": "svg", "actions": False}},
            **properties,
        )
        .configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=11, titleFontSize=12, titleFontWeight="normal")
        .configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal")
    )
