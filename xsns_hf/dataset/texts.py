"""The texts of a table: written out, or as dictionaries where a few are repeated millions of times."""

import pyarrow as pa
import pyarrow.compute as pc

from xsns_hf.dataset.limits import Limits


def written_out(table: pa.Table, limits: Limits) -> pa.Table:
    """Return a table with the texts themselves in place of dictionaries, unless they are too much.

    Raises:
        ValueError: they are; or texts aren't UTF-8.
    """
    _check_size(table, limits)
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _check_size(table: pa.Table, limits: Limits) -> None:
    """Raise a ValueError if a table with all its texts written out is too much."""
    table.validate(full=True)
    size = table.nbytes
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
                size += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
            if size > limits.decoded:
                raise ValueError(f"its texts are {size:,} bytes, which is too much for its size")


def as_codes(table: pa.Table, limits: Limits) -> pa.Table:
    """Return a table whose texts are one dictionary for each column, of texts that are each there once.

    Raises:
        ValueError: they would be too much if they were written out; or texts aren't UTF-8.
    """
    _check_size(table, limits)
    columns = [column if _numbers(column.type) else _of_one_dictionary(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _numbers(kind: pa.DataType) -> bool:
    return not (pa.types.is_dictionary(kind) or is_text(kind))


def _of_one_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        texts = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        if texts.type == pa.string() and not texts.null_count and len(texts.unique()) == len(texts):
            return column
    return column.cast(pa.string()).dictionary_encode()


def with_codes(wanted: pa.Schema) -> pa.Schema:
    """Return a schema with dictionaries in place of texts."""
    codes = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(codes) if is_text(field.type) else field for field in wanted])


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds texts, and not as a dictionary."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
