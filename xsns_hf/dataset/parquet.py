"""Opening a Parquet file that a stranger may have made: its size is bounded before anything of it is decoded.

A few kilobytes of Parquet can stand for gigabytes: a text in a dictionary that a run refers to a million times, zeros
that compress a thousandfold, lists of which all entries are one run. So the footer and every page's header are looked
at first (`pages`), texts are read as dictionaries, and what they are once written out is summed up before it is done.
"""

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset.limits import Limits
from xsns_hf.dataset.pages import pages
from xsns_hf.dataset.texts import as_codes, is_text, with_codes, written_out
from xsns_hf.errors import Damaged
from xsns_hf.safe_text import for_terminal

Source = Path | bytes


_FOOTER = 8 << 20
"""Bytes; those of similarities of 2,000 languages take a hundredth. pyarrow makes some ten times as much of it."""

_COLUMNS, _GROUPS, _PAGES = 256, 10_000, 50_000
_CONTAINERS = 20_000
"""Entries of a list in the footer, as of row groups, or of columns however deep they are nested."""

_ENCODINGS = {0, 2, 3, 5, 6, 8, 9}
"""All in use but DELTA_BYTE_ARRAY, in which a value repeats what the last began with: a page grows without bound."""

_WRONG = (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError, TypeError, RuntimeError)
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
        reason = for_terminal(str(error).partition("\n")[0] or type(error).__name__)[:120]
        raise Damaged(
            f"{name} is damaged or not a file of a mask repository ({reason}): fetch it again, or delete it and "
            f"{remedy}."
        ) from error


@contextmanager
def opened(
    source: Source, columns: Sequence[str], limits: Limits, as_they_are: Collection[str] = ()
) -> Iterator[tuple[pq.ParquetFile, Limits]]:
    """Open a file of which some columns are to be read, once it is known how much these are.

    Args:
        source: its path or its bytes; opened once, since a writer may put another file in its place meanwhile.
        columns: those that will be read; one that the file lacks is passed over.
        limits: the most that a file of its kind may be.
        as_they_are: columns of texts or bytes that aren't read as dictionaries, but a few rows at a time.

    Yields:
        The file, whose texts are read as dictionaries and whose pages' checksums are verified; the most that it may be.

    Raises:
        ValueError: there is more than that.
        OSError: it isn't Parquet, or can't be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        footer = _footer(file, size)
        buffer = 1 << 16 if as_they_are else 0  # or a whole column of a row group is read at once
        safe = {"pre_buffer": False, "buffer_size": buffer}
        safe |= {"thrift_string_size_limit": footer, "thrift_container_size_limit": _CONTAINERS}
        metadata = pq.ParquetFile(file, **safe).metadata
        own = limits.of(size)
        _check_counts(metadata, own)
        _Sizes(file, size - 8 - footer, own).check(metadata, columns)
        texts = [name for name in _texts(metadata) if name in columns and name not in as_they_are]
        parquet = pq.ParquetFile(
            file, metadata=metadata, read_dictionary=texts, page_checksum_verification=True, **safe
        )
        yield parquet, own


def metadata_of(source: Source) -> dict[str, str]:
    """Return what a file says of itself besides its columns, by key; of this project's own keys only.

    Raises:
        ValueError: its footer is too large, or no text.
        OSError: it isn't Parquet, or can't be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        footer = _footer(file, file.seek(0, io.SEEK_END))
        safe = {"thrift_string_size_limit": footer, "thrift_container_size_limit": _CONTAINERS}
        found = pq.ParquetFile(file, **safe).metadata.metadata or {}
        return {key.decode(): value.decode() for key, value in found.items() if key.startswith(b"xsns_")}


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


def _texts(metadata: pq.FileMetaData) -> list[str]:
    """Return the names of the columns that hold texts or bytes, and no lists of them."""
    columns = (metadata.schema.column(leaf) for leaf in range(metadata.num_columns))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY" and "." not in column.path]


def _check_counts(metadata: pq.FileMetaData, limits: Limits) -> None:
    for number, most, what in (
        (metadata.num_rows, limits.rows, "rows"),
        (metadata.num_columns, _COLUMNS, "columns"),
        (metadata.num_row_groups, _GROUPS, "row groups"),
    ):
        if not 0 <= number <= most:
            raise ValueError(f"{number:,} {what}, where {most:,} are the most for its size")
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if min(groups, default=0) < 0 or sum(groups) != metadata.num_rows:
        raise ValueError("its row groups aren't as many rows as it claims")


