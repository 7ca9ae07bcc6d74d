"""xsns_hf: which source language should I fine-tune on?

Sub-network similarity (X-SNS) for any multilingual checkpoint: extract masks per language, keep them as a
dataset, rank source languages by how much their sub-network overlaps with the target's.
"""

from xsns_hf.errors import XsnsError
from xsns_hf.languages import identify
from xsns_hf.layouts import ParameterLayout
from xsns_hf.ranking import Ranking, Source, rank_sources
from xsns_hf.repository import MaskRepository
from xsns_hf.similarity import jaccard, jaccard_matrix
from xsns_hf.subnetworks import SubNetwork, select

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
