"""Text from visitors: what is taken of it, and what is refused."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import TextError
from xsns_hf.space.own_text import pasted
from xsns_hf.space.own_text.pasted import FEWEST_SENTENCES, read_upload, sentences_of


def test_text_is_cleaned():
    text = (
        "\ufeff  One\tsentence \u2028 here. \r\n\r\n...\n12 34\n"
        + "\n".join(f"Línea {n}" for n in range(8))
        + "\nLínea 3"
    )
    sentences = sentences_of(text + "\n" + "long " * 2000)
    assert sentences[:2] == ["One sentence here.", "Línea 0"]
    assert len(sentences) == 10
    assert len(sentences[-1]) == pasted.LONGEST_LINE - 1
    html = [f"<script>alert({letter!r})</script>" for letter in "abcdefgh"]
    assert sentences_of("\n".join(html)) == html, "text like any other"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("word " * 2_000_000, "10,000,000 characters"),
        ("a\n" * 1_000_000, "2,000,000 characters"),
        ("a\n" * 6_000, "6,000 lines"),
        ("\n" * 199_999, "0 different lines"),
        ("NUL\x00 " * 100, "control characters"),
        (bytes(range(256)).decode("latin-1") * 100, "control characters"),
        ("half a pair \ud800\n" * 10, "control characters"),
        ("", "0 different lines"),
        (" \u3000\t\n" * 100, "0 different lines"),
        ("…!?\n١٢٣\n" * 100, "0 different lines"),
        ("the same again\n" * 100, "1 different lines"),
        ("\n".join("abcdefg"), "7 different lines"),
        ("one very long line " * 5_000, "1 different lines"),
    ],
)
def test_hostile_text_is_refused_quickly_in_a_sentence(text, problem):
    began = time.perf_counter()
    with pytest.raises(TextError, match=problem) as raised:
        sentences_of(text)
    assert time.perf_counter() - began < 1
    assert len(str(raised.value)) < 250


any_text = st.text(st.characters(exclude_categories=()))


@given(st.one_of(any_text, st.lists(st.text(min_size=1), min_size=8).map("\n".join)))
def test_any_text_gives_clean_sentences_or_one_kind_of_error(text):
    try:
        sentences = sentences_of(text)
    except TextError:
        return
    assert len(sentences) >= FEWEST_SENTENCES
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert 0 < len(sentence) <= pasted.LONGEST_LINE
        assert sentence == " ".join(sentence.split())
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in sentence)
        sentence.encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_uploads_in_the_usual_encodings(tmp_path, encoding):
    file = tmp_path / "text"
    file.write_bytes("Ĉu ŝi?\nيوم\n".encode(encoding))
    assert read_upload(file) == "Ĉu ŝi?\nيوم\n"
    assert not file.exists()
    file.write_bytes(b"\xfe\xff" + "Ĉu".encode("utf-16-be"))
    assert read_upload(str(file)) == "Ĉu"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("café".encode("latin-1"), "iconv .* UTF-8"),
        (b"\xff\xfea", "iconv .* UTF-8"),
        (b"a" * (pasted.MOST_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_other_uploads_are_refused_and_deleted(tmp_path, content, problem):
    file = tmp_path / "text"
    file.write_bytes(content)
    with pytest.raises(TextError, match=problem):
        read_upload(file)
    assert not file.exists()
    with pytest.raises(TextError, match="upload it again"):
        read_upload(file)
