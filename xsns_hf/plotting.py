"""What all pictures share: colours, sizes, and how a figure becomes a PNG, PDF or SVG."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from xsns_hf.errors import XsnsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7b3294", "#a6761d", "#1f9eb5", "#e6194b", "#4d9221"]

NAMED = 40
"""Languages up to which their names are written out; more get codes."""

COLUMN, PAGE = 3.3, 6.7
"""Widths of pictures in inches: a column of a paper, and all of its text."""

PRINT = 8
"""Size of what is written in them, in points."""

Kind = Literal["png", "pdf", "svg"]

_UNDATED: dict[str, dict[str, None]] = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
_PRINTED: Any = {"pdf.fonttype": 42, "svg.hashsalt": "xsns"}
"""Fonts that publishers take (TrueType), and the same bytes at each drawing."""

_PRINT = 200
"""Dots per inch of a PNG that is kept."""


def rendered(figure: "Figure", kind: Kind = "png", dpi: int | None = None) -> bytes:
    """Return a figure as a file of this kind, the same bytes each time; a PNG with so many dots per inch."""
    from matplotlib import rc_context

    picture = io.BytesIO()
    with rc_context(_PRINTED):
        figure.savefig(picture, format=kind, metadata=_UNDATED[kind], dpi=dpi or "figure")
    return picture.getvalue()


def fit_for_print(figure: "Figure") -> None:
    """Set the numbers and labels along the axes in the size of print."""
    for axes in figure.axes:
        axes.tick_params(labelsize=PRINT)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_fontsize(PRINT)


def kind_of(path: Path | str) -> Kind:
    """Return which kind of picture a file's name asks for.

    Raises:
        XsnsError: none that there is.
    """
    for kind in get_args(Kind):
        if Path(path).suffix.lower() == f".{kind}":
            return kind
    raise XsnsError(f"{path} isn't the name of a picture: give one that ends in .png, .pdf or .svg.")


def check_picture(path: Path) -> None:
    """Make sure that a picture can be written to a file, before what it shows is computed.

    Raises:
        XsnsError: its name is no picture's, or there is no such folder.
    """
    kind_of(path)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise XsnsError(f"The picture can't be written to {path}: give a file in a folder that exists.")


class Picture:
    """A figure that a notebook shows.

    Attributes:
        figure: matplotlib's.
    """

    def __init__(self, figure: "Figure"):
        self.figure = figure

    def save(self, path: Path | str) -> None:
        """Write it to a file, as the suffix says: .png, .pdf or .svg.

        Raises:
            XsnsError: it can't be written, or not in such a file.
        """
        picture = rendered(self.figure, kind_of(path), _PRINT)
        try:
            Path(path).write_bytes(picture)
        except OSError as error:
            raise XsnsError(
                f"The picture can't be written to {path} ({error.strerror}): give a file in a folder of yours."
            ) from error

    def __repr__(self) -> str:
        titles = self.figure.get_suptitle().partition("\n")[0]
        return f"Picture: {titles}; .save('picture.pdf') writes it, .png and .svg too"

    def _repr_png_(self) -> bytes:
        return rendered(self.figure)
