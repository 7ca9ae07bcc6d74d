"""The files of masks: one per recipe and language, a row group per seed, a row per tensor.

They are named by their content, so that masks are replaced by a file beside the old one. Each also records the rows of
the index of its masks and the layout, from which both can be had again if they are lost.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from xsns_hf.dataset import schema
from xsns_hf.dataset.layout_door import mask_pieces
from xsns_hf.dataset.names import mask_file
from xsns_hf.dataset.parquet import explained, metadata_of
from xsns_hf.dataset.similarities.comparing import completed
from xsns_hf.dataset.squares import square
from xsns_hf.dataset.stores.base import Content, Store, missing
from xsns_hf.errors import Damaged, parameter
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard_of_pieces
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.native.own_files import sha256_of

LEVEL = 17
"""zstd level: see the storage table of `scripts/bench`. Levels up to 15 write four times as fast and 4 % larger; 19
takes three times as long for 2 % less. All are read at the same speed."""

MOST_OPEN = 500
"""Files that are read side by side at most; systems allow about a thousand."""

_ROWS, _LAYOUT = "xsns_rows", "xsns_layout"
_OF_FILES = ["recipe", "language", "file", "file_sha256"]


def file_of(row: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the name of the file of a row of the index, and its sha256 if that is known."""
    sha256 = row.get("file_sha256")
    if not isinstance(sha256, str):
        return mask_file(row["recipe"], row["language"]), None
    return row["file"], sha256


def files_of(index: pd.DataFrame) -> set[str]:
    """Return the names of the files of an index."""
    unbound = index[index["file_sha256"].isna()]
    early = {mask_file(*key) for key in zip(unbound["recipe"], unbound["language"], strict=True)}
    return early | {*index.loc[index["file_sha256"].notna(), "file"]}


def find(store: Store, row: Mapping[str, Any]) -> Path:
    """Return the path of the file of a row of the index, with the bytes that the index records.

    Raises:
        MasksMissing: it is missing.
        Damaged: it holds something else.
    """
    name, sha256 = file_of(row)
    path = store.file(name, sha256)
    if path is None:
        raise missing(name, store.name)
    return path


def sound(store: Store, rows: pd.DataFrame) -> pd.Series:
    """Return for each row of the index whether its file is there and, if its hash is known, as it was: bool."""
    files = [file_of(row) for row in rows[_OF_FILES].to_dict("records")]
    hashes = store.hashes({name for name, _ in files})
    found = [name in hashes and sha256 in (None, hashes[name]) for name, sha256 in files]
    return pd.Series(found, rows.index, bool)


