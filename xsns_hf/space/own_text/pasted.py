"""Text from a visitor, pasted or uploaded: checked and cleaned, held in memory and nowhere else."""

import codecs
import re
from contextlib import suppress
from pathlib import Path

from xsns_hf.errors import TextError

MOST_BYTES = 1_000_000
"""Bytes of an upload at most: as many characters as are taken, in any script."""

MOST_CHARACTERS = 200_000
"""Characters of a text at most: a thousand long sentences, where a few hundred do."""

MOST_LINES = 5_000
"""Lines of a text at most, blank ones aside."""

LONGEST_LINE = 2_000
"""Characters of a line that are kept. The tokenizer takes fewer: recipes cut at 128 tokens by default."""

FEWEST_SENTENCES = 8
"""Sentences that a mask needs: with fewer it shows them more than their language."""

_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What no text holds: control characters that aren't white space, halves of surrogate pairs, non-characters."""


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, one a line; lines without letters and repeated ones are left out.

    Args:
        text: anything that a visitor may have pasted.

    Returns:
        At least `FEWEST_SENTENCES`, of at most `LONGEST_LINE` characters each, with single spaces.

    Raises:
        TextError: too much or too little text, or no text at all; the message never quotes it.
    """
    _check_size(len(text), MOST_CHARACTERS, "characters")
    if _NOT_TEXT.search(text):
        raise TextError(
            "The text holds control characters, so it isn't plain text, or not in the encoding it says: "
            "give plain text in UTF-8, a sentence on each line."
        )
    lines = [
        " ".join(line.split())[:LONGEST_LINE].rstrip() for line in re.split(r"[\r\n]", text.removeprefix("\ufeff"))
    ]
    lines = [line for line in lines if line]
    _check_size(len(lines), MOST_LINES, "lines")
    sentences = list(dict.fromkeys(line for line in lines if any(map(str.isalpha, line))))
    if len(sentences) < FEWEST_SENTENCES:
        raise TextError(
            f"The text has {len(sentences)} different lines with words in them, too few for a mask: "
            f"give {FEWEST_SENTENCES} sentences or more, better a hundred, each on a line of its own."
        )
    return sentences


def _check_size(number: int, most: int, what: str) -> None:
    if number > most:
        raise TextError(
            f"The text has {number:,} {what}, and {most:,} is the most that can be taken: give a few hundred sentences."
        )


def read_upload(path: str | Path) -> str:
    """Return the text of an uploaded file and delete the file, whatever comes of it.

    Args:
        path: the file; UTF-8, or UTF-16 with a byte order mark.

    Raises:
        TextError: the file is too large, isn't text in these encodings, or is gone.
    """
    file = Path(path)
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)  # and no more, however large it is
    except OSError as error:
        raise TextError("The uploaded file can't be read: upload it again.") from error
    finally:
        with suppress(OSError):
            file.unlink()
    if len(content) > MOST_BYTES:
        raise TextError(
            f"The file is larger than {MOST_BYTES / 1e6:g} MB, the most that can be taken: "
            "upload a text file with a few hundred sentences."
        )
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            "The file isn't text in UTF-8: save it as UTF-8, or convert it, "
            "for example with: iconv -f ISO-8859-1 -t UTF-8 old.txt > new.txt"
        ) from error
