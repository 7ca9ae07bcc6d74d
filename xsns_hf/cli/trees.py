"""Trees of clusters in text."""

from collections.abc import Iterable

import numpy as np

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_STROKES = dict(zip(range(16), "  ││╴┘┐┤╶└┌├─┴┬┼", strict=True)) | {_UP: "│", _DOWN: "│"}
"""The character that joins these neighbours."""


def drawn(tree: np.ndarray, leaves: Iterable[int], width: int = 30) -> list[str]:
    """Draw a tree with its leaves on the left, one a line, and its root on the right.

    The further apart two branches are, the further right they are joined, on a scale from the nearest leaves to the
    root; a joint is one column right of those before it at least.

    Args:
        tree: float64 [N − 1, 4], as `scipy.cluster.hierarchy.linkage` returns it.
        leaves: the numbers of the N leaves in the order of the lines.
        width: characters to use, unless so many steps follow each other that it takes more.

    Returns:
        N lines.
    """
    lines = {leaf: line for line, leaf in enumerate(leaves)}
    number = len(lines)
    columns: dict[int, int] = dict.fromkeys(lines, -1)
    lowest, highest = tree[0, 2], tree[-1, 2]
    for node, (branch, sibling, height, _) in enumerate(tree, number):
        scaled = 1 + round((width - 2) * (height - lowest) / (highest - lowest)) if highest > lowest else 1
        columns[node] = max(scaled, columns[int(branch)] + 1, columns[int(sibling)] + 1)
    strokes = np.zeros((number, max(columns.values()) + 1), np.uint8)
    for node, (*branches, _, _) in enumerate(tree, number):
        ends = sorted((lines[int(branch)], columns[int(branch)]) for branch in branches)
        at = columns[node]
        for line, start in ends:
            strokes[line, start + 1 : at] |= _LEFT | _RIGHT
            strokes[line, at] |= _LEFT
            strokes[line, start] |= _RIGHT if start >= 0 else 0
        top, bottom = ends[0][0], ends[1][0]
        strokes[top:bottom, at] |= _DOWN
        strokes[top + 1 : bottom + 1, at] |= _UP
        lines[node] = (top + bottom) // 2
    return ["".join(_STROKES[int(stroke)] for stroke in row).rstrip() for row in strokes]