def write_masks(
    folder: Path,
    recipe: str,
    language: str,
    subnetworks: Mapping[int, SubNetwork],
    *,
    rows: pd.DataFrame,
    layout: bytes,
) -> tuple[str, str]:
    """Write the sub-networks of a language by seed.

    Args:
        folder: of the repository, or of a change to it.
        recipe: its name.
        language: canonical code.
        subnetworks: by seed, all of one layout.
        rows: of the index (columns: at least `schema.IN_FILES`), recorded with them.
        layout: the file of the layout, recorded with them.

    Returns:
        The file's name and sha256.
    """
    columns = [
        {
            "language": language,
            "seed": seed,
            "tensor": tensor.name,
            "shape": tensor.shape,
            "n_selected": int(np.bitwise_count(bits).sum(dtype=np.int64)),
            "mask": bits.tobytes(),
        }
        for seed in sorted(subnetworks)
        for tensor, bits in subnetworks[seed].packed()
    ]
    written = folder / mask_file(recipe, language)
    table = pa.Table.from_pylist(columns, schema.MASKS)
    record = {_ROWS: _as_json(rows), _LAYOUT: base64.b64encode(layout).decode()}
    schema.write(written, table, LEVEL, row_group_size=len(columns) // len(subnetworks), record=record)
    sha256 = sha256_of(written)
    name = mask_file(recipe, language, sha256)
    written.replace(folder / name)
    return name, sha256


def _as_json(rows: pd.DataFrame) -> str:
    """Return rows of the index as JSON, times in ISO format, numbers to the last bit."""
    records = rows[schema.IN_FILES.names].to_dict("records")
    for record in records:
        record |= {key: None for key, value in record.items() if pd.isna(value)}
        record["created"] = record["created"].strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(records, allow_nan=False)


def recorded(path: Path) -> tuple[pd.DataFrame, Content] | None:
    """Return the rows of the index and the layout's file that a mask file records; None if it records none.

    Raises:
        Damaged: the file, or its record, can't be read.
    """
    with explained(str(path), "extract its language again"):
        metadata = metadata_of(path)
        if _ROWS not in metadata or _LAYOUT not in metadata:
            return None
        rows = pa.Table.from_pandas(pd.DataFrame(json.loads(metadata[_ROWS])), preserve_index=False)
        layout = base64.b64decode(metadata[_LAYOUT], validate=True)
        return rows.select(schema.IN_FILES.names).cast(schema.IN_FILES).to_pandas(), Content(str(path), layout)


def read_masks(path: Path, layout: ParameterLayout, index: Sequence[Mapping[str, Any]]) -> dict[int, SubNetwork]:
    """Read the sub-networks of a language by seed, each checked against the hash in the index.

    Args:
        path: the file.
        layout: of the repository.
        index: the rows of the index that are wanted, all of one language.

    Raises:
        XsnsError: the file is damaged or was changed.
    """
    found, streamed = {}, _stream(path, layout, [row["seed"] for row in index])
    for row in index:
        parts = list(islice(streamed, len(layout.tensors)))
        bits = np.concatenate(parts or [np.empty(0, np.uint8)])
        subnetwork = SubNetwork(layout, bits, row["threshold"])
        if subnetwork.sha256 != row["sha256"]:
            raise changed(row["language"], row["seed"], path)
        found[row["seed"]] = subnetwork
    return found


def changed(language: str, seed: int, path: Path | str) -> Damaged:
    """Return the error of a mask whose hash isn't the recorded one."""
    return Damaged(
        f"The mask of {language}, seed {seed}, in {path} isn't the one that the index records: "
        f"the file was changed; extract the language again with {parameter('replace', 'True')}."
    )


def pieces(files: Sequence[tuple[Path, int]], layout: ParameterLayout) -> Iterator[list[np.ndarray]]:
    """Yield many masks a tensor at a time, so that they needn't be in memory as a whole.

    Args:
        files: the file and seed of each of the N masks.
        layout: of all of them.

    Yields:
        For each tensor in the layout's order the packed bits of all N masks, uint8.

    Raises:
        XsnsError: a file is damaged, lacks the seed, or its masks aren't as the layout has them.
    """
    streams = [_stream(path, layout, [seed]) for path, seed in files]
    for bits in zip(*streams, strict=True):
        yield list(bits)


def computed_similarity(store: Store, rows: pd.DataFrame, layout: ParameterLayout) -> pd.DataFrame:
    """Compute the similarities of masks: N·(N−1)/2 comparisons.

    The masks are streamed or, where these would be too many open files, held as `comparing` does.

    Args:
        store: where they are.
        rows: of the index (columns: `schema.INDEX`), all of one recipe and seed.
        layout: of the repository.

    Returns:
        Jaccard coefficients, a square table with the languages as its index and columns, sorted.

    Raises:
        XsnsError: a mask file is damaged or missing.
    """
    rows = rows.sort_values("language")
    records = {row["language"]: row for row in rows.to_dict("records")}
    if len(records) > MOST_OPEN:
        key = rows["recipe"].iloc[0], int(rows["seed"].iloc[0])

        def read(_: str, language: str, __: Sequence[int]) -> dict[int, SubNetwork]:
            return read_masks(find(store, records[language]), layout, [records[language]])

        return completed({key: square(records, np.full((len(records),) * 2, np.nan))}, read)[key].fillna(1.0)
    files = [(find(store, row), row["seed"]) for row in records.values()]
    values = jaccard_of_pieces(list(rows["n_selected"]), pieces(files, layout))
    return pd.DataFrame(values, index=rows["language"], columns=rows["language"])


def _stream(path: Path, layout: ParameterLayout, seeds: Sequence[int]) -> Iterator[np.ndarray]:
    with explained(str(path), f"extract its language again with {parameter('replace', 'True')}"):
        yield from mask_pieces(path, layout, seeds)
