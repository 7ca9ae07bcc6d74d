"""The file of similarities: sorted, so that those to one target lie side by side and can be read without the others.

Where it is large, the numbers are stored as they are, uncompressed, a target's one after the other. The index records
for each target at which byte they begin and the hash of what they say, so a part is read by one range of bytes, and a
part that isn't as recorded isn't used.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset import schema
from xsns_hf.dataset.pages import PLAIN, pages
from xsns_hf.dataset.squares import Squares, pairs_of, square

WHOLE = 300_000
"""Bytes of similarities up to which a file is compressed, and read whole."""

_GROUP = 1 << 17
"""Rows of a row group, about: those of whole targets, so that a filter on targets passes over most groups."""

_NUMBER = np.dtype("<f8")

_TEXT = pa.dictionary(pa.int32(), pa.string())
_CODED = pa.schema([field.with_type(_TEXT) if field.type == pa.string() else field for field in schema.SIMILARITY])
"""The columns with texts by their numbers, as they are written: looking each up anew takes longer than all else."""

_CAN_BE_TOLD = "max_rows_per_page" in signature(pq.ParquetWriter).parameters
_UNDIVIDED: dict[str, Any] = {"max_rows_per_page": 1 << 24} if _CAN_BE_TOLD else {}
"""Later pyarrows begin a new page after 20,000 rows unless they are told otherwise."""


@dataclass(frozen=True)
class Part:
    """Where the similarities to a target are.

    Attributes:
        at: the first byte.
        sha256: of what they say, see `fingerprint`: the first 24 hexadecimal digits.
    """

    at: int
    sha256: str


def is_large(pairs: int) -> bool:
    """Return whether so many similarities are read in parts."""
    return pairs * _NUMBER.itemsize > WHOLE


def fingerprint(recipe: str, target: str, of_seeds: Mapping[int, tuple[str, bytes]]) -> str:
    """Return the hash of the similarities to a target.

    Args:
        recipe: its name.
        target: canonical code.
        of_seeds: by seed, the codes of all its languages, sorted, with commas; and the similarities of those but the
            target itself, in that order, float64, little endian.
    """
    digest = hashlib.sha256(f"{recipe} {target}".encode())
    for seed, (codes, values) in sorted(of_seeds.items()):
        digest.update(f"\n{seed} {codes}\n".encode())
        digest.update(values)
    return digest.hexdigest()[:24]


def write_similarity(path: Path, squares: Squares) -> dict[tuple[str, str], Part]:
    """Write the file; return by recipe and target where its similarities are, if it is so large that parts are read."""
    rows = sum(int((~np.isnan(table.to_numpy())).sum()) for table in squares.values())
    if not is_large(rows):
        schema.write(path, schema.from_frame(pairs_of(squares), schema.SIMILARITY))
        return {}
    written: list[_Group] = []
    texts = [field.name for field in schema.SIMILARITY if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        path,
        _CODED,
        store_schema=False,  # readers are to see texts
        compression={name: "none" if name == "jaccard" else "zstd" for name in schema.SIMILARITY.names},
        use_dictionary=[*texts, "seed"],
        write_statistics=["recipe", "seed", "target"],
        data_page_size=2 * _NUMBER.itemsize * _GROUP,  # a page for each group
        write_page_index=True,
        write_page_checksum=True,
        **_UNDIVIDED,
    ) as writer:
        for group in _groups(squares):
            writer.write_table(group.table(), row_group_size=len(group.values))
            written.append(group)
    return _located(path, written)


@dataclass(frozen=True)
class _Group:
    """Rows of a row group, which holds all there is of its targets.

    Attributes:
        recipe: of all of them.
        codes: the languages.
        seeds, targets, sources: of each row; languages by their number.
        values: Jaccard coefficients.
        hashes: of each target.
    """

    recipe: str
    codes: pd.Index
    seeds: np.ndarray
    targets: np.ndarray
    sources: np.ndarray
    values: np.ndarray
    hashes: Mapping[int, str]

    def table(self) -> pa.Table:
        """Return the rows (columns: `_CODED`)."""
        first = int(self.targets[0]) if len(self.targets) else 0
        columns = {
            "recipe": _coded(np.zeros_like(self.targets), [self.recipe]),
            "seed": pa.array(self.seeds),
            "source": _coded(self.sources, self.codes),
            "target": _coded(self.targets - first, self.codes[first : int(self.targets.max(initial=0)) + 1]),
            "jaccard": pa.array(self.values),
        }
        return pa.table(columns, _CODED)


def _coded(numbers: np.ndarray, texts: Iterable[str]) -> pa.DictionaryArray:
    """Return texts by their numbers."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(list(texts), pa.string()))


