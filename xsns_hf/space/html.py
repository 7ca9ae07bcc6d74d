"""The page's words as HTML. Whatever comes from outside is escaped: names, messages, file contents."""

from collections.abc import Sequence

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.languages.codes import name, own_name
from xsns_hf.recipe import Recipe
from xsns_hf.safe_text import for_html
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
