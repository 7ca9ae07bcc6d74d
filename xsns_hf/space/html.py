"""The page's words as HTML. Whatever comes from outside is escaped: names, messages, file contents."""

from collections.abc import Sequence
from html import escape

from xsns_hf.languages.codes import name, name_and_code, own_name
from xsns_hf.ranking.wording import expected_text
from xsns_hf.recipe import Recipe
from xsns_hf.space.answers import Answer
from xsns_hf.space.own_text.bringing import EXAMPLES
from xsns_hf.space.own_text.pasted import FEWEST_SENTENCES

INTRODUCTION = """
<header>
<h1>Which source language should I fine-tune on?</h1>
<p>You have labelled data in some languages, and none in yours. A multilingual model uses a part of itself for each
language, a <em>sub-network</em>. The more a source's sub-network overlaps with your target's, the better fine-tuning
on the source tends to work (<a href="https://aclanthology.org/2023.findings-emnlp.875/">X-SNS, Yun et al. 2023</a>).
</p>
</header>
"""

ABOUT = """
<section>
<h2>What the numbers mean</h2>
<p><strong>Similarity</strong> is the Jaccard coefficient of two sub-networks: the parameters that both languages excite
most, as a share of those that either does. It orders sources; it isn't a score. <strong>±</strong> is its standard
deviation over samples of text (seeds). A source is <strong>as good as the best</strong> where another sample might turn
their order round.</p>
<p><strong>Expected</strong> scores, where there are any, come from published scores of other targets: a mixed
regression on the similarity, with an interval meant to hold 90 % of the scores of targets that it hasn't seen.</p>
<p>The predictions are best for token-level tasks (tagging, named entities), weaker for sentence-level ones. All masks
that are compared come from one model and one kind of text; other models and text give other numbers.</p>
<h2>Cite</h2>
<p>Yun et al., <em>X-SNS: Cross-Lingual Transfer Prediction through Sub-Network Similarity</em>, Findings of EMNLP 2023,
<a href="https://doi.org/10.18653/v1/2023.findings-emnlp.875">doi:10.18653/v1/2023.findings-emnlp.875</a>. Masks,
settings and licences of the text: the card of the mask dataset.</p>
</section>
"""

MCP = """
The same as tools for a language model: add `/gradio_api/mcp/` to this page's address in the settings of an MCP client.
The tools are *rank*, *similarity* and *languages*; all endpoints are described under *Use via API* at the foot of the
page.
"""

BRING = f"""
<p>Paste or upload sentences of it, one a line: {FEWEST_SENTENCES} or more, better a hundred; {EXAMPLES} a sample are
used. This page finds their sub-network with the same model and ranks the candidates chosen above for it, in a minute or
so. The text is held in memory while that goes on, and nowhere else.</p>
"""

EMPTY = '<section class="xsns-empty"><p>Choose a target language above: the sources appear here.</p></section>'

CSS = """
.xsns-answer h2, .xsns-problem h2 { margin: 0 0 .3em; }
.xsns-answer .best { font-size: 1.15em; }
.xsns-answer table { min-width: min(100%, 44em); border-collapse: collapse; margin: .6em 0; }
.xsns-answer caption { text-align: left; color: var(--body-text-color); opacity: .8; padding-bottom: .3em; }
.prose .xsns-answer :is(th, td) { padding: .3em .6em; border: 0 solid var(--border-color-primary); }
.prose .xsns-answer :is(th, td) { border-bottom-width: 1px; }
.prose .xsns-answer th { text-align: left; }
.prose .xsns-answer tbody th { font-weight: normal; }
.xsns-answer td { font-variant-numeric: tabular-nums; }
.prose .xsns-answer .number { text-align: right; white-space: nowrap; }
.xsns-answer .scroll { overflow-x: auto; }
.xsns-problem, .xsns-note { border-left: 4px solid var(--color-accent); padding: .4em .8em; margin: .5em 0; }
.xsns-problem, .xsns-note, .xsns-empty { background: var(--background-fill-secondary); }
.xsns-empty { padding: 1.2em; text-align: center; }
.xsns-progress progress { width: 100%; height: 1.2em; }
.xsns-answer a, header a, section a { text-decoration: underline; }
@media (max-width: 480px) { .xsns-answer th, .xsns-answer td { padding: .25em .3em; font-size: .9em; } }
"""


def label(code: str) -> str:
    """Return what a choice of a language says: English name, own name and code, any of which finds it."""
    names = dict.fromkeys([name(code), own_name(code)])
    return f"{' · '.join(names)} ({code})"


def recipe_label(dataset: str, recipe: Recipe) -> str:
    """Return what a choice of masks says."""
    number = f"up to {recipe.examples}" if recipe.agreement else str(recipe.examples)
    objective = "" if recipe.objective == "mlm" else f" · {recipe.objective}"
    settings = f"{recipe.corpus} text{objective} · {number} sentences · p = {recipe.density:g}"
    return f"{recipe.checkpoint} · {settings} ({dataset})"


def answer_html(answer: Answer, caption: str, target: str | None = None) -> str:
    """Return the answer: what to take, how sure that is, the table.

    Args:
        answer: what to show.
        caption: which masks it is from.
        target: what to call the target; by default its name and code.
    """
    heading = target or name_and_code(answer.ranking.target)
    sentences = [answer.several(), answer.against_english()]
    return f"""
<section class="xsns-answer" aria-label="Answer">
<h2>Sources for {escape(heading)}</h2>
<p class="best"><strong>{escape(answer.recommendation())}</strong></p>
{"".join(f"<p>{escape(sentence)}</p>" for sentence in sentences if sentence)}
{"".join(note_html(note) for note in answer.notes)}
<div class="scroll">{_table(answer, caption)}</div>
</section>"""


def problem_html(message: str, notes: Sequence[str] = (), heading: str = "No answer yet") -> str:
    """Return the state in which there's nothing to show: why, and what to do."""
    texts = [message, *(note for note in notes if note != message)]
    words = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f'<section class="xsns-problem" role="alert"><h2>{escape(heading)}</h2>{words}</section>'


def note_html(text: str) -> str:
    """Return something to know beside."""
    return f'<p class="xsns-note">{escape(text)}</p>'


def progress_html(stage: str, done: int, total: int, seconds_left: float | None) -> str:
    """Return how far a long work is, with the time it still takes where that is known."""
    left = "" if seconds_left is None else f", about {max(1, round(seconds_left))} s left"
    value = f' value="{done}" max="{total}"' if total else ""
    return (
        f'<section class="xsns-progress" role="status"><p>{escape(stage)}{left}</p>'
        f'<progress aria-label="{escape(stage)}"{value}></progress></section>'
    )


def _table(answer: Answer, caption: str) -> str:
    several, expected = answer.ranking.seeds > 1, answer.expected
    heads = ["#", "source", "similarity"] + ["± seeds", "as good as the best"] * several
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
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(head: str, text: str, number: bool) -> str:
    if head == "source":
        return f'<th scope="row">{escape(text)}</th>'
    return f"<td{_class(number)}>{escape(text)}</td>"


def _class(number: bool) -> str:
    return ' class="number"' if number else ""
