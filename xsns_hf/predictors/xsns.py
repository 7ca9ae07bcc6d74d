"""X-SNS: the Jaccard coefficient of two languages' sub-networks (§3)."""

from collections.abc import Sequence

import pandas as pd

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.predictors.base import Inputs, Predictor


class Xsns(Predictor):
    """Similarity of sub-networks, from a mask dataset; its seeds are those of the masks."""

    name = "xsns"
    about = "sub-network similarity (Yun et al. 2023), from masks"
    needs = ("masks",)

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        where = inputs.masks
        masks = where if isinstance(where, MaskRepository) else MaskRepository(str(where))
        self.masks = masks.masks(inputs.recipe, inputs.layers)

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of the masks."""
        return sorted(self.masks.by_seed)

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the Jaccard coefficients of one seed's masks."""
        return self.masks.by_seed[seed].reindex(index=targets, columns=sources)
