"""Where the names on a map have room."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.languages.codes import name
from xsns_hf.plotting import NAMED

HEIGHT, MARGIN = 400, 16
"""Height of a map and what it leaves free at its edges, in pixels."""

PHONE, DESK = 300, 700
"""Widths in pixels that labels are laid out for: no narrower plot than the first is expected."""

SIDES = (("left", 1, 0), ("right", -1, 0), ("center", 0, -1), ("center", 0, 1))
"""Where a point's label may be, best first: its alignment and the steps to the right and down."""

Box = tuple[float, float, float, float]
"""Middle and half the size of what hides something, in pixels: x, y, half the width, half the height."""


def limits(points: pd.DataFrame) -> tuple[float, float]:
    """Return half the width that points take, in their unit, and the most pixels a unit that the height allows."""
    half_x, half_y = (max(float(points[axis].abs().max()), 1e-9) for axis in "xy")
    return half_x, (HEIGHT / 2 - MARGIN) / half_y


def labels(points: pd.DataFrame, width: int) -> Iterator[dict[str, Any]]:
    """Lay out the labels of a map so wide, the first ones first, hiding nothing; the target gets one anyway."""
    half_x, most = limits(points)
    pixels = points[["x", "y"]].to_numpy() * min((width / 2 - MARGIN) / half_x, most) * [1, -1]
    taken: list[Box] = [(x, y, 7.0, 7.0) for x, y in pixels]
    for code, bold, (x, y) in zip(points.index, points["kind"] == "target", pixels, strict=True):
        texts = [name(code), code] if len(points) <= NAMED else [code]
        options = [_option(text, side, x, y, bold) for text, side in product(texts, SIDES)]
        hidden = [_hidden(box, taken, width) for box, _ in options]
        box, label = options[int(np.argmin(hidden))]
        if bold or not min(hidden):
            taken.append(box)
            yield {**label, "width": width, "bold": bold, "x": points.loc[code, "x"], "y": points.loc[code, "y"]}


def _option(text: str, side: tuple[str, int, int], x: float, y: float, bold: bool) -> tuple[Box, dict[str, Any]]:
    """Return the box that a text at a side of a point would take, and how it would be drawn there."""
    align, right, down = side
    away, half = (12, 3.4 * len(text)) if bold else (9, 3.1 * len(text))
    dx, dy = right * away, down * (away + 4)
    return (x + dx + right * half, y + dy, half, 7.0), {"text": text, "align": align, "dx": dx, "dy": dy}


def _hidden(box: Box, others: Sequence[Box], width: int) -> int:
    """Return how many other boxes a box hides; more than there are if it isn't within the map."""
    (x, y, half_x, half_y), boxes = box, np.asarray(others)
    if abs(x) + half_x > width / 2 or abs(y) + half_y > HEIGHT / 2:
        return len(others) + 1
    apart_x, apart_y = np.abs(boxes[:, 0] - x), np.abs(boxes[:, 1] - y)
    return int(((apart_x < boxes[:, 2] + half_x) & (apart_y < boxes[:, 3] + half_y)).sum())
