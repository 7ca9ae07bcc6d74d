"""Files that are no text, or too much of it: the command line says so in one sentence, within time and memory."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import Damaged, XsnsError
from xsns_hf.reading import json_object, lines
from xsns_hf.text.converting import corpus_of
from xsns_hf.text.folder import sample_corpus

GOOD = sample_corpus().sentences("fin")[:30]
ROW = json.dumps({"text": GOOD[0]})
posix = pytest.mark.skipif(os.name != "posix", reason="has neither pipes nor devices in folders")


def long_texts(path: Path) -> None:
    """Write a table of a few kilobytes that stands for gigabytes: one long text, said again and again."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 200_000])
    pq.write_table(pa.table({"text": column}), path, compression="zstd")


FILES: dict[str, tuple[str, bytes | Callable[[Path], object], str]] = {
    "a pipe": ("fin.txt", os.mkfifo if os.name == "posix" else Path.mkdir, r"fin\.txt is a pipe"),
    "a pipe of rows": ("fin.jsonl", os.mkfifo if os.name == "posix" else Path.mkdir, r"fin\.jsonl is a pipe"),
    "a pipe of a table": ("fin.parquet", os.mkfifo if os.name == "posix" else Path.mkdir, r"fin\.parquet is a pipe"),
    "a device": ("fin.txt", lambda path: path.symlink_to("/dev/zero"), r"fin\.txt is a pipe, a device"),
    "a terminal": ("fin.txt", lambda path: path.symlink_to("/dev/tty"), r"fin\.txt is a pipe, a device"),
    "a folder": ("fin.txt", Path.mkdir, r"fin\.txt is a folder"),
    "a folder of rows": ("fin.parquet", Path.mkdir, r"fin\.parquet is a folder"),
    "a link to nothing": ("fin.txt", lambda path: path.symlink_to("nowhere"), r"can't read .*fin\.txt"),
    "nothing": ("fin.txt", b"", r"fin\.txt holds no text"),
    "a mark only": ("fin.txt", b"\xef\xbb\xbf\r\n", r"fin\.txt holds no text"),
    "NUL bytes": ("fin.txt", b"Hyv\0\n" * 50, r"fin\.txt holds NUL bytes"),
    "invalid UTF-8": ("fin.txt", "\n".join(GOOD).encode() + b"\xff", r"isn't UTF-8 \(byte \d+\)"),
    "UTF-8 that is cut": ("fin.txt", "\n".join(GOOD).encode() + b"\xc3", r"isn't UTF-8 \(byte \d+\)"),
    "an encoded surrogate": ("fin.txt", b"\xed\xa0\x80", r"isn't UTF-8 \(byte 0\)"),
    "UTF-16": ("fin.txt", "\n".join(GOOD).encode("utf-16"), r"is in UTF-16; convert it: iconv"),
    "UTF-16 without a mark": ("fin.txt", "\n".join(GOOD).encode("utf-16-le"), "isn't UTF-8|NUL bytes"),
    "one sentence": ("fin.txt", b"Kaksi.", "fin"),
    "one word": ("fin.txt", b"x", "fin"),
    "a lone surrogate": ("fin.jsonl", rb'{"text": "\ud800 and more"}', r"fin\.jsonl, line 1: .*surrogate"),
    "deep JSON": ("fin.jsonl", b'{"text":' + b"[" * 100_000, r"fin\.jsonl, line 1: its JSON is nested too deep"),
    "deep and whole": ("fin.jsonl", b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    "rows that are numbers": ("fin.jsonl", b"1\n2\n", r"line 1: it is no JSON object"),
    "rows that are lists": ("fin.jsonl", b'["a"]\n', r"line 1: it is no JSON object"),
    "rows that are null": ("fin.jsonl", ROW.encode() + b"\nnull\n", r"line 2: it is no JSON object"),
    "rows that are cut": ("fin.jsonl", ROW.encode() + b'\n{"text": "a', r"line 2: it isn't JSON"),
    "not a number": ("fin.jsonl", b'{"text": NaN}\n' * 9, "neither text nor tokens"),
    "a huge number": ("fin.jsonl", b'{"text": ' + b"9" * 4000 + b"}\n", "neither text nor tokens"),
    "a number too huge": ("fin.jsonl", b'{"text": ' + b"9" * 5000 + b"}\n", "it isn't JSON"),
    "tokens that are none": ("fin.jsonl", b'{"tokens": [["a"], 1]}\n', "neither text nor tokens"),
    "no column of text": ("fin.jsonl", b'{"id": 7}\n', "text in each row"),
    "no table": ("fin.parquet", b"PAR1 and more PAR1", r"fin\.parquet isn't \.parquet"),
    "an empty table": ("fin.parquet", b"", r"fin\.parquet isn't \.parquet"),
}


def put(folder: Path, name: str, content: bytes | Callable[[Path], object]) -> Path:
    path = folder / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    return path


def says_one_sentence(code: int, output: str, errors: str, expected: str) -> None:

    told = [line for line in errors.splitlines() if line.startswith("xsns: ")]
    assert (code, len(told)) == (2, 1), errors
    assert "Traceback" not in errors
    assert not output
    assert len(told[0]) < 600
    assert re.search(expected, told[0]), told[0]


@posix
@pytest.mark.parametrize("kind", FILES)
def test_text_that_is_none(xsns, tiny, tmp_path, kind):
    name, content, expected = FILES[kind]
    folder = tmp_path / "text"
    folder.mkdir()
    put(folder, name, content)
    arguments = ["extract", "--model", tiny, "--text", folder, "--seeds", "1", "--processes", "1"]
    result = xsns(*arguments, "--examples", "8", "--out", tmp_path / "masks")
    says_one_sentence(*result, expected)
    assert not list((tmp_path / "masks").rglob("*.parquet")), "nothing is half made"


GOLD: dict[str, tuple[bytes | Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo if os.name == "posix" else Path.mkdir, "is a pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a pipe, a device"),
    "a folder": (Path.mkdir, "No scores of|There is no gold file .*scores"),
    "nothing": (b"", "can't be read as CSV"),
    "NUL bytes": (b"source,target,score\nfin,deu,1\0\n", "holds NUL bytes"),
    "UTF-16": ("source,target,score\nfin,deu,1".encode("utf-16"), "is in UTF-16"),
    "invalid UTF-8": (b"source,target,score\nfin,deu,1\xff", "isn't UTF-8"),
    "a bomb": (gzip.compress(b"source,target,score\n" + b"fin,deu,1\n" * 1_000_000), "isn't UTF-8"),
    "a long line": (b"a" * 1_000_000, "a line of more than"),
    "too many columns": (b"source,target,score" + b",a" * 1_000_000, "a line of more than"),
    "a row too wide": (b"source,target,score\nfin,deu,1,2,3,4\n", "can't be read as CSV|isn't a number|no pair"),
    "an open quotation": (b'source,target,score\n"fin,deu,1\n' * 3, "can't be read as CSV"),
    "no numbers": (b"source,target,score\nfin,deu,NaN\n", "isn't a number"),
    "endless numbers": (b"source,target,score\nfin,deu,1e999\n", "isn't a number"),
    "a huge number": (b"source,target,score\nfin,deu," + b"9" * 5000 + b"\n", "the score '9{40}' isn't a number"),
    "a huge seed": (b"source,target,score,seed\nfin,deu,1,99999999999999999999\n", "aren't whole numbers"),
    "an endless seed": (b"source,target,score,seed\nfin,deu,1,inf\n", "aren't whole numbers"),
    "no languages": ("source,target,score\n\u202e,\x1b[2J,1\n".encode(), "no pair of languages"),
    "one pair": (b"source,target,score\nfin,deu,0.5\n", ""),
}


@posix
@pytest.mark.parametrize("kind", GOLD)
def test_scores_that_are_none(xsns, masks, tmp_path, kind):
    content, expected = GOLD[kind]
    file = put(tmp_path, "scores.csv.gz" if kind == "a bomb" else "scores.csv", content)
    says_one_sentence(*xsns("evaluate", "--gold", file, "--masks", masks), expected)


@posix
@pytest.mark.parametrize("where", ["fifo", "/dev/zero", "fifo.txt"])
def test_a_text_that_is_neither_folder_nor_file(xsns, tmp_path, where):
    path = Path(where) if where.startswith("/") else tmp_path / where
    if not path.exists():
        os.mkfifo(path)
    says_one_sentence(*xsns("extract", "--text", path, "--out", tmp_path / "masks"), "is a pipe, a device")


LARGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a line of 100 MB": ("fin.txt", lambda path: path.write_bytes(b"a" * 100_000_000), "a line of more than"),
    "a row of 100 MB": ("fin.jsonl", lambda path: path.write_bytes(b'{"text": "' + b"a" * 100_000_000), "a line of"),
    "a file without an end": ("fin.txt", lambda path: os.truncate(path.write_text("") or path, 10**12), "larger than"),
    "too many lines": ("fin.txt", lambda path: path.write_bytes(b"\n" * 6_000_000), "more than 5,000,000 lines"),
    "a table of gigabytes": ("fin.parquet", long_texts, "MB, decoded"),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.thorough
@pytest.mark.parametrize("kind", LARGE)
def test_what_is_large_is_refused_within_its_memory(tmp_path, kind):
    name, make, expected = LARGE[kind]
    folder = tmp_path / "text"
    folder.mkdir()
    make(folder / name)
    program = (
        "import pathlib, re, sys\n"
        "from xsns_hf.errors import XsnsError\n"
        "from xsns_hf.text.folder import text_folder\n"
        "try:\n"
        "    text_folder(sys.argv[1]).sentences('fin')\n"
        "except XsnsError as error:\n"
        "    print(error)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', pathlib.Path('/proc/self/status').read_text()).group(1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, timeout=120, check=True
    )
    sentence, kilobytes = done.stdout.splitlines()
    assert expected in sentence
    assert int(kilobytes) < 800_000


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=200))
def test_lines_are_those_between_ends_of_lines(tmp_path_factory, text):

    file = tmp_path_factory.getbasetemp() / "lines.txt"
    file.write_bytes(text.encode())
    assert list(lines(file)) == re.split("\r\n|[\r\n]", text.removeprefix("\ufeff"))


def test_lines_are_the_same_wherever_a_piece_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("xsns_hf.reading._PIECE", 1)
    (tmp_path / "a").write_bytes("\ufeffä\r\n\r\rb\n\nc".encode())
    assert list(lines(tmp_path / "a")) == ["ä", "", "", "b", "", "c"]
    with pytest.raises(Damaged, match=r"byte 4"):
        (tmp_path / "a").write_bytes("ää".encode() + b"\xe2\x28")
        list(lines(tmp_path / "a"))


@given(st.text(max_size=300) | st.recursive(st.floats() | st.text(), st.lists).map(json.dumps))
def test_a_line_is_an_object_or_an_error(line):
    try:
        row = json_object(line, "here")
    except XsnsError as error:
        assert str(error).startswith("here: ")
    else:
        json.dumps(row, ensure_ascii=False).encode()


def test_sentences_in_memory_with_half_a_letter_are_refused():
    with pytest.raises(XsnsError, match="lone surrogate"):
        corpus_of({"fin": ["\ud800"]})
