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

from xsns_hf.languages import name
from xsns_hf.plots import NAMED, clustered
from xsns_hf.ranking import Ranking, Source
from xsns_hf.reports import name_and_code

CSS = """
.vega-embed { width: 100%; }
.vega-embed text:not(.on_colour_marks *) { fill: var(--body-text-color); }
.vega-embed .role-axis-grid line { stroke: var(--border-color-primary); }
.vega-embed :is(.role-axis-domain, .role-axis-tick) line { stroke: var(--body-text-color-subdued); }
.vega-embed .ink_marks :is(line, path) { stroke: var(--body-text-color); }
"""
"""What the page adds to its own style."""

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2f7fc1", "#d55e00", "#0a9468", "#c2579b", "#808590"

STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"

KINDS = {
    "target": (STAR, ORANGE, ORANGE, 400),
    "candidate": ("circle", BLUE, BLUE, 70),
    "other language": ("circle", "transparent", GREY, 60),
}
"""How the points of a map look: shape, fill, outline, area in square pixels. What comes first is labelled first."""

MODULES = {
    "attention": ("circle", BLUE),
    "feed-forward": ("square", ORANGE),
    "norm": ("triangle-up", GREEN),
    "other": ("diamond", PURPLE),
}
"""How the kinds of module look: shape and colour."""

ROW = 36
"""Height of a source in pixels: a line of text and a bar below."""

NUMBERED = 12
"""Languages up to which a heat map's cells have room for a number, on a phone too."""

MAP_HEIGHT, MAP_MARGIN = 440, 16
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
        notes = [f"± and the line at a bar's end: spread over {ranking.seeds} samples of text."]
    if english:
        sources["english"] = english.similarity
        notes += [f"Upright mark across the bars: {name_and_code(english.language)}, {english.similarity:.3f}."]
    base = alt.Chart(sources).encode(
        y=alt.Y("place:O", axis=None),
        tooltip=[alt.Tooltip("language:N"), alt.Tooltip("shown:N", title="similarity")],
    )
    scale = alt.Scale(domain=[0, float(max(sources["high"].max(), english.similarity if english else 0))], nice=False)
    x = alt.X(
        "similarity:Q", scale=scale, title=["Similarity of sub-networks (Jaccard)", "0: nothing shared, 1: the same"]
    )
    colour = alt.Color("good:N", legend=None, scale=alt.Scale(domain=[True, False], range=[GREEN, BLUE]))
    written = {"baseline": "bottom", "fontSize": 12, "aria": False}
    layers = [
        base.mark_bar(height=10, yOffset=9).encode(x, colour, description="sentence:N"),
        base.mark_text(align="left", limit=_expr("width - 125"), **written).encode(x=alt.value(0), text="label:N"),
        base.mark_text(align="right", **written).encode(x=alt.value("width"), text="shown:N"),
    ]
    if ranking.seeds > 1:
        spread = base.mark_rule(strokeWidth=2, yOffset=9, aria=False).encode(x="low:Q", x2="high:Q")
        layers.append(spread.properties(name="ink"))
    if english:
        mark = base.mark_tick(color=ORANGE, thickness=3, size=18, yOffset=9, aria=False).encode(x="english:Q")
        layers.append(mark.properties(name="english"))
    return _chart(
        layers,
        f"Sources for {target}, most similar first",
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
        "shown": f"{mark}  {value}" if mark else value,
        "sentence": f"{place}. {language}: {value}" + (", as good as the best" if mark.startswith("≈") else ""),
    }