class _Sizes:
    """What the columns of a file will take, by the pages' headers: that is what pyarrow goes by."""

    def __init__(self, file: BinaryIO, end: int, limits: Limits):
        """Begin with nothing.

        Args:
            file: where the pages are.
            end: where the footer begins.
            limits: of this file.
        """
        self.file, self.end, self.limits = file, end, limits
        self.decoded = self.stored = self.pages = 0

    def check(self, metadata: pq.FileMetaData, columns: Collection[str]) -> None:
        """Raise a ValueError if columns are more than they may be, or aren't what the footer says."""
        groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
        for leaf in range(metadata.num_columns):
            column = metadata.schema.column(leaf)
            if column.path.partition(".")[0] not in columns:
                continue
            values = 0
            for group in groups:
                held = self._values(group.column(leaf))
                if not column.max_repetition_level and held != group.num_rows:
                    raise ValueError("a column hasn't as many values as there are rows")
                values += held
            if values > self.limits.values:
                raise ValueError(f"a column holds {values:,} values, which is too much for its size")

    def _values(self, chunk: pq.ColumnChunkMetaData) -> int:
        """Return how many values a column chunk holds."""
        start = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)), default=0)
        end = start + chunk.total_compressed_size
        self.stored += chunk.total_compressed_size
        if not 4 <= start <= end <= self.end or self.stored > self.end:  # or several share the same pages
            raise ValueError("a column lies outside of it")
        held = 0
        for page in pages(self.file, start, end):
            if page.encoding not in _ENCODINGS:
                raise ValueError("its values are encoded in a way that isn't used here")
            self.decoded, self.pages = self.decoded + page.size, self.pages + 1
            held += 0 if page.dictionary else page.values
            if max(held, page.values) > self.limits.values:
                raise ValueError(f"a column holds {max(held, page.values):,} values, which is too much for its size")
            if self.decoded > self.limits.decoded or self.pages > _PAGES:
                raise ValueError(f"{self.decoded:,} bytes in {self.pages:,} pages are too much for its size")
        if held != chunk.num_values:
            raise ValueError("a column hasn't as many values as it claims")
        return held


def read_table(
    source: Source,
    wanted: pa.Schema,
    limits: Limits,
    absent: Mapping[str, object] | None = None,
    check: Callable[[Mapping[bytes, bytes] | None], None] | None = None,
    *,
    coded: bool = False,
) -> pa.Table:
    """Read columns of a file, each as it is wanted.

    Args:
        source: the file's path or bytes.
        wanted: the columns.
        limits: the most that a file of its kind may be.
        absent: those that may be absent, and what they hold then.
        check: looks at the metadata before anything else, and raises what it makes of it.
        coded: whether texts are given as dictionaries, as in a table of millions of rows of a few texts.

    Raises:
        ValueError: there is more than that, or a column isn't what it has to be.
        OSError: it isn't Parquet, or can't be read.
    """
    with opened(source, wanted.names, limits) as (file, own):
        if check:
            check(file.metadata.metadata)
        there, absent = file.schema_arrow, absent or {}
        lacking = [name for name in wanted.names if name in absent and name not in there.names]
        columns = [field for field in wanted if field.name not in lacking]
        for field in columns:
            _check_column(there, field)
        table = file.read(columns=[field.name for field in columns])
        table = as_codes(table, own) if coded else written_out(table, own)
        rows = file.metadata.num_rows
    for name in lacking:
        table = table.append_column(name, pa.repeat(absent[name], rows))
    return table.select(wanted.names).cast(with_codes(wanted) if coded else wanted)


def _check_column(there: pa.Schema, wanted: pa.Field) -> None:
    if (number := there.names.count(wanted.name)) != 1:
        raise ValueError(f"{'several columns' if number else 'no column'} {wanted.name}")
    kind = there.field(wanted.name).type
    if not _suits(kind, wanted.type):
        raise ValueError(f"column {wanted.name} is of {for_terminal(str(kind))[:40]} and not of {wanted.type}")


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
    return any(kind(there) and kind(wanted) for kind in _KINDS)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


_KINDS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp, is_text, _is_binary)
