"""The ensemble: what the checkpoint, the languages' structure, their words and their history say, taken together.

For each target every part's scores are standardised over the candidates and summed. The weights are round numbers:
those fitted by ridge regression to other targets, or to other tasks, rank no better (`scripts/study ensemble`).
"""

from collections.abc import Sequence

import pandas as pd

from xsns_hf.expectation.standard import standardised
from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.genealogy import Genealogy
from xsns_hf.predictors.geography import Geography
from xsns_hf.predictors.lang2vec import Lang2Vec
from xsns_hf.predictors.lexical import Lexical
from xsns_hf.predictors.xsns import Xsns

WEIGHTS: dict[type[Predictor], float] = {Xsns: 2, Lang2Vec: 1, Lexical: 1, Genealogy: 0.5, Geography: 0.5}
"""The checkpoint counts double: where languages' structure says little (NER), it has to make up for that. Descent and
nearness are one piece of evidence, of where two languages come from."""


class Ensemble(Predictor):
    """Weighted sum of z-scores."""

    name = "ensemble"
    about = "z-scores for each target: 2 xsns + lang2vec + lexical + ½ genealogy + ½ geography"
    needs = ("masks", "text", "model")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self.parts = {kind(inputs): weight for kind, weight in WEIGHTS.items()}
        self._xsns = next(iter(self.parts))

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of the masks."""
        return self._xsns.seeds

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the sums. A candidate of which a part can't say anything has none."""
        total = pd.DataFrame(0.0, index=list(targets), columns=list(sources))
        for part, weight in self.parts.items():
            total += weight * standardised(part.scores(targets, sources, seed))
        return total
