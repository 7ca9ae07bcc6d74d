"""How to ask the same elsewhere: on the command line, and in Python with the dataset itself."""

from xsns_hf.dataset.stores.ready import READY
from xsns_hf.safe_text import for_shell
from xsns_hf.space.answering.query import Query


def rank_command(query: Query, dataset: str) -> str:
    """Return the command that prints the same ranking, quoted for a POSIX shell.

    Args:
        query: with canonical codes.
        dataset: name of the one that was taken.
    """
    options = {
        "--masks": "" if dataset == READY else dataset,
        "--recipe": query.recipe,
        "--task": query.task,
        "--candidates": ",".join(query.candidates),
        "--top": str(query.top),
    }
    words = [word for option in options.items() if option[1] for word in option]
    return for_shell(["xsns", "rank", query.target, *words])


def dataset_code(query: Query, dataset: str) -> str:
    """Return Python that opens the dataset and ranks in it.

    Args:
        query: with canonical codes.
        dataset: name of the one that was taken.
    """
    opened = "ready()" if dataset == READY else f"from_pretrained({dataset!r})"
    values = {"task": query.task, "candidates": list(query.candidates), "recipe": query.recipe}
    arguments = "".join(f", {key}={value!r}" for key, value in values.items() if value)
    return f"""from xsns_hf import MaskDataset

masks = MaskDataset.{opened}
sources = masks.rank({query.target!r}{arguments})
print(sources.advice)
print(sources.to_frame().head({query.top}))
"""
