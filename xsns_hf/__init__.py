"""xsns_hf: which source language should I fine-tune on?

Sub-network similarity (X-SNS) for any multilingual checkpoint: extract masks per language, keep them as a
dataset, rank source languages by how much their sub-network overlaps with the target's.

    >>> from xsns_hf import MaskDataset, XsnsExtractor

Each name is imported when it is first used, so that `import xsns_hf` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.errors import XsnsError
    from xsns_hf.face.extractor import XsnsExtractor
    from xsns_hf.face.mask_dataset import MaskDataset
    from xsns_hf.languages.codes import identify
    from xsns_hf.masks.layout import ParameterLayout
    from xsns_hf.masks.similarity import jaccard, jaccard_matrix
    from xsns_hf.masks.subnetwork import SubNetwork, select
    from xsns_hf.ranking.rank import Ranking, Source, rank_sources
    from xsns_hf.ranking.suggestions import Suggestions

__version__ = "0.1.0"

__all__ = [
    "MaskDataset",
    "MaskRepository",
    "ParameterLayout",
    "Ranking",
    "Source",
    "SubNetwork",
    "Suggestions",
    "XsnsError",
    "XsnsExtractor",
    "identify",
    "jaccard",
    "jaccard_matrix",
    "rank_sources",
    "select",
]

_PLACES = {
    "MaskDataset": "face.mask_dataset",
    "MaskRepository": "dataset.repository",
    "ParameterLayout": "masks.layout",
    "Ranking": "ranking.rank",
    "Source": "ranking.rank",
    "SubNetwork": "masks.subnetwork",
    "Suggestions": "ranking.suggestions",
    "XsnsError": "errors",
    "XsnsExtractor": "face.extractor",
    "identify": "languages.codes",
    "jaccard": "masks.similarity",
    "jaccard_matrix": "masks.similarity",
    "rank_sources": "ranking.rank",
    "select": "masks.subnetwork",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
