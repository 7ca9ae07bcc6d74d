"""The Parquet files of a mask repository: their columns, reading and writing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset import limits
from xsns_hf.dataset.door import sound_index, sound_scores, sound_similarity
from xsns_hf.dataset.layout_door import sound_layout
from xsns_hf.dataset.limits import Limits
from xsns_hf.dataset.parquet import explained, read_table
from xsns_hf.dataset.sieve import Notes, Sieve
from xsns_hf.dataset.stores.base import Content
from xsns_hf.errors import Damaged, parameter
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.recipe import Recipe

INDEX = pa.schema(
    {
        "recipe": pa.string(),
        "language": pa.string(),
        "seed": pa.int64(),
        "examples": pa.int64(),
        "agreement": pa.float64(),
        "loss": pa.float64(),
        "threshold": pa.float64(),
        "n_selected": pa.int64(),
        "n_parameters": pa.int64(),
        "layout": pa.string(),
        "sha256": pa.string(),
        "checkpoint": pa.string(),
        "revision": pa.string(),
        "head": pa.string(),
        "corpus": pa.string(),
        "corpus_revision": pa.string(),
        "corpus_source": pa.string(),
        "licence": pa.string(),
        "objective": pa.string(),
        "fisher": pa.string(),
        "examples_wanted": pa.int64(),
        "density": pa.float64(),
        "masking": pa.float64(),
        "max_length": pa.int64(),
        "agreement_wanted": pa.float64(),
        "precision": pa.string(),
        "stacks": pa.string(),
        "versions": pa.string(),
        "created": pa.timestamp("s", tz="UTC"),
        "file": pa.string(),
        "file_sha256": pa.string(),
        "similarity_at": pa.int64(),
        "similarity_sha256": pa.string(),
    }
)
"""One row per sub-network; the last columns say where a part of the similarities is, see `similarities.file`."""

IN_FILES = pa.schema([field for field in INDEX if not field.name.startswith(("file", "similarity"))])
"""The columns of the index that a mask file records of its own masks."""

_COLUMN = {"importance": "fisher", "examples": "examples_wanted", "agreement": "agreement_wanted"}
"""Where a field of recipes is found, if not under its own name: |D| and agreement have columns for what was reached."""

NOWHERE = {"similarity_at": -1, "similarity_sha256": None}
"""What the index holds where similarities aren't read in parts."""

ADDED = {"stacks": "both", "corpus_source": None, "file": None, "file_sha256": None} | NOWHERE
"""Columns that older repositories lack, with what they would hold there."""

SIMILARITY = pa.schema(
    {
        "recipe": pa.string(),
        "seed": pa.int64(),
        "source": pa.string(),
        "target": pa.string(),
        "jaccard": pa.float64(),
    }
)
"""One row per seed and ordered pair of languages."""

SCORES = pa.schema(
    {
        "task": pa.string(),
        "metric": pa.string(),
        "model": pa.string(),
        "source": pa.string(),
        "target": pa.string(),
        "score": pa.float64(),
        "origin": pa.string(),
        "licence": pa.string(),
    }
)
"""One row per task, metric and pair of languages: what fine-tuning `model` on the source gives on the target, mean over
seeds. `metric`, `model` and `licence` may be empty."""

LAYOUT = pa.schema(
    {
        "tensor": pa.string(),
        "shape": pa.list_(pa.int64()),
        "offset": pa.int64(),
        "rows": pa.list_(pa.int32()),
        "columns": pa.list_(pa.int32()),
    }
)
"""One row per tensor; `rows` and `columns` say in which order those of the masks are stored."""

MASKS = pa.schema(
    {
        "language": pa.string(),
        "seed": pa.int64(),
        "tensor": pa.string(),
        "shape": pa.list_(pa.int64()),
        "n_selected": pa.int64(),
        "mask": pa.binary(),
    }
)
"""One row per seed and tensor of a language; `mask` is `numpy.packbits` of the tensor's mask with rows and columns in
the layout's order, column by column."""


_REMEDY = f"extract its languages again with {parameter('replace', 'True')}"


def _read(
    content: Content | None, wanted: pa.Schema, limits: Limits, remedy: str = _REMEDY, *, coded: bool = False
) -> pa.Table:
    """Read a file of the repository; without one, an empty table.

    Args:
        content: the Parquet file, or None.
        wanted: the columns that it must have.
        limits: the most that it may hold.
        remedy: what makes the file anew once it is deleted.
        coded: as of `read_table`.

    Raises:
        Damaged: the file is truncated, isn't Parquet, lacks columns or is too much.
    """
    if content is None:
        return wanted.empty_table()
    with explained(str(content), remedy):
        return read_table(content.data, wanted, limits, ADDED, coded=coded)


