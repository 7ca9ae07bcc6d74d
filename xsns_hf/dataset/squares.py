"""Similarities as square tables, one for each recipe and seed: what is looked up is a row, what is new is a row too."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

Squares = Mapping[tuple[str, int], pd.DataFrame]
"""By recipe and seed: the Jaccard coefficients of targets (index) and sources (columns), the same languages, sorted;
symmetric; NaN on the diagonal and where a similarity is lacking."""

COLUMNS = ["recipe", "seed", "source", "target", "jaccard"]

_SPARSE = 1000
"""Languages from which on a table of which most is missing isn't made: a small file could claim a large one."""


def square(codes: Iterable[str], values: np.ndarray) -> pd.DataFrame:
    """Return the similarities of languages as a table of `Squares`.

    Args:
        codes: the languages, sorted.
        values: Jaccard coefficients, float64 [N, N], symmetric; the diagonal is set.
    """
    values = np.array(values, np.float64)
    np.fill_diagonal(values, np.nan)
    codes = list(codes)
    return pd.DataFrame(values, pd.Index(codes, name="target", dtype=str), pd.Index(codes, name="source", dtype=str))


def squares_of(rows: pd.DataFrame) -> dict[tuple[str, int], pd.DataFrame]:
    """Return the square tables of rows.

    Args:
        rows: columns `COLUMNS`; each pair at most once. A recipe and seed of many languages of which most pairs are
            missing is left out.
    """
    target, source, codes = numbered(rows)
    values = rows["jaccard"].to_numpy()
    squares = {}
    for (recipe, seed), at in _groups(rows).items():
        used = np.flatnonzero(
            np.bincount(target[at], minlength=len(codes)) + np.bincount(source[at], minlength=len(codes))
        )
        if len(used) > _SPARSE and 2 * len(target[at]) < len(used) * (len(used) - 1):
            continue
        position = np.zeros(len(codes), np.int32)
        position[used] = np.arange(len(used))
        table = np.full((len(used),) * 2, np.nan)
        table[position[target[at]], position[source[at]]] = values[at]
        squares[recipe, seed] = square([codes[number] for number in used], table)
    return squares


def _groups(rows: pd.DataFrame) -> dict[tuple[str, int], "np.ndarray | slice"]:
    """Return where the rows of each recipe and seed are."""
    recipes, seeds = rows["recipe"].astype("category").cat, rows["seed"].to_numpy()
    if len(rows) and np.ptp(recipes.codes.to_numpy()) == np.ptp(seeds) == 0:
        return {(str(rows["recipe"].iloc[0]), int(seeds[0])): slice(None)}
    groups = rows.groupby(["recipe", "seed"], observed=True).indices
    return {(str(recipe), int(seed)): at for (recipe, seed), at in sorted(groups.items())}


def numbered(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the numbers of rows' targets and sources among all their languages, int32, and these, sorted."""
    columns = [rows[side].astype("category").cat for side in ("target", "source")]
    numbers = [column.codes.to_numpy() for column in columns]
    there = {
        column.categories[code]
        for column, own in zip(columns, numbers, strict=True)
        for code in np.flatnonzero(np.bincount(own))
    }
    codes = sorted(there)
    number = pd.Index(codes, dtype=str)
    target, source = (
        number.get_indexer(list(column.categories)).astype(np.int32)[own]
        for column, own in zip(columns, numbers, strict=True)
    )
    return target, source, codes


def pairs_of(squares: Squares) -> pd.DataFrame:
    """Return similarities as rows (columns: `COLUMNS`), in the order of recipe, target, seed and source."""
    parts = [_pairs(recipe, seed, table) for (recipe, seed), table in sorted(squares.items(), key=lambda item: item[0])]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=_TYPES.get(name, "str")) for name in COLUMNS})
    pairs = pd.concat(parts, ignore_index=True)
    return pairs.sort_values(["recipe", "target", "seed"], kind="stable", ignore_index=True)


_TYPES = {"seed": "int64", "jaccard": "float64"}


def _pairs(recipe: str, seed: int, table: pd.DataFrame) -> pd.DataFrame:
    values, codes = table.to_numpy(), table.index
    target, source = np.nonzero(~np.isnan(values))
    columns = {"source": codes[source], "target": codes[target], "jaccard": values[target, source]}
    return pd.DataFrame({"recipe": pd.Series(recipe, range(len(target)), dtype=str), "seed": seed, **columns})[COLUMNS]


def within(squares: Squares, index: pd.DataFrame) -> dict[tuple[str, int], pd.DataFrame]:
    """Return the similarities of the masks that an index knows, and of no others."""
    known = {}
    for (recipe, seed), rows in index.groupby(["recipe", "seed"]):
        table = squares.get((str(recipe), int(seed)))
        if table is None:
            continue
        codes = sorted({*rows["language"]} & {*table.index})
        known[str(recipe), int(seed)] = table if len(codes) == len(table) else table.loc[codes, codes]
    return known


def filled(
    squares: Squares, index: pd.DataFrame, new: Iterable[tuple[str, str, int]] = ()
) -> dict[tuple[str, int], pd.DataFrame]:
    """Return tables with exactly the languages of an index, NaN where a similarity isn't known yet.

    Args:
        squares: what is known.
        index: columns `schema.INDEX`.
        new: recipe, language and seed of masks whose similarities were others'.
    """
    changed: dict[tuple[str, int], list[str]] = {}
    for recipe, language, seed in new:
        changed.setdefault((recipe, seed), []).append(language)
    tables = {}
    for (recipe, seed), rows in index.groupby(["recipe", "seed"]):
        key, codes = (str(recipe), int(seed)), pd.Index(sorted(rows["language"]), dtype=str)
        there = squares.get(key, pd.DataFrame(index=codes[:0], columns=codes[:0], dtype=np.float64))
        values = there.reindex(index=codes, columns=codes).to_numpy(np.float64, copy=True)
        rows_of_new = codes.get_indexer(changed.get(key, []))
        values[rows_of_new] = values[:, rows_of_new] = np.nan
        tables[key] = square(codes, values)
    return tables


def lacking(table: pd.DataFrame) -> np.ndarray:
    """Return which pairs of different languages have no similarity: bool [N, N]."""
    return np.isnan(table.to_numpy()) & ~np.eye(len(table), dtype=bool)


def number_of_pairs(index: pd.DataFrame) -> int:
    """Return how many ordered pairs of languages the recipes and seeds of an index have."""
    sizes = index.groupby(["recipe", "seed"]).size()
    return int((sizes * (sizes - 1)).sum())


def mean(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of several seeds' tables: square, with ones on its diagonal.

    Languages without a seed in common have NaN.
    """
    tables = list(tables)
    codes = sorted({code for table in tables for code in table.index})
    total, number = np.zeros((len(codes),) * 2), np.zeros((len(codes),) * 2, np.int64)
    for table in tables:
        values = table.reindex(index=codes, columns=codes).to_numpy()
        total += np.nan_to_num(values)
        number += ~np.isnan(values)
    means = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    np.fill_diagonal(means, 1.0)
    return pd.DataFrame(means, pd.Index(codes, name="source", dtype=str), pd.Index(codes, name="target", dtype=str))
