"""Opening a Parquet file that a stranger may have made: its size is bounded before anything of it is decoded.

A few kilobytes of Parquet can stand for gigabytes: a text in a dictionary that a run refers to a million times, zeros
that compress a thousandfold, lists of which all entries are one run. So the footer and every page's header are looked
at first (`pages`), texts are read as dictionaries, and what they are once written out is summed up before it is done.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xsns_hf.dataset.pages import pages
from xsns_hf.errors import Damaged
from xsns_hf.safe_text import shown

Source = Path | bytes


@dataclass(frozen=True)
class Limits:
    """The most that a kind of file may hold.

    Files with much in them are large themselves: a tiny one that decodes to what only a large one needs is refused.

    Attributes:
        rows: of the table.
        values: of a column: rows, or entries of its lists.
        decoded: bytes of the columns that are read, all their texts written out.
    """

    rows: int
    values: int
    decoded: int

    def of(self, size: int) -> "Limits":
        """Return the limits for a file of so many bytes."""
        return Limits(
            min(self.rows, 250_000 + size // 2),
            min(self.values, 4_000_000 + 4 * size),
            min(self.decoded, (64 << 20) + 200 * size),
        )


INDEX = Limits(rows=100_000, values=100_000, decoded=256 << 20)
"""All languages of the world, seven recipes of two seeds each; a row takes half a kilobyte."""

SIMILARITY = Limits(rows=16_000_000, values=16_000_000, decoded=1600 << 20)
"""2,000 languages with three seeds are 12 million ordered pairs; a row takes some 60 bytes, and not below two stored."""

SCORES = Limits(rows=1_000_000, values=1_000_000, decoded=384 << 20)
"""A thousand sources and targets; a row takes 150 bytes."""

LAYOUT = Limits(rows=100_000, values=32_000_000, decoded=384 << 20)
"""Tensors of the largest models; an entry of an order for each row and column of each: 200,000 in XLM-R base."""

_FOOTER = 8 << 20
"""Bytes; those of similarities of 2,000 languages take a hundredth. pyarrow makes some ten times as much of it."""

_COLUMNS, _GROUPS, _PAGES = 256, 10_000, 50_000
_CONTAINERS = 20_000
"""Entries of a list in the footer, as of row groups, or of columns however deep they are nested."""

_ENCODINGS = {0, 2, 3, 5, 6, 8, 9}
"""All in use but DELTA_BYTE_ARRAY, in which a value repeats what the last one began with: a page grows without bound."""

_WRONG = (
    *(pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError, TypeError, RuntimeError),
)
"""What pyarrow raises of files that are damaged."""


@contextmanager
def explained(name: str, remedy: str) -> Iterator[None]:
    """Say of a file that can't be read that it is damaged.

    Args:
        name: of the file.
        remedy: what makes it anew once it is deleted.

    Raises:
        Damaged: whatever was raised while it was read.
    """
    try:
        yield
    except _WRONG as error:
        reason = shown(str(error).partition("\n")[0] or type(error).__name__, 120)
        raise Damaged(
            f"{name} is damaged or not a file of a mask repository ({reason}): fetch it again, or delete it and "
            f"{remedy}."
        ) from error


@contextmanager
def opened(source: Source, columns: Sequence[str], limits: Limits) -> Iterator[pq.ParquetFile]:
    """Open a file of which some columns are to be read, once it is known how much these are.

    Args:
        source: its path or its bytes; opened once, since a writer may put another file in its place meanwhile.
        columns: those that will be read; one that the file lacks is passed over.
        limits: the most that they may be.

    Yields:
        The file, whose texts are read as dictionaries and whose pages' checksums are verified.

    Raises:
        ValueError: there is more than that.
        OSError: it isn't Parquet, or can't be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        footer = _footer(file, size)
        file.seek(0)
        parquet = pq.ParquetFile(
            file,
            read_dictionary=list(columns),
            pre_buffer=False,
            page_checksum_verification=True,
            thrift_string_size_limit=footer,
            thrift_container_size_limit=_CONTAINERS,
        )
        _check(parquet.metadata, file, size - 8 - footer, set(columns), limits.of(size))
        yield parquet


def _footer(file: BinaryIO, size: int) -> int:
    """Return the bytes of a file's footer."""
    if size < 12:
        raise ValueError("it is too short")
    file.seek(size - 8)
    length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
    if magic != b"PAR1":
        raise ValueError("it doesn't end as Parquet does")
    if not 0 < length <= min(_FOOTER, size - 12):
        raise ValueError(f"its footer claims {length:,} bytes")
    return length


