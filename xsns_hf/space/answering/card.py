"""The answer's card as HTML: what to take, how sure that is, what it is from. What comes from outside is escaped."""

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.safe_text import for_html
from xsns_hf.space.answering.answers import Answer
from xsns_hf.space.html import note_html, recipe_label

HUB = "https://huggingface.co/datasets/"


def card_html(given: Answer, target: str | None = None) -> str:
    """Return the answer in words.

    Args:
        given: what to show.
        target: what to call the target; by default its name.
    """
    first, *sure = given.headline(target)
    return f"""
<section class="xsns-answer" aria-label="Answer">
<h2>{for_html(first)}</h2>
<p class="best">{for_html(" ".join(filter(None, sure)))}</p>
{"".join(f"<p>{for_html(sentence)}</p>" for sentence in given.more())}
{"".join(note_html(note) for note in given.notes)}
<p class="xsns-from">{_from(given)}</p>
</section>"""


def dataset_page(masks: RecipeMasks) -> str:
    """Return the address of the dataset on the Hub; empty if it isn't there."""
    store = masks.repository.store
    return f"{HUB}{store.repo_id}" if isinstance(store, Hub) else ""


def dataset_link(masks: RecipeMasks) -> str:
    """Return what to call the dataset: a link where it is on the Hub."""
    page, name = dataset_page(masks), for_html(masks.repository.name)
    if isinstance(masks.repository.store, Ready):
        return "the similarities that ship with xsns"
    return f'the dataset <a href="{for_html(page)}">{name}</a>' if page else f"the masks in {name}"


def _from(given: Answer) -> str:
    """Say which masks an answer is from, and which scores."""
    seeds = given.ranking.seeds
    samples = f", {seeds} samples of text" if seeds > 1 and given.query.predictor == "xsns" else ""
    masks = f"From {dataset_link(given.masks)}: {for_html(recipe_label(given.masks))}{samples}."
    scores = f" Expected scores from {for_html(given.learnt_from)}." if given.learnt_from else ""
    return masks + scores
