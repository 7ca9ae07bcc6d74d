"""Masks compared twice: over all layers, and over the lower half of them, where languages differ most."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.masks.places import places
from xsns_hf.masks.similarity import jaccard_of_pieces


class EarlyMasks(RecipeMasks):
    """The masks of a recipe; their similarity is the mean of two Jaccard coefficients, the second over lower layers.

    That one is computed from the masks, which are streamed: all of the recipe's are read, and fetched where they are on
    the Hub.
    """

    @cached_property
    def by_seed(self) -> Mapping[int, pd.DataFrame]:
        """The similarity of each source (columns) to each target (index) by seed; NaN on the diagonal.

        Raises:
            XsnsError: a mask file is damaged or missing.
        """
        stored = super().by_seed
        tensors = lower_half([tensor.name for tensor in self.repository.layout().tensors])
        return {seed: (table + self._within(tensors, seed)) / 2 for seed, table in stored.items()}

    def to_target(self, target: str) -> pd.DataFrame:
        """Return the similarity of each source (index) to a target by seed (columns), see `RecipeMasks.to_target`."""
        return self.from_all(target)

    def _within(self, tensors: Collection[str], seed: int) -> pd.DataFrame:
        """Return the Jaccard coefficients of one seed's masks over some tensors, a square table."""
        languages = sorted(self.index.loc[self.index["seed"] == seed, "language"])
        n_selected = np.zeros(len(languages), np.int64)  # of what was streamed so far

        def pieces() -> Iterator[Sequence[np.ndarray]]:
            for tensor, masks in self.streamed(seed, languages):
                if tensor.name in tensors:
                    n_selected[:] += [int(np.bitwise_count(mask).sum(dtype=np.int64)) for mask in masks]
                    yield masks

        return pd.DataFrame(jaccard_of_pieces(n_selected, pieces()), languages, languages)


def lower_half(names: Sequence[str]) -> set[str]:
    """Return the names of the tensors in the lower half of each stack's layers; of an odd number, the middle is out."""
    where = places(names).dropna(subset="layer")
    layers = where.groupby("stack")["layer"].transform("max") + 1
    return set(where.loc[where["layer"] < layers // 2, "tensor"])
