"""What the masks of many languages have in common, and what is each one's own.

The core is what every language selects, a language's private part what no other does. Masks are counted as packed
bits, a tensor of each at a time.
"""

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
import pandas as pd

from xsns_hf.masks.layout import Tensor
from xsns_hf.masks.places import places

COUNTS = ["parameters", "selected", "private", "private_by_chance", "core", "core_by_chance", "reached"]
"""The columns of `shared_counts` that add up over tensors."""


def shared_counts(tensors: Iterable[tuple[Tensor, Sequence[np.ndarray]]], languages: Sequence[str]) -> pd.DataFrame:
    """Count what languages have in common and alone, in each tensor.

    Args:
        tensors: each with the packed bits of all the languages' masks, uint8, padded with zeros.
        languages: canonical codes, at least two.

    Returns:
        A row per tensor and language, with the columns

        - tensor, stack, layer, module: see `overlap.overlap`;
        - language: code;
        - parameters, selected: int64, how many there are and how many the language selects;
        - private: int64, of those, how many no other language selects;
        - private_by_chance: float64, the same for independent masks that select as many of each tensor;
        - core, core_by_chance: the same for what every language selects, alike for all languages;
        - reached: int64, how many some language selects, alike for all.
    """
    counts = pd.concat([_of_tensor(tensor, masks, languages) for tensor, masks in tensors], ignore_index=True)
    return places(list(counts["tensor"].unique())).merge(counts, on="tensor")


def _of_tensor(tensor: Tensor, masks: Sequence[np.ndarray], languages: Sequence[str]) -> pd.DataFrame:
    selected = np.array([_count(mask) for mask in masks])
    densities = selected / tensor.size
    once, more = _once_and_more(masks)
    lonely = once & ~more
    return pd.DataFrame(
        {
            "tensor": tensor.name,
            "language": list(languages),
            "parameters": tensor.size,
            "selected": selected,
            "private": [_count(mask & lonely) for mask in masks],
            "private_by_chance": [
                count * np.delete(1 - densities, number).prod() for number, count in enumerate(selected)
            ],
            "core": _count(reduce(np.bitwise_and, masks)),
            "core_by_chance": tensor.size * densities.prod(),
            "reached": _count(once),
        }
    )


def _once_and_more(masks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the bits that are set in at least one mask, and those set in at least two; uint8, packed."""
    once, more = np.zeros_like(masks[0]), np.zeros_like(masks[0])
    for mask in masks:
        more |= once & mask
        once |= mask
    return once, more


def _count(bits: np.ndarray) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def core_shares(counts: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return how much of a mask is the core, in groups of tensors.

    Args:
        counts: what `shared_counts` returned, or for several seeds those one after the other.
        by: the columns that tell groups apart, such as ["module"]; none for one group of everything.

    Returns:
        A row per group with the columns of `by` and, float64,

        - density: the share of the parameters that a language selects, mean over languages;
        - core, core_by_chance: the core as a share of what a language selects, mean over languages; NaN where nothing
          is selected;
        - reached: the share of the parameters that some language selects.
    """
    keys = list(by)
    sums = counts.groupby(keys or np.zeros(len(counts)), dropna=False)[COUNTS].sum().reset_index(drop=not keys)
    selected = sums["selected"].where(sums["selected"] > 0)
    return sums[keys].assign(
        density=sums["selected"] / sums["parameters"],
        core=sums["core"] / selected,
        core_by_chance=sums["core_by_chance"] / selected,
        reached=sums["reached"] / sums["parameters"],
    )


def private_shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Return how much of each language's mask no other language selects.

    Args:
        counts: see `core_shares`.

    Returns:
        float64 [languages, 2], by code: the share that is private, and what it would be by chance.
    """
    sums = counts.groupby("language")[COUNTS].sum()
    return sums[["private", "private_by_chance"]].div(sums["selected"], axis="index")
