"""The page's words as HTML. Whatever comes from outside is escaped: names, messages, file contents."""

from collections.abc import Sequence

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.languages.codes import name, name_and_code, own_name
from xsns_hf.ranking.wording import expected_text
from xsns_hf.recipe import Recipe
from xsns_hf.safe_text import for_html
from xsns_hf.space.answers import Answer
from xsns_hf.space.static import read

EMPTY = read("empty.html")


def label(code: str) -> str:
    """Return what a choice of a language says: English name, own name and code, any of which finds it."""
    names = dict.fromkeys([name(code), own_name(code)])
    return f"{' · '.join(names)} ({code})"


def masks_label(masks: RecipeMasks) -> str:
    """Return what a choice of masks says."""
    recipe = masks.recipe
    number = f"up to {recipe.examples}" if recipe.agreement else str(recipe.examples)
    objective = "" if recipe.objective == Recipe.objective else f" · {recipe.objective}"
    settings = f"{recipe.corpus} text{objective} · {number} sentences · p = {recipe.density:g}"
    return f"{recipe.model_name} · {settings} ({masks.repository.name})"


def answer_html(answer: Answer, target: str | None = None) -> str:
    """Return the answer: what to take, how sure that is, the table.

    Args:
        answer: what to show.
        target: what to call the target; by default its name and code.
    """
    heading = target or name_and_code(answer.ranking.target)
    sentences = [answer.several(), answer.against_english()]
    return f"""
<section class="xsns-answer" aria-label="Answer">
<h2>Sources for {for_html(heading)}</h2>
<p class="best"><strong>{for_html(answer.recommendation())}</strong></p>
{"".join(f"<p>{for_html(sentence)}</p>" for sentence in sentences if sentence)}
{"".join(note_html(note) for note in answer.notes)}
<div class="scroll" tabindex="0" role="region" aria-label="Table of sources">{_table(answer)}</div>
</section>"""


def problem_html(message: str, notes: Sequence[str] = (), heading: str = "No answer yet") -> str:
    """Return the state in which there's nothing to show: why, and what to do."""
    texts = [message, *(note for note in notes if note != message)]
    words = "".join(f"<p>{for_html(text)}</p>" for text in texts)
    return f'<section class="xsns-problem" role="alert"><h2>{for_html(heading)}</h2>{words}</section>'


def note_html(text: str) -> str:
    """Return something to know beside."""
    return f'<p class="xsns-note">{for_html(text)}</p>'


def plain(text: str) -> str:
    """Return the sentence of an error for gradio, which takes it for HTML, and for programs, which take it for text:
    what it quotes can't be markup, and is no entity either.
    """
    return text.replace("<", "‹").replace(">", "›").replace("&", "＆")


def progress_html(stage: str, done: int, total: int, seconds_left: float | None) -> str:
    """Return how far a long work is, with the time it still takes where that is known."""
    left = "" if seconds_left is None else f", about {max(1, round(seconds_left))} s left"
    value = f' value="{done}" max="{total}"' if total else ""
    return (
        f'<section class="xsns-progress" role="status"><p>{for_html(stage)}{left}</p>'
        f'<progress aria-label="{for_html(stage)}"{value}></progress></section>'
    )


def _caption(answer: Answer) -> str:
    """Say which masks an answer is from, and how many candidates it has."""
    number, shown = len(answer.ranking.sources), len(answer.shown)
    which = f"{shown} of {number} candidates" if shown < number else f"{number} candidates"
    seeds = f"{answer.ranking.seeds} samples of text" if answer.ranking.seeds > 1 else "one sample of text"
    scores = f"; expected scores from {answer.learnt_from}" if answer.learnt_from else ""
    return f"{which}; {seeds}; {masks_label(answer.masks)}{scores}"


def _table(answer: Answer) -> str:
    several, expected = answer.ranking.seeds > 1, answer.expected
    heads = ["#", "source", "similarity"] + ["± seeds", "not told apart"] * several
    heads += ["expected (90 %)"] * (expected is not None)
    numbers = {"#", "similarity", "± seeds", "expected (90 %)"}
    rows = []
    for rank, source in enumerate(answer.shown, 1):
        cells = [str(rank), name_and_code(source.language), f"{source.similarity:.4f}"]
        if several:
            cells += [f"{source.std:.4f}", "best" if rank == 1 else "yes" if source.as_good_as_best else "no"]
        if expected is not None:
            cells.append(expected_text(expected, source.language))
        rows.append("".join(_cell(head, cell, head in numbers) for head, cell in zip(heads, cells, strict=True)))
    titles = "".join(f'<th scope="col"{_class(head in numbers)}>{head}</th>' for head in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption = f"<caption>{for_html(_caption(answer))}</caption>"
    return f"<table>{caption}<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(head: str, text: str, number: bool) -> str:
    if head == "source":
        return f'<th scope="row">{for_html(text)}</th>'
    return f"<td{_class(number)}>{for_html(text)}</td>"


def _class(number: bool) -> str:
    return ' class="number"' if number else ""
