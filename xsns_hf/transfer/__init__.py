"""Gold scores: fine-tune on source languages, evaluate zero-shot on targets (§4.3; several sources: §6.4).

data ──► encodings (tokens, pairs, spans) ──► training ──► matrix ──► results
"""

from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.results import Results
from xsns_hf.transfer.run import Summary, transfer
from xsns_hf.transfer.settings import PRESETS, Settings

__all__ = ["PRESETS", "Results", "Settings", "Summary", "TaskData", "transfer"]
