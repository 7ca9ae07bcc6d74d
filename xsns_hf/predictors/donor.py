"""Donor strength: how well a source does for targets in general, by gold scores of other targets."""

from collections.abc import Sequence
from typing import cast

import pandas as pd

from xsns_hf.expectation.donors import donor_strength
from xsns_hf.gold import Gold
from xsns_hf.predictors.base import Predictor


class Donor(Predictor):
    """Mean advantage of a source over others, on all targets but the one it is asked for, shrunk where they are few."""

    name = "donor"
    about = "donor strength: how much better than others a source is for other targets, by gold scores"
    needs = ("gold",)

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the donor strengths, in the unit of the gold scores."""
        known = cast(Gold, self.inputs.gold).matrix()
        rows = {target: donor_strength(known.drop(index=target, errors="ignore")) for target in targets}
        return pd.DataFrame(rows).T.reindex(index=list(targets), columns=list(sources))
