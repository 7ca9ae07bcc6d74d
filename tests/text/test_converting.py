"""Text of any kind as a corpus."""

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import LanguageError, TextError
from xsns_hf.text.converting import corpus_for, corpus_of
from xsns_hf.text.corpus import revision
from xsns_hf.text.folder import text_folder

CODES = ["deu", "fin", "swe"]
LINES = st.lists(st.text("abcäö ", min_size=1).filter(str.strip), min_size=1, max_size=4)
TEXTS = st.dictionaries(st.sampled_from(CODES), LINES, min_size=1)


def table(**columns: list) -> datasets.Dataset:
    return datasets.Dataset.from_dict(columns)


def long(texts: dict[str, list[str]], language: str = "language", text: str = "text") -> datasets.Dataset:
    pairs = [(code, line) for code, lines in texts.items() for line in lines]
    return table(**{language: [code for code, _ in pairs], text: [line for _, line in pairs]})


@given(TEXTS)
def test_sentences_by_language_are_kept_in_their_order(texts):
    corpus = corpus_of(texts)
    assert corpus.languages == sorted(texts)
    assert all(corpus.sentences(code) == [line.strip() for line in texts[code]] for code in texts)


def test_all_kinds_are_the_same_text(tmp_path):
    texts = {"fin": ["yksi", "kaksi"], "deu": ["eins"]}
    for code, lines in texts.items():
        (tmp_path / f"{code}.txt").write_text("\n".join(lines), encoding="utf-8")
    splits = {code: table(sentence=lines) for code, lines in texts.items()}
    named = long({"Finnish": texts["fin"], "de": texts["deu"]}, "lang_code", "content")
    kinds = [texts, long(texts), named, datasets.DatasetDict(splits), long(texts).to_iterable_dataset(), tmp_path]
    corpora = [corpus_of(kind) for kind in [*kinds, str(tmp_path), text_folder(tmp_path)]]
    assert len({tuple(revision(corpus, code) for code in sorted(texts)) for corpus in corpora}) == 1
    assert [corpus.name for corpus in corpora[:2]] == ["text", "text"]
    assert corpus_of(texts, name="My text").name == "my-text"


def test_columns_can_be_named_and_classes_and_tokens_are_read():
    labels = datasets.ClassLabel(names=["fi", "sv"])
    rows = table(which=[0, 0, 1], words=[["yksi", "kaksi"], ["kolme"], ["ett"]], text=["", "", ""])
    rows = rows.cast_column("which", labels)
    corpus = corpus_of(rows, language_column="which", column="words")
    assert corpus.languages == ["fin", "swe"]
    assert corpus.sentences("fin") == ["yksi kaksi", "kolme"]


def test_rows_of_a_language_need_not_be_together_and_others_are_left_out():
    rows = table(lang=["fi", "no language", "sv", "fi"], text=list("abcd"))
    corpus = corpus_of(rows, ["Finnish"])
    assert corpus.languages == ["fin"]
    assert corpus.sentences("fin") == ["a", "d"]
    with pytest.raises(LanguageError, match=r"holds 'no language'.*languages=…"):
        corpus_of(rows)


def test_rows_of_one_language_need_no_column():
    assert corpus_of(table(text=["a", "b"]), languages=["Finnish"]).sentences("fin") == ["a", "b"]
    with pytest.raises(TextError, match="language_column=…"):
        corpus_of(table(text=["a", "b"]))


def test_a_column_for_each_language():
    rows = table(id=[1, 2], fin=["yksi", "kaksi"], English=["one", None])
    corpus = corpus_of(rows)
    assert {code: corpus.sentences(code) for code in corpus.languages} == {"fin": ["yksi", "kaksi"], "eng": ["one"]}
    assert corpus_of(rows, ["en"]).sentences("eng") == ["one"]


def test_text_for_languages_that_a_known_corpus_lacks_is_left_out(monkeypatch):
    asked = []
    monkeypatch.setattr("xsns_hf.text.converting.hub_corpus", lambda name, codes: asked.append(codes))
    corpus_for("wikiann", ["fin", "deu", "aaq"])
    assert asked == [["fin", "deu"]]
    assert corpus_for("sample", ["aaq"]).name == "sample"


def test_a_corpus_known_by_name():
    assert "fin" in corpus_of("sample").languages
    with pytest.raises(TextError, match=r"languages=…"):
        corpus_of("wikiann")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"fin": "yksi"}, "isn't a list of sentences"),
        ({"fin": ["yksi"], "fi": ["kaksi"]}, "'fin' and 'fi' are both fin"),
        ({"fin": [" "]}, "no text of fin"),
        ({}, "no text of any language"),
        (["yksi"], "can't be a list"),
        ("nowhere", "say of which languages with languages=…"),
        (table(lang=["fi"], number=[1]), "column=…"),
        (table(lang=["fi"], text=[1]), "something other than text"),
        (datasets.DatasetDict(train=table(text=["a"]), test=table(text=["b"])), "Not all splits are named"),
    ],
)
def test_what_is_no_text_is_said_in_a_sentence(text, said):
    with pytest.raises(TextError, match=said):
        corpus_of(text)


def test_a_language_that_isn_t_there():
    with pytest.raises(TextError, match=r"no text for Swedish \(swe\)"):
        corpus_of({"fin": ["yksi"]}, ["sv"])