def heat_map(similarity: pd.DataFrame, target: str) -> alt.LayerChart:
    """Draw the similarities of all pairs of languages, similar ones side by side; of more than 40, the nearest.

    Args:
        similarity: Jaccard coefficients, square and symmetric, nothing missing; the diagonal isn't looked at.
        target: the language whose row and column are framed.
    """
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
        legend=alt.Legend(orient="bottom", direction="horizontal", gradientLength=200),
    )
    tooltip = [alt.Tooltip("pair:N", title="languages"), alt.Tooltip("similarity:Q", format=".3f")]
    grid = alt.Chart(cells).encode(x, y)
    framed = alt.Chart(pd.DataFrame({"row": [labels[target]], "column": [target]}))
    frame = framed.mark_rect(filled=False, stroke=GREY, strokeWidth=2, aria=False).properties(name="ink")
    layers = [grid.mark_rect().encode(colour, tooltip=tooltip), frame.encode(y=y), frame.encode(x=x)]
    if len(order) <= NUMBERED:
        layers.insert(1, _numbers(grid, cells["similarity"]))
    heading = "Similarity of all pairs of languages"
    if len(order) < len(similarity):
        heading = f"{name_and_code(target)} and the {len(nearest)} languages nearest to it, of {len(similarity) - 1}"
    return _chart(
        layers,
        heading,
        [f"Framed, and marked ▶: {name_and_code(target)}.", "Similar languages stand side by side."],
        f"Heat map of the similarity of {len(order)} languages. Nearest to {name_and_code(target)}: "
        f"{', '.join(map(name_and_code, nearest[:3])) or 'none'}.",
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
    shape, fill, stroke, size = _scales("kind", points["kind"], KINDS)
    at = [
        channel(
            axis,
            type="quantitative",
            axis=None,
            scale=alt.Scale(domain=[_expr(f"-{side} / 2 / zoom"), _expr(f"{side} / 2 / zoom")], nice=False, zero=False),
        )
        for channel, axis, side in ((alt.X, "x", "width"), (alt.Y, "y", "height"))
    ]
    dots = (
        alt.Chart(points)
        .mark_point(strokeWidth=1.5, opacity=1)
        .encode(
            *at,
            shape=alt.Shape("kind:N", scale=shape, legend=LEGEND),
            fill=alt.Fill("kind:N", scale=fill, legend=LEGEND),
            stroke=alt.Stroke("kind:N", scale=stroke, legend=LEGEND),
            size=alt.Size("kind:N", scale=size, legend=None),
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
            fontWeight=_expr("datum.bold ? 'bold' : 'normal'"),
            align=_expr("datum.align"),
            baseline="middle",
            dx=_expr("datum.dx"),
            dy=_expr("datum.dy"),
        )
        .encode(*at, text="text:N")
    )
    zoom = "min((width / 2 - {}) / {}, {})".format(MAP_MARGIN, *_limits(points))
    return _chart(
        [dots, names],
        heading,
        ["Near means similar; directions mean nothing.", f"In two dimensions {kept:.0%} of the differences remain."],
        f"Map of {len(points)} languages on which similar ones are near each other.",
        height=MAP_HEIGHT,
    ).add_params(alt.param(name="zoom", expr=zoom))


def _scaled(similarity: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Place languages in two dimensions: columns x and y around zero; and the share of the variance they keep."""
    from sklearn.manifold import ClassicalMDS  # takes a second to import

    distances = 1 - similarity.to_numpy(copy=True)
    np.fill_diagonal(distances, 0)
    with np.errstate(invalid="ignore"):  # points on one line: rounding leaves a second eigenvalue below zero
        scaling = ClassicalMDS(n_components=2, metric="precomputed").fit(distances)
    points = pd.DataFrame(np.nan_to_num(scaling.embedding_), index=similarity.index, columns=["x", "y"])
    variance = (distances**2).sum() / (2 * len(distances))
    return points, float((points[["x", "y"]] ** 2).to_numpy().sum() / variance) if variance else 1.0


def _limits(points: pd.DataFrame) -> tuple[float, float]:
    """Return half the width that points take, in their unit, and the most pixels a unit that the height allows."""
    half_x, half_y = (max(float(points[axis].abs().max()), 1e-9) for axis in "xy")
    return half_x, (MAP_HEIGHT / 2 - MAP_MARGIN) / half_y


def _labels(points: pd.DataFrame, width: int) -> Iterator[dict]:
    """Lay out the labels of a map so wide, the first ones first, where they hide no point and no other label."""
    half_x, most = _limits(points)
    pixels = points[["x", "y"]].to_numpy() * min((width / 2 - MAP_MARGIN) / half_x, most) * [1, -1]
    taken = [(x, y, 7.0, 7.0) for x, y in pixels]  # middle and half the size of a box
    edge = np.array([width / 2, MAP_HEIGHT / 2])
    for code, kind, (x, y) in zip(points.index, points["kind"], pixels, strict=True):
        bold, away = kind == "target", 12 if kind == "target" else 9
        texts = [name(code), code] if len(points) <= NAMED else [code]
        for text, (align, right, down) in product(texts, SIDES):
            half = (3.4 if bold else 3.1) * len(text)
            dx, dy = right * away, down * (away + 4)
            box = (x + dx + right * half, y + dy, half, 7.0)
            if (np.abs(box[:2]) + box[2:] <= edge).all() and not _overlaps(box, taken):
                taken.append(box)
                where = {"x": points.loc[code, "x"], "y": points.loc[code, "y"], "dx": dx, "dy": dy, "align": align}
                yield {"width": width, "language": code, "text": text, "bold": bold, **where}
                break


def _overlaps(box: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    (x, y, half_x, half_y), boxes = box, np.asarray(others)
    return bool(((abs(boxes[:, 0] - x) < boxes[:, 2] + half_x) & (abs(boxes[:, 1] - y) < boxes[:, 3] + half_y)).any())


def overlaps(summed: pd.DataFrame, one: str, other: str) -> alt.LayerChart:
    """Draw how much of their sub-networks two languages share, from the first layer to the last.

    Args:
        summed: what `explanation.summed` returned for ["layer", "module"], perhaps with "stack". What belongs to no
            layer isn't drawn; if nothing does, the chart says so.
        one: a language.
        other: another one.
    """
    heading = f"Where {name_and_code(one)} and {name_and_code(other)} overlap"
    points = summed.dropna(subset=["layer", "jaccard"])
    if points.empty:
        return _note(heading, "This model's parameters aren't numbered by layer.")
    points = points.assign(layer=points["layer"].astype(int), stack=points.get("stack", ""))
    shape, colour = _scales("module", points["module"], MODULES)
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
    dashes = alt.StrokeDash("stack:N", legend=LEGEND if stacks else None)
    layers = [
        base.mark_line(strokeWidth=2, aria=False).encode(dashes),
        base.mark_point(filled=True, size=60, opacity=1).encode(alt.Shape("module:N", scale=shape, legend=LEGEND)),
    ]
    return _chart(
        layers,
        heading,
        ["Of what either language selects, the share", "that both select (Jaccard), by part of the model."],
        f"Line chart of the overlap in layers 0 to {last}: {', '.join(shape.domain)}.",
        height=320,
    )


def _scales(field: str, values: pd.Series, looks: Mapping[str, tuple]) -> list[alt.Scale]:
    """Return a scale for each property in which things look different, for the things that there are."""
    present = [value for value in looks if value in set(values)]
    return [alt.Scale(domain=present, range=list(of)) for of in zip(*(looks[value] for value in present), strict=True)]


def _note(heading: str, note: str) -> alt.LayerChart:
    """Return a chart of nothing but a sentence."""
    text = alt.Chart(pd.DataFrame({"note": [note]})).mark_text(fontSize=13).encode(text="note:N")
    return _chart([text], heading, [], note, height=80)


def _chart(layers: list[alt.Chart], heading: str, notes: list[str], description: str, **properties) -> alt.LayerChart:
    """Lay charts over each other under a heading, with what they all have in common."""
    title = alt.TitleParams(
        wrap(heading, 42), subtitle=notes, anchor="start", frame="bounds", fontSize=15, subtitleFontSize=12, offset=12
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


def _expr(text: str) -> alt.ExprRef:
    return alt.ExprRef(text)
