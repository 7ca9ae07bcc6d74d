"""The page's words as HTML. Whatever comes from outside is escaped: names, messages, file contents."""

from collections.abc import Sequence

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.languages.codes import name, own_name
from xsns_hf.recipe import Recipe
from xsns_hf.safe_text import for_html


def label(code: str) -> str:
    """Return what a choice of a language says: English name, own name and code, any of which finds it."""
    names = dict.fromkeys([name(code), own_name(code)])
    return f"{' · '.join(names)} ({code})"


def masks_label(masks: RecipeMasks) -> str:
    """Return what a choice of masks says."""
    return f"{recipe_label(masks)} ({masks.repository.name})"


def recipe_label(masks: RecipeMasks) -> str:
    """Return how masks were made: `multilingual-e5-small · wikiann text · 256 sentences · p = 0.15`."""
    recipe = masks.recipe
    number = f"up to {recipe.examples}" if recipe.agreement else str(recipe.examples)
    text = recipe.corpus if recipe.corpus.lower().endswith("text") else f"{recipe.corpus} text"
    objective = [] if recipe.objective == Recipe.objective else [recipe.objective]
    return " · ".join([recipe.model_name, text, *objective, f"{number} sentences", f"p = {recipe.density:g}"])


def problem_html(message: str, notes: Sequence[str] = (), heading: str = "No answer yet") -> str:
    """Return the state in which there's nothing to show: why, and what to do."""
    texts = [message, *(note for note in notes if note != message)]
    words = "".join(f"<p>{for_html(text)}</p>" for text in texts)
    return f'<section class="xsns-problem" role="alert"><h2>{for_html(heading)}</h2>{words}</section>'


def paragraph(text: str) -> str:
    """Return a sentence or several."""
    return f"<p>{for_html(text)}</p>"


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
