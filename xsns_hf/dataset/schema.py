"""The Parquet files of a mask repository: their columns, reading and writing."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset.stores.base import Content
from xsns_hf.errors import Damaged, parameter
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.masks.layout import Arrangement, ParameterLayout, Tensor
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
    }
)
"""One row per sub-network."""

IN_FILES = pa.schema([field for field in INDEX if not field.name.startswith("file")])
"""The columns of the index that a mask file records of its own masks."""

_COLUMN = {"importance": "fisher", "examples": "examples_wanted", "agreement": "agreement_wanted"}
"""Where a field of recipes is found, if not under its own name: |D| and agreement have columns for what was reached."""

ADDED = {"stacks": "both", "corpus_source": None, "file": None, "file_sha256": None}
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


def read(
    source: Content | Path | None,
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
    remedy: str = f"extract its languages again with {parameter('replace', 'True')}",
) -> pa.Table:
    """Read a file of the repository; without one, an empty table.

    Args:
        source: the Parquet file, or None.
        schema: the columns that it must have.
        columns: those wanted; by default all.
        remedy: what makes the file anew once it is deleted.

    Raises:
        Damaged: the file is truncated, isn't Parquet or lacks columns.
    """
    wanted = pa.schema([schema.field(column) for column in columns or schema.names])
    if source is None:
        return wanted.empty_table()
    try:
        with pa.BufferReader(source.data) if isinstance(source, Content) else source.open("rb") as opened:
            file = pq.ParquetFile(opened, page_checksum_verification=True)
            lacking = ({*wanted.names} & {*ADDED}) - {*file.schema_arrow.names}
            table = file.read(columns=[column for column in wanted.names if column not in lacking])
        for column in lacking:
            table = table.append_column(column, pa.repeat(ADDED[column], len(table)))
        return table.select(wanted.names).cast(wanted)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise Damaged(
            f"{source} is damaged or not a file of a mask repository ({reason}): fetch it again, or delete it and "
            f"{remedy}."
        ) from error


def write(
    path: Path,
    table: pa.Table,
    level: int = 3,
    row_group_size: int | None = None,
    record: Mapping[str, str] | None = None,
) -> None:
    """Write a file.

    Args:
        path: the file; its folder is made.
        table: the rows.
        level: of zstd.
        row_group_size: rows of a row group; by default as pyarrow chooses.
        record: what else the file is to say, by key.

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


def read_index(content: Content | None) -> pd.DataFrame:
    """Read the index of a repository (columns: `INDEX`); without a file, an empty frame.

    Languages and names of recipes become names of files and parts of the card, so nothing but what we would have
    written ourselves is taken.

    Raises:
        Damaged: as `read` does; or a language isn't a canonical code, or a recipe isn't called what it is.
    """
    return checked_index(read(content, INDEX).to_pandas(), content)


def checked_index(index: pd.DataFrame, content: object) -> pd.DataFrame:
    """Return an index (columns: `INDEX`) if its languages and recipes are called what they are.

    Args:
        index: the rows.
        content: where they are from, for messages.

    Raises:
        Damaged: they aren't.
    """
    _check_languages(content, index["language"])
    settings = [_COLUMN.get(field, field) for field in Recipe.__dataclass_fields__]
    for row in index.drop_duplicates(["recipe", *settings]).to_dict("records"):
        if row["recipe"] != recipe_of(row).name:
            raise Damaged(
                f"{content} calls a recipe {shortened(row['recipe'])}, whose settings are those of "
                f"{recipe_of(row).name}: it wasn't written by xsns_hf, or was changed; use another dataset, or make "
                "the masks anew."
            )
    return index


def read_similarity(content: Content | None) -> pd.DataFrame:
    """Read the similarities of a repository (columns: `SIMILARITY`); without a file, an empty frame.

    Raises:
        Damaged: as `read` does; or a language isn't a canonical code.
    """
    similarity = read(content, SIMILARITY).to_pandas()
    _check_languages(content, similarity["source"].unique(), similarity["target"].unique())
    return similarity


def _check_languages(content: object, *columns: Iterable[Any]) -> None:
    for code in {code for column in columns for code in column}:
        if not isinstance(code, str) or identify_or_none(code) != code:
            raise Damaged(
                f"{content} has a language {shortened(code)}, which isn't the code of one as xsns_hf writes it: "
                "it wasn't written by xsns_hf, or was changed; use another dataset, or make the masks anew."
            )


def shortened(text: object) -> str:
    """Return a stranger's text as a sentence may quote it: in quotes, without control characters, not too long."""
    quoted = ascii(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:57]}…{quoted[-1]}"


def read_scores(content: Content | None) -> pd.DataFrame:
    """Read the published scores of a repository (columns: `SCORES`); without a file, an empty frame.

    Raises:
        Damaged: as `read` does.
    """
    return read(content, SCORES, remedy="publish its scores again with `xsns scores`").to_pandas()


def square(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the similarity of all pairs of languages, mean over seeds: square, with ones on its diagonal.

    Languages without a seed in common have none: NaN.

    Args:
        pairs: columns `SIMILARITY`, of one recipe.
    """
    table = pairs.pivot_table(index="source", columns="target", values="jaccard", aggfunc="mean")
    return table.mask(np.eye(len(table), dtype=bool), 1.0)


def read_layout(content: Content | None) -> ParameterLayout:
    """Read the layout of a repository; without a file, one without tensors.

    Raises:
        Damaged: as `read` does.
    """
    rows = read(content, LAYOUT).to_pandas().to_dict("records")
    tensors = tuple(Tensor(row["tensor"], tuple(map(int, row["shape"])), row["offset"]) for row in rows)
    return ParameterLayout(tensors, Arrangement({row["tensor"]: (row["rows"], row["columns"]) for row in rows}))


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