def _sound(sieve: Sieve, notes: Notes | None) -> pd.DataFrame:
    """Return the rows that can be used.

    Args:
        sieve: through which they went.
        notes: takes why others can't; without it they must all be good, as where the table is changed.

    Raises:
        Damaged: some can't be used, and that is no note; or none can.
    """
    sound = sieve.sound()
    if sieve.notes and notes is None:
        raise Damaged(f"{sieve.notes[0].removesuffix('.')}; use another dataset, or make the masks anew.")
    if notes is not None:
        notes.take(sieve.notes)
    return sound


def write(
    path: Path,
    table: pa.Table,
    level: int = 3,
    row_group_size: int | None = None,
    record: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Write a file.

    Args:
        path: the file; its folder is made.
        table: the rows.
        level: of zstd.
        row_group_size: rows of a row group; by default as pyarrow chooses.
        record: what else the file is to say, by key.
        options: others of `pyarrow.parquet.ParquetWriter`.

    Content-defined chunking keeps unchanged pages byte-identical, so that the Hub stores only what is new.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        compression_level=level,
        use_content_defined_chunking=True,
        write_page_index=True,
        write_page_checksum=True,
        **options,
    ) as writer:
        writer.write_table(table, row_group_size)
        writer.add_key_value_metadata(dict(record or {}))


def from_frame(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return the table of a frame that has the schema's columns, in any order."""
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def recipe_of(row: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a row of the index, whose `examples` and `agreement` are what was reached.

    Raises:
        XsnsError: a value is out of range.
    """
    fields = {field: row[_COLUMN.get(field, field)] for field in Recipe.__dataclass_fields__}
    return Recipe(**fields | {"agreement": None if pd.isna(fields["agreement"]) else fields["agreement"]})


def recipe_columns(recipe: Recipe) -> dict[str, object]:
    """Return a recipe's part of a row of the index."""
    return {"recipe": recipe.name, **{_COLUMN.get(field, field): value for field, value in recipe.to_dict().items()}}


def read_index(content: Content | None, notes: Notes | None = None) -> pd.DataFrame:
    """Read the index of a repository (columns: `INDEX`); without a file, an empty frame.

    Args:
        content: the file, or None.
        notes: takes a sentence for each reason for which rows are left out; without it, none may be.

    Raises:
        Damaged: the file can't be read, or no row of it can be used, see `door.sound_index`.
    """
    return sound_rows(str(content), _read(content, INDEX, limits.INDEX), notes)


def sound_rows(name: str, table: pa.Table, notes: Notes | None = None) -> pd.DataFrame:
    """Return the rows of an index that can be used.

    Args:
        name: where they are from, for messages.
        table: the rows (columns: `INDEX`).
        notes: as for `read_index`.

    Raises:
        Damaged: none can be used, see `door.sound_index`.
    """
    settings = ["recipe", *(_COLUMN.get(field, field) for field in Recipe.__dataclass_fields__)]
    return _sound(sound_index(name, table, settings, lambda row: recipe_of(row).name), notes)


def read_similarity(content: Content | None, notes: Notes | None = None) -> pd.DataFrame:
    """Read the similarities of a repository (columns: `SIMILARITY`, texts as categories); without a file, none.

    Args:
        content: the file, or None.
        notes: as for `read_index`.

    Raises:
        Damaged: the file can't be read, or no row of it can be used, see `door.sound_similarity`.
    """
    return _sound(sound_similarity(str(content), _read(content, SIMILARITY, limits.SIMILARITY, coded=True)), notes)


def read_scores(content: Content | None, notes: Notes | None = None) -> pd.DataFrame:
    """Read the published scores of a repository (columns: `SCORES`); without a file, an empty frame.

    Args:
        content: the file, or None.
        notes: as for `read_index`.

    Raises:
        Damaged: the file can't be read, or no row of it can be used, see `door.sound_scores`.
    """
    table = _read(content, SCORES, limits.SCORES, "publish its scores again with `xsns scores`")
    return _sound(sound_scores(str(content), table), notes)


def read_layout(content: Content | None) -> ParameterLayout:
    """Read the layout of a repository; without a file, one without tensors.

    Raises:
        Damaged: the file can't be read, or what it holds can't be a layout, see `layout_door.sound_layout`.
    """
    table = _read(content, LAYOUT, limits.LAYOUT)
    with explained(str(content), _REMEDY):
        return sound_layout(table)


def layout_table(layout: ParameterLayout) -> pa.Table:
    """Return the table of a layout that has an arrangement."""
    assert layout.arrangement is not None
    orders = layout.arrangement.orders
    rows = [
        {"tensor": tensor.name, "shape": tensor.shape, "offset": tensor.offset, "rows": rows, "columns": columns}
        for tensor in layout.tensors
        for rows, columns in [orders[tensor.name]]
    ]
    return pa.Table.from_pylist(rows, LAYOUT)
