"""Where in the model a tensor is, from its name: stack, layer, and kind of module."""

import re
from collections.abc import Iterable, Sequence

import pandas as pd

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


def places(names: Sequence[str]) -> pd.DataFrame:
    """Return where in the model tensors are, from their dotted names: columns tensor, stack, layer, module."""
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
