"""The similarities that are lacking, computed from masks: each mask is read once for as many as are held in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from xsns_hf.dataset.squares import Squares, lacking, square
from xsns_hf.masks.similarity import jaccard_row
from xsns_hf.masks.subnetwork import SubNetwork

HELD = 128 << 20
"""Bytes of masks that are held to be compared with all others: a dozen of XLM-R base's."""

Masks = Mapping[int, SubNetwork]
Read = Callable[[str, str, Sequence[int]], Masks]
"""Reads the masks of a recipe and language for some seeds."""


def completed(squares: Squares, read: Read) -> dict[tuple[str, int], pd.DataFrame]:
    """Return tables with what they lacked.

    Args:
        squares: of all languages that have masks.
        read: gives masks.

    Raises:
        XsnsError: a mask can't be read.
    """
    complete: dict[tuple[str, int], pd.DataFrame] = {}
    for recipe in sorted({recipe for recipe, _ in squares}):
        of_seeds = {seed: table for (name, seed), table in squares.items() if name == recipe}
        tables = {seed: _Table(table) for seed, table in of_seeds.items()}
        _complete(tables, _reading(read, recipe, tables))
        complete |= {(recipe, seed): square(table.codes, table.values) for seed, table in tables.items()}
    return complete


class _Table:
    """The similarities for a seed, which are filled in.

    Attributes:
        codes: the languages.
        numbers: by code, which row and column it has.
        values: the similarities, NaN where one is lacking.
        missing: the pairs that lacked theirs at first.
    """

    def __init__(self, table: pd.DataFrame):
        self.codes = list(table.index)
        self.numbers = {code: number for number, code in enumerate(self.codes)}
        self.values, self.missing = table.to_numpy(copy=True), lacking(table)

    def put(self, language: str, mask: SubNetwork, others: Mapping[str, SubNetwork]) -> None:
        """Compare a mask with those of other languages that it has no similarity to."""
        row = self.numbers[language]
        columns = [number for code in others if np.isnan(self.values[row, number := self.numbers[code]])]
        columns = [number for number in columns if number != row]
        if columns:
            similar = jaccard_row(mask, [others[self.codes[number]] for number in columns])
            self.values[row, columns] = self.values[columns, row] = similar


def _reading(read: Read, recipe: str, tables: Mapping[int, _Table]) -> Callable[[str], Masks]:
    """Return what reads a language's masks of a recipe, for all seeds that it has."""
    return lambda language: read(recipe, language, [seed for seed, own in tables.items() if language in own.numbers])


def _complete(tables: Mapping[int, _Table], read: Callable[[str], Masks]) -> None:
    """Fill in the tables of a recipe, by seed."""
    held: dict[str, Masks] = {}
    size = 0
    for language in _covering(tables):
        held[language] = read(language)
        size += sum(mask.bits.nbytes for mask in held[language].values())
        if size >= HELD:
            _compare(held, tables, read)
            held, size = {}, 0
    _compare(held, tables, read)


def _covering(tables: Mapping[int, _Table]) -> Iterator[str]:
    """Yield languages of which each missing pair has one: at each step the one that most pairs are missing of."""
    codes = sorted({code for table in tables.values() for code in table.codes})
    missing = np.zeros((len(codes),) * 2, bool)
    for table in tables.values():
        at = np.searchsorted(codes, table.codes)
        missing[np.ix_(at, at)] |= table.missing
    number = missing.sum(axis=1)
    while number.any():
        chosen = int(number.argmax())
        number -= missing[chosen]
        number[chosen] = 0
        missing[chosen] = missing[:, chosen] = False
        yield codes[chosen]


def _compare(held: Mapping[str, Masks], tables: Mapping[int, _Table], read: Callable[[str], Masks]) -> None:
    """Compare masks that are held with those of all languages that lack a similarity to one of them."""
    lacking_some: set[str] = set()
    for table in tables.values():
        columns = [table.numbers[code] for code in held if code in table.numbers]
        lacking_some |= {table.codes[row] for row in np.flatnonzero(table.missing[:, columns].any(axis=1))}
    for language in sorted(lacking_some):
        masks = held[language] if language in held else read(language)
        for seed, mask in masks.items():
            others = {code: of_seeds[seed] for code, of_seeds in held.items() if seed in of_seeds}
            tables[seed].put(language, mask, others)
