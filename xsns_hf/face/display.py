"""What a notebook shows of masks: a table."""

import pandas as pd

from xsns_hf.safe_text import for_html

_MOST_LISTED = 10
"""Languages that are named."""


def html(where: str, index: pd.DataFrame) -> str:
    """Return masks as HTML, a row per recipe; whatever comes from outside is escaped.

    Args:
        where: the masks are.
        index: see `MaskRepository.index`.
    """
    head = "".join(f"<th>{column}</th>" for column in ("recipe", "languages", "seeds"))
    body = "".join(f"<tr>{_row(str(recipe), rows)}</tr>" for recipe, rows in index.groupby("recipe"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><strong>Masks in {for_html(where)}</strong>{table}</div>"


def _row(recipe: str, rows: pd.DataFrame) -> str:
    codes = sorted(set(rows["language"]))
    more = f" and {len(codes) - _MOST_LISTED} more" * (len(codes) > _MOST_LISTED)
    cells = [recipe, ", ".join(codes[:_MOST_LISTED]) + more, str(rows["seed"].nunique())]
    return "".join(f"<td>{for_html(cell)}</td>" for cell in cells)
