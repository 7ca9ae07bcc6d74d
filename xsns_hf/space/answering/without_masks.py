"""The answer for a language without masks as HTML, so that nobody stands before a closed door. Words are escaped."""

from typing import Any
from weakref import WeakKeyDictionary

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.languages.codes import name, name_and_code
from xsns_hf.ranking.without_masks import WithoutMasks, rank_without_masks
from xsns_hf.safe_text import for_html
from xsns_hf.space.answering.answers import KEPT, NoMasks
from xsns_hf.space.answering.table import folded_html
from xsns_hf.space.html import note_html
from xsns_hf.space.keeping import Kept

_Key = tuple[str, tuple[str, ...], str]
_kept: WeakKeyDictionary[RecipeMasks, Kept[_Key, WithoutMasks]] = WeakKeyDictionary()
"""What is known of the copies of datasets that are in memory, see `Shelf`."""

PAPER = "https://arxiv.org/abs/2310.17166"
"""The paper that this project is after."""


def answer_without_masks(missing: NoMasks) -> WithoutMasks:
    """Return what is known of a target without masks; what was asked lately of the same copy isn't computed again."""
    query, masks = missing.query, missing.masks
    return _kept.setdefault(masks, Kept(KEPT)).get(
        (query.target, query.candidates, query.task),
        lambda: rank_without_masks(query.target, masks, query.candidates or None, query.task or None),
    )


def record_without_masks(missing: NoMasks, notes: list[str]) -> dict[str, Any]:
    """Return the same as a plain record, for programs, with those keys of an answer that say something."""
    given, query = answer_without_masks(missing), missing.query
    ranking, (first, *more) = given.ranking, given.advice
    rows = given.to_frame().head(query.top).rename(columns={"alike": "similarity"}).astype(object)
    rows.insert(0, "rank", range(1, len(rows) + 1))
    return {
        "target": given.target,
        "has_masks": False,
        "task": query.task or None,
        "masks": missing.masks.repository.name,
        "recipe": missing.masks.name,
        "ordered_by": given.ordered_by,
        "candidates": len(ranking.candidates) if ranking else 0,
        "sources": rows.where(rows.notna(), None).to_dict("records"),
        "recommendation": first,
        "advice": more,
        "missing": ranking.missing if ranking else [],
        "notes": [str(missing), *notes],
    }


def without_masks_html(given: WithoutMasks, top: int, way_out: str, notes: list[str]) -> str:
    """Return what is known of sources without masks, and how to have the method itself.

    Args:
        given: what is known.
        top: sources to show at most.
        way_out: HTML: what a visitor can do, see `text_can_help` and `text_cannot_help`.
        notes: what the visitor should know beside.
    """
    first, *more = given.advice
    return f"""
<section class="xsns-answer xsns-without" aria-label="Answer">
<h2>No masks of {for_html(name(given.target))} yet</h2>
<p class="best">{for_html(first)}</p>
{"".join(f"<p>{for_html(sentence)}</p>" for sentence in more)}
{way_out}
{"".join(note_html(note) for note in notes)}
{_table(given, top) if given.ranking else ""}
</section>"""


def text_can_help(target: str, fewest: int) -> str:
    """Return that some text is enough: the button that opens the form stands below."""
    return (
        f"<p>None of this is <a href='{PAPER}'>X-SNS</a>, which looks into the model. For that, {fewest} sentences of "
        f"{for_html(name(target))} or more are enough: bring some text of it.</p>"
    )


def text_cannot_help(target: str, problem: str, command: str) -> str:
    """Return why no text is taken here, and the command that makes the masks elsewhere."""
    return (
        f"<p>None of this is <a href='{PAPER}'>X-SNS</a>, which looks into the model and takes some text of "
        f"{for_html(name(target))}. Here none can be brought: {for_html(problem)} On a computer of your own, with "
        "text of it and of the sources:</p>"
        f'<pre tabindex="0"><code>{for_html(command)}</code></pre>'
    )


def _table(given: WithoutMasks, top: int) -> str:
    frame = given.to_frame()
    donors = "strength" in frame
    heads = ["#", "source", "alike", *(["for others"] if donors else [])]
    rows = [
        f'<tr><td class="number">{place}</td><th scope="row">{for_html(name_and_code(row.language))}</th>'
        f'<td class="number">{row.alike:.2f}</td>{_strength(row.strength) if donors else ""}</tr>'
        for place, row in enumerate(frame.head(top).itertuples(index=False), 1)
    ]
    titles = "".join(f'<th scope="col"{"" if head == "source" else CLASS}>{head}</th>' for head in heads)
    about = f"<p>{_ALIKE}{_OTHERS if donors else ''}</p>"
    return folded_html(titles, rows, len(frame), frame, about)


CLASS = ' class="number"'

_ALIKE = "Alike: cosine of the languages' sounds and grammar in URIEL, 1 for the same."
_OTHERS = " For others: how many points better than the average source it is for other targets, where that is known."


def _strength(points: float) -> str:
    return f"<td{CLASS}>{'–' if points != points else f'{points:+.1f}'}</td>"
