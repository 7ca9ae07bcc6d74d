"""A card as a picture, of the size that messengers show of a link."""

from textwrap import shorten, wrap
from typing import TYPE_CHECKING

from xsns_hf.plotting import GROUP_COLOURS, rendered
from xsns_hf.space.sharing.card import QUESTION, Card

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1200, 630
"""Pixels."""

_DPI = 100
_INK, _FAINT, _LINE = "#1f2937", "#5b6472", "#d8dce3"
_SOURCE, _ENGLISH = GROUP_COLOURS[0], GROUP_COLOURS[1]
_LEFT = 0.05
"""Margin, as a share of the width."""


def picture(card: Card) -> bytes:
    """Return a card as a PNG, always the same for the same card."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor="white")
    below = _write(figure, card)
    figure.add_artist(Rectangle((0, 0.985), 1, 0.015, color=_SOURCE, linewidth=0))
    if card.dots:
        _draw(figure, card, below)
    return rendered(figure)


def _write(figure: "Figure", card: Card) -> float:
    """Write the card's words, larger where they have it for themselves; return where the space below them begins, as a
    share of the height.
    """
    _text(figure, 0.915, QUESTION if card.dots else "X-SNS", 17, _FAINT)
    height, larger = 0.9, 1.0 if card.dots else 1.3
    for line in _lines(card.title, 46 / larger, 3):
        height -= 0.078 * larger
        _text(figure, height, line, 28 * larger, _INK, weight="bold")
    height -= 0.015 * larger**6
    for line in _lines(card.headline, 82 / larger, 4):
        height -= 0.052 * larger
        _text(figure, height, line, 18 * larger, _INK)
    _text(figure, 0.035, card.footer, 15, _FAINT)
    return height - 0.03


def _lines(text: str, width: float, most: int) -> list[str]:
    return wrap(text, int(width), max_lines=most, placeholder=" …", break_on_hyphens=False)


def _text(figure: "Figure", height: float, text: str, size: float, colour: str, weight: str = "normal") -> None:
    figure.text(_LEFT, height, text, fontsize=size, color=colour, weight=weight, parse_math=False)


def _draw(figure: "Figure", card: Card, top: float) -> None:
    """Draw a dot per source with its interval."""
    bottom = 0.185
    axes: Axes = figure.add_axes((0.29, bottom, 0.66, top - bottom))
    size = min(18, 0.6 * (top - bottom) * HEIGHT / len(card.dots))
    for place, dot in enumerate(card.dots):
        colour = _ENGLISH if dot.is_english else _SOURCE
        axes.plot([dot.lower, dot.upper], [place, place], color=colour, linewidth=4, alpha=0.35, solid_capstyle="round")
        axes.plot(dot.value, place, "o", color=colour, markersize=13)
        text = shorten(f"{dot.rank}. {dot.name}", 24, placeholder=" …")
        axes.text(
            -0.02, place, text, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=size,
            color=colour if dot.is_english else _INK, parse_math=False,
        )  # fmt: skip
    axes.set_ylim(len(card.dots) - 0.4, -0.6)
    axes.set_yticks([])
    axes.margins(x=0.04)
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(labelsize=15, labelcolor=_FAINT, length=0)
    axes.set_xlabel(card.axis, fontsize=15, color=_FAINT, loc="left")
    axes.grid(axis="x", color=_LINE)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
