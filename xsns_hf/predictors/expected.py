"""Expected order: sub-network similarity and donor strength, joined as other targets' gold scores say is best."""

from collections.abc import Sequence
from typing import cast

import pandas as pd

from xsns_hf.errors import XsnsError
from xsns_hf.expectation.learning import FEWEST_TARGETS, STRUCTURE, WORDS, TooFewTargets, expect
from xsns_hf.gold import Gold
from xsns_hf.languages.uriel import structure
from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.lexical import Lexical
from xsns_hf.predictors.xsns import Xsns


class Expected(Predictor):
    """The index by which `xsns rank` orders sources where scores of the task are known; the seeds are the masks'."""

    name = "expected"
    about = "z(xsns + ¼ lang2vec, and with text ¼ lexical) + w · z(donor), w learnt from gold scores of other targets"
    needs = ("masks", "gold")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self._xsns = Xsns(inputs)
        self._lexical = Lexical(inputs) if inputs.text else None  # which counts the text once for all seeds

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
        codes = list(similarity.index)
        beside = {STRUCTURE: structure(codes, codes)}
        if self._lexical:
            beside[WORDS] = self._lexical.scores(codes, codes)
        rows = {}
        for target in similarity.index.intersection(list(targets)):
            candidates = list(similarity.loc[target].dropna().index.intersection(list(sources)))
            try:
                rows[target] = expect(similarity, known, target, candidates, beside).index
            except TooFewTargets as error:
                raise XsnsError(
                    f"Beside {target} there are scores of two sources or more with masks for {error.known} targets: "
                    f"the predictor expected needs {FEWEST_TARGETS}; leave it out, or give more scores."
                ) from None
        return pd.DataFrame(rows).T.reindex(index=list(targets), columns=list(sources)).astype(float)
