"""Text files as input: read to the end or refused in a sentence, whatever they are.

A file may be a pipe that nobody writes to, a device without an end, a line of gigabytes or no text at all.
"""

import codecs
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from xsns_hf.errors import Damaged

MOST_BYTES = 500_000_000
"""Bytes of a file at most: some thousand sentences of a language are all that is ever drawn from it."""

MOST_LINES = 5_000_000
"""Lines of a file at most."""

LONGEST_LINE = 10_000_000
"""Characters of a line at most: a row may hold a whole book."""

_PIECE = 1 << 20

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def opened(file: Path) -> BinaryIO:
    """Open a file that is one: no folder, pipe or device.

    Raises:
        OSError: it can't be opened.
        Damaged: it is none.
    """
    check_is_file(file)
    # What has its place by now isn't waited for.
    reading = open(file, "rb", opener=_at_once)  # noqa: SIM115 (Path.open takes no opener; who calls closes it)
    if not stat.S_ISREG(os.fstat(reading.fileno()).st_mode):
        reading.close()
        raise _no_file(file)
    return reading


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def check_is_file(file: Path) -> None:
    """Make sure that a file is one, without opening it.

    Raises:
        OSError: there is none.
        Damaged: it is a folder, a pipe or a device.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise _no_file(file)


def lines(file: Path, most_bytes: int = MOST_BYTES, longest: int = LONGEST_LINE) -> Iterator[str]:
    r"""Yield the lines of a file in UTF-8, the blank ones too and what follows the last line's end.

    Only \n and \r end a line: str.splitlines() would also split at characters that occur inside sentences.

    Args:
        file: a text file.
        most_bytes: that it may have.
        longest: characters that a line may have.

    Raises:
        OSError: it can't be read.
        Damaged: it is no file, no text in UTF-8, or too large.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    rest, number, begun = "", 0, False
    for piece in _pieces(file, most_bytes):
        text = newlines.decode(piece if begun else piece.removeprefix("\ufeff"))
        *whole, rest = (rest + text).split("\n")
        begun = begun or piece != ""
        number += len(whole)
        if number > MOST_LINES:
            raise Damaged(f"{file} has more than {MOST_LINES:,} lines, the most that are read: give a part of it.")
        if max(map(len, (*whole, rest))) > longest:
            raise Damaged(f"{file} has a line of more than {longest:,} characters: break it up or leave it out.")
        yield from whole
    yield from (rest + newlines.decode("", final=True)).split("\n")


def json_object(line: str, place: str) -> dict[str, Any]:
    """Return the object that a line of JSON is.

    Args:
        line: the line.
        place: file and line, for the sentence of an error.

    Raises:
        Damaged: it is no JSON, none that can be held or written again, or no object.
    """
    try:
        row = json.loads(line)
        if "\\u" in line:  # which may be half a letter
            json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Damaged(f"{place}: it holds half a letter (a lone surrogate): correct or remove it.") from error
    except RecursionError as error:
        raise Damaged(f"{place}: its JSON is nested too deep: correct or remove it.") from error
    except ValueError as error:
        raise Damaged(f"{place}: it isn't JSON ({error}): correct or remove it.") from error
    if not isinstance(row, dict):
        raise Damaged(f"{place}: it is no JSON object: give one row a line.")
    return row


def _pieces(file: Path, most_bytes: int) -> Iterator[str]:
    """Yield a file's text in pieces."""
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    with opened(file) as reading:
        if reading.seek(0, os.SEEK_END) > most_bytes:
            size = f"{most_bytes / 1e6:,.0f} MB"
            raise Damaged(f"{file} is larger than {size}, the most that is read: give a part of it.")
        reading.seek(0)
        while True:
            data, pending = reading.read(_PIECE), len(decoder.getstate()[0])
            if done == 0 and data.startswith(_UTF_16):
                raise Damaged(f"{file} is in UTF-16; convert it: iconv -f UTF-16 -t UTF-8 {file.name}")
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise Damaged(
                    f"{file} isn't UTF-8 (byte {done - pending + error.start}); convert it, "
                    f"for example with: iconv -f ISO-8859-1 -t UTF-8 {file.name}"
                ) from error
            if "\0" in text:
                raise Damaged(f"{file} holds NUL bytes, so it isn't plain text in UTF-8: convert or replace it.")
            yield text
            if not data:
                return
            done += len(data)


def _no_file(file: Path) -> Damaged:
    what = "a folder" if file.is_dir() else "a pipe, a device or the like"
    return Damaged(f"{file} is {what}, not a file: give a file.")
