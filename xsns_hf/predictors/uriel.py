"""Predictors that compare URIEL's vectors of two languages by cosine."""

from collections.abc import Sequence
from typing import ClassVar

import pandas as pd

from xsns_hf.languages.uriel import cosines
from xsns_hf.predictors.base import Predictor


class UrielPredictor(Predictor):
    """Cosine of two languages' vectors, NaN where one is unknown; a language's script is ignored.

    Attributes:
        file: of the vectors, in the package's data.
    """

    file: ClassVar[str]

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the cosines."""
        return cosines(self.file, ("",), targets, sources)
