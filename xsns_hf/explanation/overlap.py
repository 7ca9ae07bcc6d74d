"""Explanation: where in the model two languages share their sub-network, tensor by tensor (§3)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.errors import LanguageError, MasksMissing
from xsns_hf.languages.codes import identify, name
from xsns_hf.masks.places import places
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork

COUNTS = ["parameters", "one", "other", "shared"]
"""The columns of an overlap that add up."""


@dataclass(frozen=True)
class Pair:
    """Where two languages share their sub-network.

    Attributes:
        one: canonical code.
        other: that of the other language.
        recipe: name of the masks' recipe.
        seeds: number of seeds that are taken together.
        overlaps: what `overlap` returned for each seed, one after the other.
        own: for each of the two the mean Jaccard coefficient of its own masks of different seeds, the most that two
            languages can be expected to reach; NaN with one seed.
    """

    one: str
    other: str
    recipe: str
    seeds: int
    overlaps: pd.DataFrame
    own: dict[str, float]

    def by(self, columns: str | Sequence[str]) -> pd.DataFrame:
        """Return the overlap of groups of tensors beside what chance would give (see `summed`, `beside_chance`)."""
        return beside_chance(summed(self.overlaps, columns))

    def to_dict(self) -> dict[str, Any]:
        """Return the overlap in all, by layer, by module and by both, as plain records; counts are sums over seeds."""
        return {
            "languages": [self.one, self.other],
            "recipe": self.recipe,
            "seeds": self.seeds,
            "own": {language: None if value != value else round(value, 6) for language, value in self.own.items()},
            "total": plain(self.by([]))[0],
            "layers": plain(self.by(["stack", "layer"])),
            "modules": plain(self.by("module")),
            "parts": plain(self.by(["stack", "layer", "module"])),
        }


def plain(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as records for JSON: what is missing is None, fractions have six digits."""
    return json.loads(rows.to_json(orient="records", double_precision=6, force_ascii=False))


def explain_pair(masks: RecipeMasks, one: str, other: str) -> Pair:
    """Compare the masks of two languages tensor by tensor, over all seeds that both have.

    Args:
        masks: of which those of the two languages are read.
        one: a language, in any form that `identify` takes.
        other: the other one.

    Raises:
        LanguageError: one isn't known, or both are the same.
        MasksMissing: a language has no masks, or they have no seed in common.
        Damaged: a file is truncated or was changed.
    """
    named, (one, other) = (one, other), (identify(one), identify(other))
    if one == other:
        raise LanguageError(f"{' and '.join(named)} are the same language ({one}): give two different ones.")
    for language in (one, other):
        masks.require(language)
    first, second = masks.subnetworks(one), masks.subnetworks(other)
    overlaps = overlap_over_seeds(first, second, (one, other))
    own = {one: _between_seeds(first), other: _between_seeds(second)}
    return Pair(one, other, masks.name, len(first.keys() & second.keys()), overlaps, own)


def _between_seeds(masks: Mapping[int, SubNetwork]) -> float:
    """Return the mean Jaccard coefficient of a language's masks of different seeds; NaN if there is one only."""
    similarities = [jaccard(*pair) for pair in combinations(masks.values(), 2)]
    return float(np.mean(similarities)) if similarities else float("nan")


def overlap_over_seeds(
    one: Mapping[int, SubNetwork], other: Mapping[int, SubNetwork], names: tuple[str, str]
) -> pd.DataFrame:
    """Return the overlaps (see `overlap`) of two languages' masks of each seed, one after the other.

    Args:
        one: a language's masks by seed.
        other: those of another language.
        names: the codes of the two, for messages.

    Raises:
        MasksMissing: they have no seed in common.
        XsnsError: they cover different parameters.
    """
    overlaps = [overlap(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())]
    if not overlaps:
        first, second = map(name, names)
        raise MasksMissing(f"{first} and {second} have no seed in common: extract both for the same seeds.")
    return pd.concat(overlaps, ignore_index=True)


def overlap(one: SubNetwork, other: SubNetwork) -> pd.DataFrame:
    """Count what two sub-networks select and share in each tensor: |s|, |t| and |s ∩ t| of §3.

    Args:
        one: a sub-network.
        other: another one over the same parameters, however its bits are arranged.

    Returns:
        A row per tensor in the layout's order, with the columns

        - tensor: its name;
        - stack: which stack of blocks it is in (`encoder`, `decoder`), "" where the model has just one;
        - layer: number of its block within the stack, Int64; missing for what belongs to none;
        - module: "attention", "feed-forward", "norm" or "other";
        - parameters, one, other, shared: int64, how many there are and how many are selected.

    Raises:
        XsnsError: the masks cover different parameters.
    """
    counts = [
        (tensor.size, _count(bits), _count(other_bits), _count(bits & other_bits))
        for (tensor, bits), (_, other_bits) in zip(one.packed(), other.arranged(one.layout).packed(), strict=True)
    ]
    names = [tensor.name for tensor in one.layout.tensors]
    return pd.concat([places(names), pd.DataFrame(counts, columns=COUNTS, dtype=np.int64)], axis="columns")


def summed(overlaps: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Add up overlaps over groups of tensors.

    Counts add up, so several overlaps of the same two languages (over seeds) may be given one after the other: each
    group's Jaccard coefficient is then that of all their parameters taken together.

    Args:
        overlaps: what `overlap` returned, or several of those concatenated.
        by: the columns that tell groups apart, such as "layer" or ["stack", "layer", "module"]; none for one group
            of everything.

    Returns:
        A row per group, sorted, with the columns of `by` and

        - parameters, one, other, shared: int64, the sums;
        - jaccard: float64, shared / (one + other − shared); NaN where nothing is selected;
        - density_one, density_other: float64, the share of the parameters that each selects.
    """
    keys = [by] if isinstance(by, str) else list(by)
    groups = overlaps.groupby(keys or np.zeros(len(overlaps)), dropna=False)[COUNTS]
    sums = groups.sum().reset_index(drop=not keys)
    return sums.assign(
        jaccard=sums["shared"] / (sums["one"] + sums["other"] - sums["shared"]),
        density_one=sums["one"] / sums["parameters"],
        density_other=sums["other"] / sums["parameters"],
    )


def beside_chance(sums: pd.DataFrame) -> pd.DataFrame:
    """Add what two independent masks that select as much would share.

    Independent masks share |s| · |t| of n parameters. A layer that both select nearly all of has a high Jaccard
    coefficient whatever it does, so that only the ratio tells a layer that two languages use alike.

    Args:
        sums: what `summed` returned.

    Returns:
        The same with two more columns:

        - by_chance: float64, the Jaccard coefficient of independent masks; NaN where nothing is selected;
        - ratio: float64, how many times as many parameters are shared as by chance; NaN where one selects none.
    """
    shared = sums["one"] * sums["other"] / sums["parameters"]
    return sums.assign(
        by_chance=shared / (sums["one"] + sums["other"] - shared), ratio=sums["shared"] / shared.where(shared > 0)
    )


def _count(bits: np.ndarray) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))
