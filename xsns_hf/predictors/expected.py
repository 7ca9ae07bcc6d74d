"""Expected order: sub-network similarity and donor strength, joined as other targets' gold scores say is best."""

from collections.abc import Sequence
from typing import cast

import pandas as pd

from xsns_hf.errors import XsnsError
from xsns_hf.expectation.learning import FEWEST_SOURCES, FEWEST_TARGETS, enough, expect
from xsns_hf.gold import Gold
from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.xsns import Xsns


class Expected(Predictor):
    """The index by which `xsns rank` orders sources where scores of the task are known; the seeds are the masks'."""

    name = "expected"
    about = "z(xsns) + w · z(donor), w learnt from gold scores of other targets"
    needs = ("masks", "gold")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self._xsns = Xsns(inputs)

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of the masks."""
        return self._xsns.seeds

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the indices.

        Raises:
            XsnsError: too few gold scores are of languages with masks.
        """
        similarity, known = self._xsns.masks.by_seed[seed], cast(Gold, self.inputs.gold).matrix()
        rows = {}
        for target in similarity.index.intersection(list(targets)):
            self._require(similarity, known, target)
            candidates = similarity.loc[target].dropna().index.intersection(list(sources))
            rows[target] = expect(similarity, known, target, list(candidates)).index
        return pd.DataFrame(rows).T.reindex(index=list(targets), columns=list(sources)).astype(float)

    def _require(self, similarity: pd.DataFrame, known: pd.DataFrame, target: str) -> None:
        there = enough(similarity, known, target)
        if there[0] < FEWEST_TARGETS or there[1] < FEWEST_SOURCES:
            raise XsnsError(
                f"There are scores of {there[0]} targets with masks beside {target}, by {there[1]} sources: the "
                f"predictor expected needs {FEWEST_TARGETS} and {FEWEST_SOURCES}; leave it out, or give more scores."
            )
