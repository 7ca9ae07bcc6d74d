"""The pages of a Parquet file, from their headers: what pyarrow will allocate is known before it decodes anything.

The footer says how large columns are, but nothing holds a stranger's footer to the truth, and pyarrow allocates what a
page's own header says. So the headers are read here: Thrift's compact protocol, as far as page headers use it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

_USUAL, _LONGEST = 1 << 9, 1 << 16
"""Bytes that are read of a header: of the usual one, and of one with long statistics."""

_DEPTH = 6
_BOOLEANS, _INTEGERS, _LISTS = {1, 2}, {4, 5, 6}, {9, 10}
_TEXT, _STRUCT = 8, 12
_WIDTHS = {1: 0, 2: 0, 3: 1, 7: 8}
"""The kinds of Thrift's values; the bytes of those that are always as wide."""

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
PLAIN = 0
"""The encoding of values one after the other, as they are."""

_DETAILS = {_DATA: (5, 2), _DICTIONARY: (7, 2), _DATA_V2: (8, 4)}
"""By type of page: the field with what is particular to it, and the field of the encoding in there."""


@dataclass(frozen=True)
class Page:
    """A page of a column.

    Attributes:
        size: bytes once decompressed.
        values: how many it holds, those that are null and the entries of lists included.
        encoding: the number of it in the format's `Encoding`.
        dictionary: whether it is what the others of its column refer to.
        end: the byte after its last.
    """

    size: int
    values: int
    encoding: int
    dictionary: bool
    end: int


def pages(file: BinaryIO, start: int, end: int) -> Iterator[Page]:
    """Yield the pages of a column chunk.

    Args:
        file: of which headers are read only.
        start: where the first page begins.
        end: where the last one ends.

    Raises:
        ValueError: a header isn't one, or a page reaches beyond the end.
    """
    at = start
    while at < end:
        header, length = _header(file, at, end)
        kind, size, stored = (_number(header, field) for field in (1, 2, 3))
        at += length + stored
        if at > end:
            raise ValueError("a page reaches beyond its column")
        if kind in _DETAILS:
            field, encoding = _DETAILS[kind]
            details = header.get(field)
            if not isinstance(details, dict):
                raise ValueError("a page's header lacks its part")
            yield Page(size, _number(details, 1), _number(details, encoding), kind == _DICTIONARY, at)


def _number(fields: Mapping[int, Any], field: int) -> int:
    value = fields.get(field)
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError("a page's header lacks a number")
    return value


def _header(file: BinaryIO, at: int, end: int) -> tuple[dict[int, Any], int]:
    for most in (_USUAL, _LONGEST):
        file.seek(at)
        reader = _Compact(file.read(min(most, end - at)))
        try:
            return reader.struct(), reader.at
        except IndexError:
            continue
    raise ValueError("a page's header doesn't end")


class _Compact:
    """A reader of Thrift's compact protocol.

    Attributes:
        at: how far it has read.
    """

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return a struct's fields by number.

        Raises:
            IndexError: the data ends before it does.
            ValueError: this is none.
        """
        if depth > _DEPTH:
            raise ValueError("too deep")
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else self._integer()
            fields[field] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> object:
        """Return a number or struct; of what else there is, nothing, since no page's size is in it."""
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            self._list(depth)
        elif kind == _TEXT:
            self._skip(self._varint())
        elif kind in _WIDTHS:
            self._skip(_WIDTHS[kind])
        else:
            raise ValueError(f"no such kind: {kind}")
        return None

    def _list(self, depth: int) -> None:
        if depth > _DEPTH:
            raise ValueError("too deep")
        head = self._byte()
        number, kind = head >> 4, head & 15
        for _ in range(self._varint() if number == 15 else number):
            self._skip(1) if kind in _BOOLEANS else self._value(kind, depth + 1)  # in a list they take a byte

    def _skip(self, length: int) -> None:
        if self.at + length > len(self.data):
            raise IndexError
        self.at += length

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a number is too long")

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
