"""What can't be read of a link."""

import sys
from collections.abc import Mapping

from xsns_hf.safe_text import shortened
from xsns_hf.space.answering.answers import MOST_SHOWN, predictors
from xsns_hf.space.answering.query import TOP
from xsns_hf.space.html import note_html
from xsns_hf.tasks import TASKS


def unreadable(parameters: Mapping[str, str]) -> str:
    """Return what the page says, as HTML, of parameters that it answers without; log all that are wrong, a line each.

    Wrong languages, masks, tasks and ways to rank leave no answer, which says why itself.

    Args:
        parameters: of the link that the page was opened by, as they came.
    """
    wrong = problems(parameters)
    for sentence in wrong.values():
        print(f"A link was opened that can't be read in full. {sentence}", file=sys.stderr)
    return note_html(wrong["top"]) if "top" in wrong else ""


def problems(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence for each parameter of a link that holds none of the values that it may have."""
    sentences = {}
    for key, choices in (("task", list(TASKS)), ("predictor", list(predictors()))):
        value = parameters.get(key, "")
        if value and value not in choices:
            sentences[key] = f"The link's {key} is {shortened(value)}, which there isn't: use {', '.join(choices)}."
    top = parameters.get("top", str(TOP))
    if not (top.isascii() and top.isdecimal() and len(top) < 6 and 0 < int(top) <= MOST_SHOWN):
        sentences["top"] = (
            f"The link asks for {shortened(top)} sources, which is no number from 1 to {MOST_SHOWN}: "
            "set how many you want to see."
        )
    return sentences
