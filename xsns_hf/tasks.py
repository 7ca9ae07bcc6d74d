"""The paper's tasks and their pools of candidate source languages (appendix A), as canonical codes."""

from xsns_hf.errors import XsnsError
from xsns_hf.languages import identify

_POOLS = {
    "ner": "ar zh en fi fr el he id it ja ko ru es sv th tr vi",
    "pos": "bg zh nl en fi fr hi id it ja ko no pl pt ru sk es sv tr uk",
    "nli": "ar bg zh en fr el de hi ru es sw th tr ur vi",
    "pi": "zh en fr de ja ko es",
    "qa": "ar bn en fi id ru sw te",
}

TASKS = tuple(_POOLS)
"""Names of the tasks: WikiANN NER, UD POS, XNLI, PAWS-X, TyDiQA-GoldP (without Korean, as in the paper)."""


def candidate_pool(task: str) -> list[str]:
    """Return the canonical codes of a task's candidate sources.

    Raises:
        XsnsError: there is no such task.
    """
    if task not in _POOLS:
        raise XsnsError(f"Unknown task '{task}': use one of {', '.join(TASKS)}.")
    return [identify(code) for code in _POOLS[task].split()]
