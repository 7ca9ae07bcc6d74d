"""Tables in LaTeX, by booktabs."""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from xsns_hf.safe_text import for_latex


def latex_table(table: pd.DataFrame, digits: int = 2, bold: pd.DataFrame | None = None, right: int = 0) -> str:
    r"""Return a table in LaTeX (`\usepackage{booktabs}`), whatever it holds escaped; what is missing is a dash.

    Args:
        table: columns as they are to be shown, without the index.
        digits: of its numbers.
        bold: of the same shape, which cells are bold.
        right: how many of its last columns stand on the right besides those of numbers.
    """
    table = table.rename(columns=for_latex).map(lambda cell: for_latex(cell) if isinstance(cell, str) else cell)
    style = table.style.hide(axis="index").format(precision=digits, na_rep="--")
    if bold is not None:
        style = style.apply(lambda _: pd.DataFrame(np.where(bold, "textbf:--rwrap;", ""), *table.axes), axis=None)
    texts = len(table.columns) - right
    sides = ["r" if is_numeric_dtype(table[column]) else "l" for column in table.columns[:texts]]
    return style.to_latex(hrules=True, column_format="".join(sides) + "r" * right)
