"""Predictors that compare URIEL's vectors of two languages by cosine."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from xsns_hf.languages.uriel import row_of, uriel_vectors
from xsns_hf.predictors.base import Predictor


class UrielPredictor(Predictor):
    """Cosine of two languages' vectors, NaN where one is unknown; a language's script is ignored.

    Attributes:
        file: of the vectors, in the package's data.
        prefixes: what the names of the features used begin with; the empty string stands for all.
    """

    file: ClassVar[str]
    prefixes: ClassVar[tuple[str, ...]] = ("",)

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the cosines."""
        known = uriel_vectors(self.file, self.prefixes)
        unknown = np.full_like(next(iter(known.values())), np.nan)
        sides = [np.stack([row_of(code, known, unknown) for code in codes]) for codes in (targets, sources)]
        return pd.DataFrame(sides[0] @ sides[1].T, index=list(targets), columns=list(sources))
