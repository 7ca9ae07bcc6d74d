"""Overview of the masks of many languages: their core, their private parts, their clusters, the neurons of scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.errors import MasksMissing
from xsns_hf.explanation.neurons import check_scripts, owned, owned_by_chance, row_shares
from xsns_hf.explanation.overlap import plain
from xsns_hf.explanation.shared import core_shares, private_shares, shared_counts
from xsns_hf.languages import families
from xsns_hf.languages.codes import name, script
from xsns_hf.masks.clustering import Agreement, agreement, tree
from xsns_hf.safe_text import for_shell


@dataclass(frozen=True)
class Overview:
    """What the masks of at least three languages have in common and apart, over the seeds that all have.

    Attributes:
        recipe: name of the masks' recipe.
        seeds: those that all the languages have.
        counts: what `shared_counts` returned for each seed, one after the other.
        similarity: Jaccard coefficients, mean over the seeds, square.
        groups: the relatives of each language whose descent is known.
        agreement: of the clusters with those groups.
        neurons: those that a script owns (see `neurons.owned`); None if they weren't asked for.
        neurons_by_chance: by script how many random languages would own; empty likewise.
    """

    recipe: str
    seeds: list[int]
    counts: pd.DataFrame
    similarity: pd.DataFrame
    groups: dict[str, str]
    agreement: Agreement
    neurons: pd.DataFrame | None
    neurons_by_chance: dict[str, float]

    @cached_property
    def tree(self) -> np.ndarray:
        """The languages clustered by sub-network, see `clustering.tree`."""
        return tree(self.similarity)

    @cached_property
    def order(self) -> list[str]:
        """The languages' codes in the order of the tree's leaves."""
        return [self.similarity.index[leaf] for leaf in leaves_list(self.tree)]

    def core(self, by: Sequence[str] = ()) -> pd.DataFrame:
        """Return how much of a mask is common to all languages, see `core_shares`."""
        return core_shares(self.counts, by)

    def languages(self) -> pd.DataFrame:
        """Return a row per language in the order of the tree.

        Columns: language, name, group, nearest (code of the most similar language), similarity (to that one), private
        and private_by_chance (see `private_shares`).
        """
        private = private_shares(self.counts)
        to_others = self.similarity.mask(np.eye(len(self.similarity), dtype=bool))
        rows = [
            {
                "language": code,
                "name": name(code),
                "group": self.groups.get(code),
                "nearest": to_others[code].idxmax(),
                "similarity": to_others[code].max(),
                **private.loc[code].to_dict(),
            }
            for code in self.order
        ]
        return pd.DataFrame(rows)

    def to_dict(self, top: int = 0) -> dict[str, Any]:
        """Return all of it as plain records.

        Args:
            top: how many of the scripts' neurons.
        """
        answer = {
            "recipe": self.recipe,
            "seeds": self.seeds,
            "core": plain(self.core())[0],
            "core_by_module": plain(self.core(["module"])),
            "core_by_layer": plain(self.core(["stack", "layer"])),
            "languages": plain(self.languages()),
            "tree": [[int(branch), int(sibling), round(height, 6)] for branch, sibling, height, _ in self.tree],
            "leaves": list(self.similarity.index),
            "agreement": plain(pd.DataFrame([vars(self.agreement)]))[0],
        }
        if self.neurons is not None:
            answer["neurons"] = {
                "owned": {script: int((self.neurons["script"] == script).sum()) for script in self.neurons_by_chance},
                "owned_by_chance": self.neurons_by_chance,
                "top": plain(self.neurons.head(top)),
            }
        return answer


def overview(masks: RecipeMasks, languages: Sequence[str] | None = None, *, neurons: bool = False) -> Overview:
    """Look at the masks of many languages together; they are streamed, a tensor of each at a time.

    Args:
        masks: which are all read.
        languages: canonical codes; by default all that have masks.
        neurons: whether to look for neurons that scripts own as well.

    Raises:
        MasksMissing: a language has no masks, there are fewer than three, or they have no seed in common.
        Damaged: a file is truncated or was changed.
    """
    for code in languages or ():
        masks.require(code)
    chosen = sorted(set(languages or masks.languages))
    if len(chosen) < 3:
        raise MasksMissing(
            "What masks share and how they cluster takes at least 3 languages, and "
            f"{masks.repository.name} is asked for {len(chosen)} ({', '.join(chosen)}): add some, or compare two with "
            f"`xsns explain {' '.join([*chosen, 'eng'][:2])} --masks {for_shell([masks.repository.name])}`."
        )
    seeds = masks.common_seeds(chosen)
    similarity = masks.similarity(seeds).loc[chosen, chosen]
    counts = [shared_counts(masks.streamed(seed, chosen), chosen) for seed in seeds]
    groups = families.groups(chosen)
    agreed = agreement(similarity, groups, families.kinship(chosen))
    table, by_chance = _neurons(masks, chosen, seeds) if neurons else (None, {})
    return Overview(
        masks.name, seeds, pd.concat(counts, ignore_index=True), similarity, groups, agreed, table, by_chance
    )


def _neurons(masks: RecipeMasks, languages: list[str], seeds: list[int]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the neurons that scripts own, and by script how many random languages would own."""
    layout, scripts = masks.repository.layout(), {code: script(code) for code in languages}
    check_scripts(scripts)
    by_seed = [row_shares(layout, masks.streamed(seed, languages), languages) for seed in seeds]
    shares = sum(by_seed[1:], by_seed[0]) / len(seeds)
    return owned(shares, scripts), owned_by_chance(shares, scripts)