def _groups(squares: Squares) -> Iterator[_Group]:
    """Yield the rows of all row groups, in the order of recipe, target, seed and source."""
    for recipe in sorted({recipe for recipe, _ in squares}):
        tables = {seed: table for (name, seed), table in sorted(squares.items()) if name == recipe}
        codes = pd.Index(sorted({code for table in tables.values() for code in table.index}), dtype=str)
        number = max(1, _GROUP // max(1, sum(len(table) for table in tables.values())))
        for first in range(0, len(codes), number):
            yield _group(recipe, codes, tables, np.arange(first, min(first + number, len(codes))))


def _group(recipe: str, codes: pd.Index, tables: Mapping[int, pd.DataFrame], targets: np.ndarray) -> _Group:
    parts = []
    for seed, table in tables.items():
        own = codes.get_indexer(table.index)
        rows = np.flatnonzero(np.isin(own, targets))
        values = table.to_numpy()[rows]
        row, column = np.nonzero(~np.isnan(values))
        parts.append((np.full(len(row), seed), own[rows][row], own[column], values[row, column]))
    seeds, target, source, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(target, kind="stable")  # seeds and sources are in order already
    seeds, target, source, values = seeds[order], target[order], source[order], values[order]
    listed = {seed: ",".join(table.index) for seed, table in tables.items()}
    hashes = {}
    for number in targets:
        here = slice(*np.searchsorted(target, [number, number + 1]))
        of_seeds = {
            int(seed): (listed[int(seed)], values[here][seeds[here] == seed].astype(_NUMBER).tobytes())
            for seed in np.unique(seeds[here])
        }
        hashes[int(number)] = fingerprint(recipe, codes[number], of_seeds)
    return _Group(recipe, codes, seeds, target, source, values, hashes)


def _located(path: Path, groups: list[_Group]) -> dict[tuple[str, str], Part]:
    """Return where the similarities to each target came to lie; none of those that aren't in one piece."""
    column = schema.SIMILARITY.names.index("jaccard")
    metadata, parts = pq.read_metadata(path), {}
    content = np.memmap(path, np.uint8, "r")
    with path.open("rb") as file:
        for number, group in enumerate(groups):
            chunk = metadata.row_group(number).column(column)
            begin = chunk.data_page_offset
            row = 0
            for page in pages(file, begin, begin + chunk.total_compressed_size):
                rows = slice(row, row + page.values)
                row += page.values
                if page.encoding != PLAIN:
                    continue
                start = page.end - page.values * _NUMBER.itemsize
                for target in np.unique(group.targets[rows]):
                    first, last = np.searchsorted(group.targets, [target, target + 1])
                    at = start + int(first - rows.start) * _NUMBER.itemsize
                    wanted = group.values[first:last].astype(_NUMBER).view(np.uint8)
                    if np.array_equal(content[at : at + len(wanted)], wanted):
                        parts[group.recipe, group.codes[target]] = Part(at, group.hashes[int(target)])
    return parts


def read_part(data: bytes, part: Part, recipe: str, target: str, languages: Mapping[int, list[str]]) -> pd.DataFrame:
    """Return the similarities to a target, float64 [sources, seeds], NaN where a source hasn't a seed.

    Args:
        data: the bytes at that part.
        part: as the index records it.
        recipe: its name.
        target: canonical code.
        languages: by seed that the target has, all its languages, sorted.

    Raises:
        ValueError: it isn't what the index records, or can't be.
    """
    values = _values(data, part, recipe, target, languages)
    columns = {
        seed: pd.Series(own, [code for code in languages[seed] if code != target]) for seed, own in values.items()
    }
    return pd.DataFrame(columns).rename_axis("source")


def _values(
    data: bytes, part: Part, recipe: str, target: str, languages: Mapping[int, list[str]]
) -> dict[int, np.ndarray]:
    """Return the similarities to a target by seed, as `read_part`: float64 [N - 1], in the order of the N languages."""
    if len(data) != size_of_part(languages):
        raise ValueError("there are fewer similarities than the index records")
    values, seeds = np.frombuffer(data, _NUMBER), sorted(languages)
    ends = np.cumsum([len(languages[seed]) - 1 for seed in seeds])
    of_seeds = dict(zip(seeds, np.split(values, ends[:-1]), strict=True))
    said = {seed: (",".join(languages[seed]), own.tobytes()) for seed, own in of_seeds.items()}
    if fingerprint(recipe, target, said) != part.sha256:
        raise ValueError("the similarities aren't those that the index records")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a similarity is out of range")
    return of_seeds


def read_parts(data: bytes, index: pd.DataFrame) -> dict[tuple[str, int], pd.DataFrame]:
    """Return all similarities of a file, each target's from where the index says that they are, see `Squares`.

    This takes a fraction of the time and memory of reading the rows.

    Args:
        data: the file.
        index: of the repository (columns: `schema.INDEX`).

    Raises:
        ValueError: some aren't there, not what the index records, or not the same the other way round.
    """
    squares: dict[tuple[str, int], pd.DataFrame] = {}
    for recipe, rows in index.groupby("recipe"):
        codes = {int(str(seed)): sorted(own) for seed, own in rows.groupby("seed")["language"]}
        tables = {seed: np.full((len(own),) * 2, np.nan) for seed, own in codes.items()}
        parts = parts_of(rows)
        for target, seeds in rows.groupby("language")["seed"].agg(list).items():
            if target not in parts:
                raise ValueError(f"the index doesn't say where the similarities to {target} are")
            part, languages = parts[target], {seed: codes[seed] for seed in seeds}
            own = data[part.at : part.at + size_of_part(languages)]
            for seed, values in _values(own, part, str(recipe), target, languages).items():
                place = bisect_left(codes[seed], target)
                tables[seed][place, :place], tables[seed][place, place + 1 :] = values[:place], values[place:]
        if not all(np.array_equal(table, table.T, equal_nan=True) for table in tables.values()):
            raise ValueError("similarities aren't the same the other way round")
        squares |= {(str(recipe), seed): square(codes[seed], table) for seed, table in tables.items()}
    return squares


def parts_of(rows: pd.DataFrame) -> dict[str, Part]:
    """Return where the similarities to each target are, of those targets of which the index says it.

    Args:
        rows: of the index, all of one recipe.
    """
    places = rows[["language", "similarity_at", "similarity_sha256"]].drop_duplicates()
    told = (places["similarity_at"] >= 0) & places["similarity_sha256"].notna()
    places = places[told & ~places["language"].duplicated(keep=False)]
    return {language: Part(int(at), sha256) for language, at, sha256 in places.itertuples(index=False)}


def size_of_part(languages: Mapping[int, list[str]]) -> int:
    """Return the bytes of the similarities to a target, see `read_part`."""
    return _NUMBER.itemsize * sum(len(codes) - 1 for codes in languages.values())
