"""Neurons that one script owns: much used by all languages written in it, and by no others.

A neuron is a row of a weight matrix: in torch's `Linear` what leads to one output. (In GPT-2's `Conv1D`, whose matrices
lie the other way round, it is what comes from one input.)
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.masks.layout import ParameterLayout, Tensor
from xsns_hf.masks.places import places

ORDERS = 20
"""Random orders of the languages that tell how many neurons any sets of languages of these sizes would own."""


def row_shares(
    layout: ParameterLayout, tensors: Iterable[tuple[Tensor, Sequence[np.ndarray]]], languages: Sequence[str]
) -> pd.DataFrame:
    """Return which share of each row of each weight matrix each language selects.

    Args:
        layout: how the bits are arranged.
        tensors: each with the packed bits of all the languages' masks, uint8.
        languages: codes, in the order of the masks.

    Returns:
        float32 [rows, languages], the codes as columns and (tensor, neuron) as index.
    """
    tables = []
    for tensor, masks in tensors:
        if len(tensor.shape) == 2:
            height, width = tensor.shape
            shares = np.stack([layout.selected_by_row(tensor, mask) / width for mask in masks], axis=1)
            index = pd.MultiIndex.from_product([[tensor.name], range(height)], names=["tensor", "neuron"])
            tables.append(pd.DataFrame(shares.astype(np.float32), index, list(languages)))
    return pd.concat(tables) if tables else pd.DataFrame(columns=list(languages), dtype=np.float32)


def owned(shares: pd.DataFrame, scripts: Mapping[str, str]) -> pd.DataFrame:
    """Return the neurons of which every language of a script selects more than any language of another script.

    Scripts of a single language are left out: what is theirs may be the language's as well as the script's.

    Args:
        shares: see `row_shares`.
        scripts: each language's.

    Returns:
        A row per neuron, by falling margin, with the columns

        - tensor, stack, layer, module: see `overlap.overlap`;
        - neuron: number of its row, from 0;
        - script: whose it is;
        - inside: float32, the least share that a language of the script selects;
        - outside: float32, the greatest that another language selects;
        - margin: float32, inside − outside, above 0.

    Raises:
        MasksMissing: no script has several languages, or there is one script only.
        XsnsError: there are no matrices.
    """
    several = check_scripts(scripts)
    if shares.empty:
        raise XsnsError(
            f"These masks cover no weight matrices, so there are no neurons: leave out {parameter('neurons')}."
        )
    values, labels = shares.to_numpy(), np.array([scripts[code] for code in shares])
    by_script = [_margins(values, labels == script).assign(script=script).set_index(shares.index) for script in several]
    rows = pd.concat(by_script).reset_index()
    rows = rows[rows["margin"] > 0].sort_values("margin", ascending=False, kind="stable", ignore_index=True)
    where = places(list(shares.index.unique("tensor")))
    columns = ["tensor", "stack", "layer", "module", "neuron", "script", "inside", "outside", "margin"]
    return where.merge(rows, on="tensor", how="right")[columns]


def check_scripts(scripts: Mapping[str, str]) -> list[str]:
    """Return the scripts that several languages are written in.

    Args:
        scripts: each language's.

    Raises:
        MasksMissing: there is none, or no other script beside it.
    """
    languages = Counter(scripts.values())
    several = sorted(script for script, number in languages.items() if number > 1)
    if not several or len(languages) < 2:
        raise MasksMissing(
            "Neurons of a script need two languages that share it and one in another: choose such with "
            f"{parameter('languages')}, or leave out {parameter('neurons')}."
        )
    return several


def owned_by_chance(shares: pd.DataFrame, scripts: Mapping[str, str]) -> dict[str, float]:
    """Return how many neurons each script would own on average if scripts were dealt out to the languages at random.

    Args:
        shares: see `row_shares`.
        scripts: each language's.

    Returns:
        By script, for those of several languages; they depend on how many those are.
    """
    labels, values = np.array([scripts[code] for code in shares]), shares.to_numpy()
    draw = np.random.default_rng(0)
    dealt = [draw.permutation(labels) for _ in range(ORDERS)]
    return {
        script: float(np.mean([(_margins(values, scripts_of == script)["margin"] > 0).sum() for scripts_of in dealt]))
        for script in check_scripts(scripts)
    }


def _margins(values: np.ndarray, inside: np.ndarray) -> pd.DataFrame:
    """Return inside, outside and margin of each row, given which columns are inside; see `owned`."""
    least, greatest = values[:, inside].min(axis=1), values[:, ~inside].max(axis=1)
    return pd.DataFrame({"inside": least, "outside": greatest, "margin": least - greatest})
