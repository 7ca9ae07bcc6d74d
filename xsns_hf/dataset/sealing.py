"""What binds the files of a mask repository to each other: the index records the hashes of all, and its own.

The index's hash is that of the file with zeros in the hash's place, so that any bit of it that flips is seen.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from xsns_hf.dataset import schema
from xsns_hf.dataset.names import LAYOUT, SCORES, SIMILARITY
from xsns_hf.dataset.parquet import explained, metadata_of
from xsns_hf.dataset.stores.base import Content, repair_command
from xsns_hf.errors import Damaged, XsnsError


class NewerFormat(XsnsError):
    """A later version wrote the repository."""


FORMAT = 2
"""Of repositories. The first had no hashes but those of masks; it is read, and becomes this one when it is changed."""

_FORMAT, _TABLES, _SEAL = "xsns_format", "xsns_tables", "xsns_seal"
_OPEN = b"0" * 64

_OF_ONE = {"sha256", "corpus_revision", "file", "file_sha256", "similarity_sha256"}
"""Columns in which no two languages have the same, so that a dictionary of them would only make the file larger."""

_LEVEL = 17
"""zstd level: most of the file are hashes, of which lower levels take a sixth more."""


def write_index(path: Path, table: pa.Table, hashes: Mapping[str, str]) -> None:
    """Write the index and seal it.

    Args:
        path: of the file.
        table: the index.
        hashes: the sha256 of the other tables by name.
    """
    record = {_FORMAT: str(FORMAT), _TABLES: json.dumps(dict(hashes)), _SEAL: _OPEN.decode()}
    schema.write(
        path,
        table,
        _LEVEL,
        record=record,
        use_dictionary=[name for name in table.column_names if name not in _OF_ONE | {"similarity_at"}],
        column_encoding={"similarity_at": "DELTA_BINARY_PACKED"},
        write_statistics=["recipe", "language", "seed"],
        store_schema=False,
    )
    content = path.read_bytes()
    path.write_bytes(content.replace(_OPEN, hashlib.sha256(content).hexdigest().encode()))


def hashes_in(content: Content, where: str) -> dict[str, str] | None:
    """Return the hashes of the other tables by name; None for a repository of before there were any.

    Args:
        content: the index.
        where: what to call the repository.

    Raises:
        Damaged: the index isn't as it was written, or can't be read.
        NewerFormat: it was written by a later version.
    """
    with explained(str(content), f"mend it with {repair_command(where)}"):
        metadata = metadata_of(content.data)
    if _FORMAT not in metadata:
        return None
    _check_format(content, metadata[_FORMAT])
    seal = metadata.get(_SEAL, "").encode()
    opened = content.data.replace(seal, _OPEN) if len(seal) == len(_OPEN) else b""
    if hashlib.sha256(opened).hexdigest().encode() != seal:
        raise changed(content, where)
    with explained(str(content), f"mend it with {repair_command(where)}"):
        return _checked(json.loads(metadata[_TABLES]))


def _checked(hashes: object) -> dict[str, str]:
    """Return the hashes of tables that there may be.

    Raises:
        ValueError: they are something else.
    """
    if not isinstance(hashes, dict) or not {*hashes} <= {SIMILARITY, LAYOUT, SCORES}:
        raise ValueError("its tables are others than there are")
    if not all(isinstance(sha256, str) for sha256 in hashes.values()):
        raise ValueError("a hash is none")
    return hashes


def changed(content: Content, where: str) -> Damaged:
    """Return the error of an index that isn't as it was written."""
    return Damaged(
        f"{content} isn't as xsns_hf wrote it: it was damaged or changed; mend it with {repair_command(where)}."
    )


def _check_format(content: Content, found: str) -> None:
    if found.isdecimal() and (len(found) > 9 or int(found) > FORMAT):  # a text too long is no number to Python
        raise NewerFormat(f"{content} was written by a newer xsns_hf than this: `pip install -U xsns-hf`.")
