"""What is shown of suggestions: a table in HTML or LaTeX, and a picture."""

from typing import TYPE_CHECKING

from xsns_hf.languages.codes import name_and_code
from xsns_hf.plotting import COLUMN, GROUP_COLOURS, NAMED, PAGE, PRINT, Picture, fit_for_print
from xsns_hf.ranking.latex import latex_table
from xsns_hf.ranking.wording import expected_text
from xsns_hf.safe_text import for_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xsns_hf.ranking.suggestions import Suggestions

_LONGEST = 25
"""Sources that a table shows; `to_frame` has all."""

_PLAIN, _ALIKE = GROUP_COLOURS[0], GROUP_COLOURS[1]


def html(suggestions: "Suggestions") -> str:
    """Return suggestions as HTML, a table and what it means; whatever comes from outside is escaped."""
    columns = ["", "source", "code", "similarity"]
    columns += ["expected (90 %)", "best"] if suggestions.outlook else []
    head = "".join(f"<th>{for_html(column)}</th>" for column in columns)
    rows = "".join(_row(cells) for cells in _cells(suggestions))
    left_out = len(suggestions) - _LONGEST
    more = f"<p>… and {left_out} more: see <code>to_frame()</code>.</p>" if left_out > 0 else ""
    sentences = "".join(f"<p>{for_html(sentence)}</p>" for sentence in [*suggestions.advice, *suggestions.notes])
    return (
        f"<div><strong>Sources for {for_html(name_and_code(suggestions.target))}</strong>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}{sentences}"
        f"<p><small>{for_html(suggestions.recipe)}</small></p></div>"
    )


def _cells(suggestions: "Suggestions") -> list[list[str]]:
    """Return what the rows of the table say, the best source first."""
    outlook, rows = suggestions.outlook, []
    for place, source in enumerate(suggestions.sources[:_LONGEST], 1):
        spread = "" if source.std is None else f" ± {source.std:.4f}"
        cells = [str(place), source.name, source.language, f"{source.similarity:.4f}{spread}"]
        if outlook:
            cells.append(expected_text(outlook.table, source.language))
            cells.append(f"{outlook.table.loc[source.language, 'best']:.0%}")
        rows.append(cells)
    return rows


def _row(cells: list[str]) -> str:
    return "<tr>" + "".join(f"<td>{for_html(cell)}</td>" for cell in cells) + "</tr>"


def latex(suggestions: "Suggestions") -> str:
    """Return suggestions as a table in LaTeX, all that `to_frame` has of use in print."""
    frame = suggestions.to_frame()
    shown = frame[["name", "language", "similarity"]].set_axis(["Source", "Code", "Similarity"], axis="columns")
    if suggestions.ranking.seeds > 1:
        shown["SD"] = frame["std"]
    if suggestions.outlook is None:
        return latex_table(shown, digits=4)
    table = suggestions.outlook.table
    shown["Expected (90% interval)"] = [expected_text(table, code).replace("–", "--") for code in frame["language"]]
    shown["Best"] = [f"{chance:.0%}" for chance in frame["probability_best"]]
    return latex_table(shown, digits=4, right=2)


def plot(suggestions: "Suggestions") -> Picture:
    """Draw a dot per source: its similarity with the spread over seeds, and beside it the score to expect, if known."""
    from matplotlib.figure import Figure

    panels = 1 + bool(suggestions.outlook)
    figure = Figure(figsize=((COLUMN, PAGE)[panels - 1], 1.1 + 0.17 * len(suggestions)), layout="constrained")
    axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    _draw_similarity(axes[0], suggestions)
    if suggestions.outlook:
        _draw_expected(axes[1], suggestions)
    sources = suggestions.sources
    labels = [source.name if len(sources) <= NAMED else source.language for source in sources]
    axes[0].set_yticks(range(len(sources)), labels)
    axes[0].set_ylim(len(sources) - 0.4, -0.6)
    for panel in axes:
        panel.xaxis.get_major_locator().set_params(nbins=5)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", alpha=0.3)
    if any(source.as_good_as_best for source in suggestions):
        axes[0].plot([], [], "o", color=_ALIKE, markersize=4, label="most similar, or not told apart from it")
        figure.legend(loc="outside lower left", fontsize=7, frameon=False)
    figure.suptitle(f"Sources for {name_and_code(suggestions.target)}\n{suggestions.recipe}", fontsize=PRINT, wrap=True)
    fit_for_print(figure)
    return Picture(figure)


def _draw_similarity(axes: "Axes", suggestions: "Suggestions") -> None:
    """Draw similarities; the most similar, and what can't be told apart from it, in a colour of their own."""
    for place, source in enumerate(suggestions.sources):
        colour = _ALIKE if source.as_good_as_best else _PLAIN
        axes.errorbar(source.similarity, place, xerr=source.std, fmt="o", color=colour, markersize=4, capsize=2)
    spread = " ± SD over seeds" if suggestions.ranking.seeds > 1 else ""
    axes.set_xlabel(f"similarity{spread}")


def _draw_expected(axes: "Axes", suggestions: "Suggestions") -> None:
    """Draw the score to expect of each source with its interval."""
    assert suggestions.outlook is not None
    table = suggestions.outlook.table.loc[[source.language for source in suggestions]]
    reach = [table["expected"] - table["lower"], table["upper"] - table["expected"]]
    axes.errorbar(table["expected"], range(len(table)), xerr=reach, fmt="o", color=_PLAIN, markersize=4, capsize=2)
    axes.set_xlabel("expected score, 90 % interval")
