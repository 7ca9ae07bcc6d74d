"""What all pictures share: colours, and how a figure becomes a PNG."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from xsns_hf.errors import XsnsError

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


class Picture:
    """A figure that a notebook shows.

    Attributes:
        figure: matplotlib's.
    """

    def __init__(self, figure: "Figure"):
        self.figure = figure

    def save(self, path: Path | str) -> None:
        """Write it to a file, as the suffix says: .png, .pdf, .svg …

        Raises:
            XsnsError: it can't be written, or not in such a file.
        """
        try:
            self.figure.savefig(path)
        except (OSError, ValueError) as error:
            raise XsnsError(f"The picture can't be written to {path} ({error}): give another name.") from error

    def __repr__(self) -> str:
        titles = self.figure.get_suptitle().partition("\n")[0]
        return f"Picture: {titles}; .save('picture.png') writes it"

    def _repr_png_(self) -> bytes:
        return png(self.figure)
