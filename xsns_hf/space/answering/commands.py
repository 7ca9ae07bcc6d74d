"""How to ask the same elsewhere: the command line, and Python on the dataset itself."""

from typing import Any

from xsns_hf.dataset.stores.ready import READY
from xsns_hf.safe_text import for_shell
from xsns_hf.space.answering.answers import Answer
from xsns_hf.space.answering.query import TOP


def rank_command(given: Answer) -> str:
    """Return the command that prints the same ranking, quoted for a POSIX shell."""
    query, dataset = given.query, given.masks.repository.name
    options = {
        "--masks": "" if dataset == READY else dataset,
        "--recipe": query.recipe,
        "--task": query.task,
        "--candidates": ",".join(query.candidates),
        "--top": str(query.top) if query.top != TOP else "",
    }
    words = [word for option in options.items() if option[1] for word in option]
    return for_shell(["xsns", "rank", query.target, *words])


def dataset_code(given: Answer) -> str:
    """Return Python that opens the dataset and ranks in it."""
    query, dataset = given.query, given.masks.repository.name
    opened = "ready()" if dataset == READY else f"from_pretrained({dataset!r})"
    values: dict[str, Any] = {"task": query.task, "candidates": list(query.candidates), "recipe": query.recipe}
    arguments = "".join(f", {key}={value!r}" for key, value in values.items() if value)
    return f"""from xsns_hf import MaskDataset

masks = MaskDataset.{opened}
sources = masks.rank({query.target!r}{arguments})
print(sources.advice)
print(sources.to_frame().head({query.top}))
"""
