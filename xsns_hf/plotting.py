"""What all pictures share: colours, and how a figure becomes a PNG."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7b3294", "#a6761d", "#1f9eb5", "#e6194b", "#4d9221"]

NAMED = 40
"""Languages up to which their names are written out; more get codes."""


def png(figure: "Figure") -> bytes:
    """Return a figure as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()
