"""xsns_hf: which source language should I fine-tune on?

Sub-network similarity (X-SNS) for any multilingual checkpoint: extract masks per language, keep them as a
dataset, rank source languages by how much their sub-network overlaps with the target's.
"""

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard, jaccard_matrix
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.ranking.rank import Ranking, Source, rank_sources

__all__ = [
    "MaskRepository",
    "ParameterLayout",
    "Ranking",
    "Source",
    "SubNetwork",
    "XsnsError",
    "identify",
    "jaccard",
    "jaccard_matrix",
    "rank_sources",
    "select",
]