def _check(metadata: pq.FileMetaData, file: BinaryIO, end: int, columns: set[str], limits: Limits) -> None:
    """Raise a ValueError if the columns are more than they may be, by what pyarrow will go by.

    Args:
        metadata: the footer.
        file: where the pages are.
        end: where the footer begins.
        columns: that will be read.
        limits: of this file.
    """
    for number, most, what in (
        (metadata.num_rows, limits.rows, "rows"),
        (metadata.num_columns, _COLUMNS, "columns"),
        (metadata.num_row_groups, _GROUPS, "row groups"),
    ):
        if not 0 <= number <= most:
            raise ValueError(f"{number:,} {what}, {most:,} are the most")
    leaves = [metadata.schema.column(leaf).path for leaf in range(metadata.num_columns)]
    wanted = {leaf: path for leaf, path in enumerate(leaves) if path.partition(".")[0] in columns}
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError("its row groups aren't as many rows as it claims")
    decoded = stored = number = 0
    for leaf, path in wanted.items():
        values = 0
        for group in groups:
            chunk = group.column(leaf)
            start = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)), default=0)
            if not 4 <= start <= start + chunk.total_compressed_size <= end:
                raise ValueError("a column lies outside of it")
            held = 0
            for page in pages(file, start, start + chunk.total_compressed_size):
                if page.encoding not in _ENCODINGS:
                    raise ValueError("its values are encoded in a way that isn't used here")
                decoded, number = decoded + page.size, number + 1
                held += 0 if page.dictionary else page.values
                if decoded > limits.decoded or number > _PAGES or page.values > limits.values:
                    raise ValueError(f"its columns are {decoded:,} bytes in {number:,} pages, which is too much")
            if held != chunk.num_values or ("." not in path and held != group.num_rows):
                raise ValueError("a column hasn't as many values as it claims")
            values, stored = values + held, stored + chunk.total_compressed_size
        if values > limits.values or stored > end:
            raise ValueError(f"its column {shown(path, 60)} holds {values:,} values, which is too much")


def read_table(
    source: Source, wanted: pa.Schema, limits: Limits, absent: Mapping[str, object] | None = None
) -> pa.Table:
    """Read columns of a file, each as it is wanted.

    Args:
        source: the file's path or bytes.
        wanted: the columns.
        limits: the most that they may be.
        absent: those that may be absent, and what they hold then.

    Raises:
        ValueError: there is more than that, or a column isn't what it has to be.
        OSError: it isn't Parquet, or can't be read.
    """
    with opened(source, wanted.names, limits) as file:
        there = file.schema_arrow
        if repeated := [name for name in wanted.names if there.names.count(name) > 1]:
            raise ValueError(f"several columns {repeated[0]}")
        lacking = [name for name in wanted.names if name in (absent or {}) and name not in there.names]
        columns = [field for field in wanted if field.name not in lacking]
        for field in columns:
            if field.name not in there.names:
                raise ValueError(f"no column {field.name}")
            if not _suits(there.field(field.name).type, field.type):
                raise ValueError(f"column {field.name} is of {shown(str(there.field(field.name).type), 40)}")
        table = file.read(columns=[field.name for field in columns])
        size = file.metadata.num_rows
    table = written_out(table, limits)
    for name in lacking:
        table = table.append_column(name, pa.repeat((absent or {})[name], size))
    return table.select(wanted.names).cast(wanted)


def _suits(there: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a column may be taken for one of another type: numbers of other widths, for one."""
    if pa.types.is_dictionary(there):
        there = there.value_type
    if pa.types.is_null(there):
        return True
    if pa.types.is_list(wanted):
        return (pa.types.is_list(there) or pa.types.is_large_list(there)) and _suits(
            there.value_type, wanted.value_type
        )
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp, _is_text, _is_binary)
    return any(kind(there) and kind(wanted) for kind in kinds)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def written_out(table: pa.Table, limits: Limits) -> pa.Table:
    """Return a table with the texts themselves in place of dictionaries, unless they are too much.

    Raises:
        ValueError: they are; or texts aren't UTF-8.
    """
    table.validate(full=True)
    size, columns = table.nbytes, []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = pc.binary_length(chunk.dictionary)
                size += pc.sum(pc.take(lengths.cast(pa.int64()), chunk.indices)).as_py() or 0
            if size > limits.decoded:
                raise ValueError(f"its texts are {size:,} bytes, which is too much")
            column = column.cast(column.type.value_type)
        columns.append(column)
    return pa.table(columns, names=table.column_names)
