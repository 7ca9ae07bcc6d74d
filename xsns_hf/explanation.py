"""Explanation: where in the model two languages share their sub-network, tensor by tensor (§3)."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from xsns_hf.subnetworks import SubNetwork

COUNTS = ["parameters", "one", "other", "shared"]
"""The columns of an overlap that add up."""

_BLOCK = re.compile(r"^(?:(?P<stack>.+?)\.)?[^.]+\.(?P<layer>\d+)(?:\.|$)")
"""The path of a stack of blocks, the name of its list and a block's number: `encoder` `.block.` `0`.

A layout's tensors belong to a model's outermost lists of blocks, so the first number is the block's.
"""

_MODULES = {
    "norm": re.compile(r"norm|(^|\.)ln(_|\d|\.|$)"),
    "attention": re.compile(r"att"),
    "feed-forward": re.compile(r"mlp|ff|feed_?forward|intermediate|output\.dense|fc\d|relu|expert|moe"),
}
"""What a lower-case name tells, first match first: a LayerNorm within an attention block is a norm."""


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
        (tensor.size, _count(bits), _count(others), _count(bits & others))
        for (tensor, bits), (_, others) in zip(one.packed(), other.arranged(one.layout).packed(), strict=True)
    ]
    names = [tensor.name for tensor in one.layout.tensors]
    return pd.concat([_places(names), pd.DataFrame(counts, columns=COUNTS, dtype=np.int64)], axis="columns")


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
    found = groups.sum().reset_index(drop=not keys)
    return found.assign(
        jaccard=found["shared"] / (found["one"] + found["other"] - found["shared"]),
        density_one=found["one"] / found["parameters"],
        density_other=found["other"] / found["parameters"],
    )


def _count(bits: np.ndarray) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def _places(names: Sequence[str]) -> pd.DataFrame:
    """Tell where in the model tensors are from their dotted names: columns tensor, stack, layer, module."""
    blocks = [_BLOCK.match(name) for name in names]
    stacks = {match["stack"] or "" for match in blocks if match}
    layers = [int(match["layer"]) if match else None for match in blocks]
    return pd.DataFrame(
        {
            "tensor": names,
            "stack": [_stack(name, stacks) if len(stacks) > 1 else "" for name in names],
            "layer": pd.array(layers, dtype="Int64"),
            "module": [_module(name) for name in names],
        }
    )


def _stack(name: str, stacks: Iterable[str]) -> str:
    """Return the stack that a tensor is in; `decoder.final_layer_norm.weight` belongs to no block but to a stack."""
    return max((stack for stack in stacks if name.startswith(f"{stack}.")), key=len, default="")


def _module(name: str) -> str:
    return next((module for module, words in _MODULES.items() if words.search(name.lower())), "other")
