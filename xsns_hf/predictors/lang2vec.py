"""L2V: how alike two languages are in structure (Littell et al. 2017; appendix B)."""

from collections.abc import Sequence

import pandas as pd

from xsns_hf.languages.uriel import structure
from xsns_hf.predictors.base import Predictor


class Lang2Vec(Predictor):
    """Cosine of syntax, phonology and inventory features, unknown ones as URIEL's nearest neighbours predict them."""

    name = "lang2vec"
    about = "structure: cosine of URIEL's syntax, phonology and inventory (Littell et al. 2017)"

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the cosines, NaN where a language is unknown."""
        return structure(targets, sources)
