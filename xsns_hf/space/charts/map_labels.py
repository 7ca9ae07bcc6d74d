"""Where the names on a map have room."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.languages.codes import name

MARGIN = 16
"""What a map leaves free at its edges, in pixels."""

LOWEST, HIGHEST = 280, 640
"""Height of a map in pixels, at least and at most."""

PHONE, DESK = 300, 700
"""Widths in pixels that labels are laid out for: no narrower plot than the first is expected."""

SIDES = (("left", 1, 0), ("right", -1, 0), ("center", 0, -1), ("center", 0, 1))
"""Where a point's label may be, best first: its alignment and the steps to the right and down."""

HALF = 7.0
"""Half the height of a label, and half the size of a dot, in pixels."""

Box = tuple[slice, slice]
"""Rows and columns of pixels."""

Label = tuple[Box, dict[str, Any]]
"""The pixels that a label takes, and how it's drawn."""


def half_sizes(points: pd.DataFrame) -> tuple[float, float]:
    """Return half the width and half the height that points take, in their unit."""
    half_x, half_y = (max(float(points[axis].abs().max()), 1e-9) for axis in "xy")
    return half_x, half_y


def height_of(points: pd.DataFrame, width: float) -> float:
    """Return how high a map so wide is, in pixels: as its points need."""
    half_x, half_y = half_sizes(points)
    return min(max(width * half_y / half_x, LOWEST), HIGHEST)


def labels(points: pd.DataFrame, width: int) -> Iterator[dict[str, Any]]:
    """Lay out the labels of a map so wide, the first ones first, hiding nothing; a bold one is there anyway.

    A code for as many as may be comes first; then those become names that have room.

    Args:
        points: columns x, y and bold; canonical codes as the index.
        width: in pixels, of which there are as many to a unit as the map has.
    """
    half_x, half_y = half_sizes(points)
    height = round(height_of(points, width))
    zoom = min((width / 2 - MARGIN) / half_x, (height / 2 - MARGIN) / half_y)
    taken = np.zeros((height, width), dtype=bool)  # the pixels that something is on
    places = (points[["x", "y"]].to_numpy() * zoom * [1, -1] + [width / 2, height / 2]).tolist()
    for x, y in places:
        taken[_box(x, y, HALF)] = True
    placed: dict[int, Label] = {}
    codes, bold = list(points.index), points["bold"].tolist()
    for at, place in enumerate(places):
        hidden, label = _best(taken, name(codes[at]) if bold[at] else codes[at], place, bold[at])
        if bold[at] or not hidden:
            placed[at] = label
            taken[label[0]] = True
    for at in [at for at in placed if not bold[at]]:
        taken[placed[at][0]] = False
        hidden, label = _best(taken, name(codes[at]), places[at])
        if not hidden:
            placed[at] = label
        taken[placed[at][0]] = True
    own = points[["x", "y"]].to_dict("records")
    return ({**drawn, "width": width, "bold": bold[at], **own[at]} for at, (_, drawn) in placed.items())


def _best(taken: np.ndarray, text: str, at: list[float], bold: bool = False) -> tuple[int, Label]:
    """Return what a label hides at the side of its point where it hides least, and the label there."""
    options = [_option(text, side, at, bold) for side in SIDES]
    return min(((_hidden(taken, label[0]), label) for label in options), key=itemgetter(0))


def _box(x: float, y: float, half_width: float) -> Box:
    """Return the pixels, rows and columns, that something so wide about a point is on."""
    return slice(round(y - HALF), round(y + HALF)), slice(round(x - half_width), round(x + half_width))


def _option(text: str, side: tuple[str, int, int], at: list[float], bold: bool) -> Label:
    """Return the pixels that a text at a side of a point would take, and how it would be drawn there."""
    align, right, down = side
    away, half = (13, 3.5 * len(text)) if bold else (9, 3.1 * len(text))
    dx, dy = right * away, down * (away + 4)
    return _box(at[0] + dx + right * half, at[1] + dy, half), {"text": text, "align": align, "dx": dx, "dy": dy}


def _hidden(taken: np.ndarray, box: Box) -> int:
    """Return how many taken pixels a box hides; more than there are if it isn't within the map."""
    (height, width), (rows, columns) = taken.shape, box
    if rows.start < 0 or columns.start < 0 or rows.stop > height or columns.stop > width:
        return taken.size
    return int(np.count_nonzero(taken[box]))
