"""The table below an answer, folded: sorted by a click on a head, and saved as CSV. Words are escaped."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pandas as pd

from xsns_hf.languages.codes import name_and_code
from xsns_hf.ranking.rank import Source
from xsns_hf.ranking.wording import expected_text
from xsns_hf.safe_text import for_html
from xsns_hf.space.answering.answers import Answer


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        head: its title.
        text: what a source's cell says.
        value: by what it is sorted; None where that isn't known.
    """

    head: str
    text: Callable[[Source], str]
    value: Callable[[Source], float | str | None]


def table_html(given: Answer) -> str:
    """Return the sources shown as a table that folds out, with a link that saves it."""
    columns = _columns(given)
    heads = "".join(_head(column, ordered=place == 0) for place, column in enumerate(columns))
    rows = [_row(columns, source) for source in given.shown]
    return folded_html(heads, rows, len(given.ranking.sources), given.table())


def folded_html(heads: str, rows: list[str], number: int, saved: pd.DataFrame, about: str = "") -> str:
    """Return a table of sources that folds out.

    Args:
        heads: HTML, the cells of its first row.
        rows: HTML, one for each source shown.
        number: of all sources.
        saved: what its link saves as CSV.
        about: HTML, what is said below; such a table is unfolded.
    """
    which = f"{len(rows)} of {number} sources" if len(rows) < number else f"all {number} sources"
    address = f"data:text/csv;charset=utf-8,{quote(saved.to_csv(index=False))}"
    return f"""
<details class="xsns-table"{" open" if about else ""}><summary>The numbers: {which}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table of sources">
<table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>{about}
<p><a class="xsns-button" download="sources.csv" href="{address}">Download the table (CSV)</a></p>
</details>"""


def _columns(given: Answer) -> list[Column]:
    ranking, outlook, measured = given.ranking, given.suggestions.outlook, given.measured
    places = {source.language: place for place, source in enumerate(ranking.sources, 1)}
    columns = [
        Column("#", lambda source: str(places[source.language]), lambda source: places[source.language]),
        Column("source", lambda source: name_and_code(source.language), lambda source: source.name),
    ]
    if outlook is not None:
        table = outlook.table
        columns += [
            Column(
                "expected (90 %)",
                lambda source: expected_text(table, source.language),
                lambda source: table.at[source.language, "expected"],
            ),
            Column(
                "best",
                lambda source: f"{100 * table.at[source.language, 'best']:.0f} %",
                lambda source: table.at[source.language, "best"],
            ),
        ]
    if measured is not None:
        digits = 2 if measured.max() <= 1 else 1
        columns.append(
            Column(
                "measured",
                lambda source: f"{measured[source.language]:.{digits}f}" if source.language in measured else "–",
                lambda source: measured.get(source.language),
            )
        )
    columns.append(Column("similarity", _similarity, lambda source: source.similarity))
    return columns


def _similarity(source: Source) -> str:
    return f"{source.similarity:.4f}" + (f" ± {source.std:.4f}" if source.std is not None else "")


def _head(column: Column, *, ordered: bool) -> str:
    sort = ' aria-sort="ascending"' if ordered else ""
    number = " data-text" if column.head == "source" else ' class="number"'
    return f'<th scope="col"{number}{sort}><button type="button">{for_html(column.head)}</button></th>'


def _row(columns: list[Column], source: Source) -> str:
    return f"<tr>{''.join(_cell(column, source) for column in columns)}</tr>"


def _cell(column: Column, source: Source) -> str:
    text, value = for_html(column.text(source)), column.value(source)
    sorted_by = "" if value is None else for_html(str(value))
    if column.head == "source":
        return f'<th scope="row" data-value="{sorted_by}">{text}</th>'
    return f'<td class="number" data-value="{sorted_by}">{text}</td>'
