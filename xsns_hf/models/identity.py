"""What a recipe records of a checkpoint, as far as it is known before anything of it is loaded. Needs no torch."""

from dataclasses import dataclass

from xsns_hf.models.embedded import EMBEDDED_REVISION
from xsns_hf.models.head_files import find_head, head_fingerprint
from xsns_hf.models.locations import locate
from xsns_hf.recipe import EMBEDDED, HeadKind, commits_in, fitted_head


@dataclass(frozen=True)
class Identity:
    """Which checkpoint, with which head.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder; of an adapter, its base's and its own.
        head_name: `pretrained`, `tied`, `random`, or `fitted-` and the fingerprint of the fitted head.
        objective: what the head is for: `mlm`, `clm`, `span` or `infilling`; empty with a random head.
    """

    name: str
    revision: str
    head_name: str
    objective: str


def head_kind(model: str, wanted: HeadKind | None) -> HeadKind:
    """Return which head is to be loaded: the one wanted, else the model's own; of `embedded`, the packaged one."""
    return wanted or ("fitted" if model == EMBEDDED else "pretrained")


def identity_of(model: str, revision: str | None, head: HeadKind, objective: str) -> Identity | None:
    """Return the identity of a checkpoint that is known to have such a head; None for an adapter, which has a base.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag or commit on the Hub.
        head: its kind.
        objective: what it is for.

    Raises:
        XsnsError: there is no such model or revision, or no such head was fitted.
    """
    if model == EMBEDDED:
        name, exact = EMBEDDED, EMBEDDED_REVISION
    else:
        location = None if len(commits_in(revision or "")) > 1 else locate(model, revision)
        if location is None or location.file("adapter_config.json"):
            return None
        name, exact = location.name, location.revision
    head_name = fitted_head(head_fingerprint(find_head(exact))) if head == "fitted" else head
    return Identity(name, exact, head_name, objective)
