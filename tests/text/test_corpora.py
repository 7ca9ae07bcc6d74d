import csv
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify
from xsns_hf.text.corpus import Example, Sentences, draw, revision
from xsns_hf.text.folder import SAMPLE_TEXT, Files, sample_corpus, sample_sources, text_folder

GOLD = SAMPLE_TEXT.parent / "gold" / "xpos.csv"
SAMPLE = sample_corpus()


@pytest.fixture
def folder(tmp_path):
    def write(**files: str | bytes):
        for stem, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            (tmp_path / f"{stem}.txt").write_bytes(data)
        return tmp_path

    return write


def test_a_folder_is_a_corpus(folder):
    corpus = text_folder(folder(fi="Yksi.\nKaksi.\n", eng_Latn="One.\n", no="En.\n"), name="My Corpus (2)")
    assert corpus.name == "my-corpus-2"
    assert not corpus.licences
    assert corpus.languages == ["eng", "fin", "nob"]
    assert corpus.sentences("Finnish") == corpus.sentences("fin") == ["Yksi.", "Kaksi."]


def test_the_name_is_the_folders(folder):
    path = folder(fi="Yksi.")
    assert text_folder(path).name == path.name.lower().replace("_", "-")


def test_bom_blank_lines_and_white_space_are_dropped(folder):
    corpus = text_folder(folder(fi="\ufeff Yksi.\r\n\r\n  \nKaksi\u2028ja kolme.\u00a0"))
    assert corpus.sentences("fi") == ["Yksi.", "Kaksi\u2028ja kolme."]


def test_the_revision_follows_the_sentences(folder):
    corpus = text_folder(folder(fi="Yksi.\nKaksi.\n"))
    before = revision(corpus, "fi")
    assert len(before) == 64
    folder(fi="\ufeffYksi.\r\n\r\n Kaksi.")
    assert revision(corpus, "fin") == before
    folder(fi="Yksi.\nKolme.\n")
    assert revision(corpus, "fi") != before


def fails(match, function, *arguments):
    with pytest.raises(XsnsError, match=match):
        function(*arguments)


def test_missing_folder(tmp_path):
    fails("no folder .*nowhere", text_folder, tmp_path / "nowhere")


def test_folder_without_text(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    fails("holds no text", text_folder, tmp_path)


def test_file_that_is_no_language(folder):
    fails(r"swahilli\.txt isn't named by a language.*Swahili \(swh\)", text_folder, folder(swahilli="Moja."))


def test_two_files_of_one_language(folder):
    fails(r"en\.txt and eng\.txt are both eng", text_folder, folder(en="One.", eng="One."))


def test_language_that_is_not_there(folder):
    corpus = text_folder(folder(fi="Yksi.", et="Üks."), "mine")
    fails(r"'mine' has no text for Swahili \(swh\); it has ekk, fin\.", corpus.sentences, "sw")
    fails("'finish' is not a language", corpus.sentences, "finish")


@pytest.mark.parametrize("text", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_empty_file(folder, text):
    fails(r"fi\.txt holds no text", text_folder(folder(fi=text)).sentences, "fi")


def test_file_that_is_not_utf8(folder):
    fails(r"fi\.txt isn't UTF-8 \(byte 3\).*iconv", revision, text_folder(folder(fi=b"Hyv\xe4\xe4.")), "fi")


def test_file_that_is_gone(folder):
    path = folder(fi="Yksi.")
    corpus = text_folder(path)
    (path / "fi.txt").unlink()
    fails(r"can't read .*fi\.txt", corpus.sentences, "fi")


def test_an_example_is_a_line_of_the_corpus():
    sentences = SAMPLE.sentences("swh")
    for example in draw(SAMPLE, "swh", 50, seed=3):
        assert example == Example(example.line, sentences[example.line])


@pytest.mark.thorough
@given(st.sampled_from(SAMPLE.languages), st.integers(1, 500), st.integers(1, 500), st.integers(0, 2**40))
def test_draws_are_nested_and_without_replacement(language, fewer, more, seed):
    fewer, more = sorted((fewer, more))
    drawn = draw(SAMPLE, language, more, seed)
    assert len(drawn) == min(more, len(SAMPLE.sentences(language)))
    assert len({example.line for example in drawn}) == len(drawn)
    assert draw(SAMPLE, language, fewer, seed) == drawn[:fewer]


def test_a_draw_depends_on_seed_and_language_alone(folder):
    text = "\n".join(str(number) for number in range(100))
    both, one = text_folder(folder(fi=text, sw=text)), Files("one", {"fin": folder() / "fi.txt"})
    assert draw(both, "fi", 10, 1) == draw(both, "fin", 10, 1) == draw(one, "Finnish", 10, 1)
    assert draw(both, "fi", 10, 1) != draw(both, "sw", 10, 1)
    assert draw(both, "fi", 10, 1) != draw(both, "fi", 10, 2)


def test_a_draw_stays_the_same_from_release_to_release():
    assert [example.line for example in draw(SAMPLE, "fin", 8, 42)] == [288, 63, 87, 278, 208, 379, 259, 331]


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (-5, 1), (10, -1)])
def test_impossible_draw(count, seed):
    fails(f"can't draw {count} examples with seed {seed}", draw, SAMPLE, "fin", count, seed)


def test_the_sample_has_enough_languages_and_sentences():
    assert SAMPLE.name == "sample"
    assert len(SAMPLE.languages) >= 40
    for language in SAMPLE.languages:
        sentences = SAMPLE.sentences(language)
        assert len(sentences) >= 300, language
        assert len(set(sentences)) == len(sentences), language
        assert max(map(len, sentences)) <= 300, language


def test_every_sample_file_is_under_its_canonical_code_and_has_a_source():
    rows = {row["language"]: row for row in sample_sources()}
    assert sorted(rows) == SAMPLE.languages == sorted(file.stem for file in SAMPLE_TEXT.glob("*.txt"))
    for code, row in rows.items():
        assert int(row["sentences"]) == len(SAMPLE.sentences(code))
        assert row["source"] and row["attribution"]


def test_all_sample_text_may_be_shipped():
    free = {"Apache-2.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"}
    assert sorted(SAMPLE.licences) == SAMPLE.languages
    assert {part for licence in SAMPLE.licences.values() for part in licence.split(" AND ")} == free
    assert sum(file.stat().st_size for file in SAMPLE_TEXT.iterdir()) < 3_000_000


def test_the_gold_scores_are_percentages_of_languages_in_the_sample():
    with GOLD.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = Counter((row["source"], row["target"]) for row in rows)
    assert set(pairs.values()) == {1}
    languages = {code for pair in pairs for code in pair}
    assert languages <= set(SAMPLE.languages)
    assert len({source for source, _ in pairs}) >= 40
    assert len(pairs) == len({source for source, _ in pairs}) * len({target for _, target in pairs})
    assert all(code == identify(code) for code in languages)
    assert all(0 <= float(row["score"]) <= 100 for row in rows)
    assert pairs[("nob", "nob")] and pairs[("srp_Latn", "hrv")]


def test_other_kinds_of_files(tmp_path):
    (tmp_path / "fin.jsonl").write_text('{"text": "Hyvää huomenta."}\n\n{"tokens": ["Mitä", "kuuluu", "?"]}\n', "utf-8")
    (tmp_path / "swe.conllu").write_text("# sent_id = 1\n# text = God morgon.\n1\tGod\n\n# text=Hej.\n", "utf-8")
    pq.write_table(pa.table({"text": ["Guten\nMorgen."], "label": [1]}), tmp_path / "deu.parquet")
    (tmp_path / "notes.md").write_text("none of these")
    corpus = text_folder(tmp_path)
    assert corpus.languages == ["deu", "fin", "swe"]
    assert corpus.sentences("fin") == ["Hyvää huomenta.", "Mitä kuuluu ?"]
    assert corpus.sentences("swe") == ["God morgon.", "Hej."]
    assert corpus.sentences("deu") == ["Guten Morgen."]


@pytest.mark.parametrize(("name", "content"), [("fin.jsonl", "{"), ("fin.jsonl", '{"label": 1}'), ("fin.parquet", "x")])
def test_files_that_are_not_what_they_are_called(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(XsnsError, match=r"isn't \.\w+ with a text|line 1: it isn't JSON"):
        text_folder(tmp_path).sentences("fin")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"premise": "It rains.", "hypothesis": "It is wet.", "label": 0}, "It rains."),
        ({"sentence1": "It rains.", "sentence2": "Rain falls.", "label": 1}, "It rains. Rain falls."),
        ({"question": "Does it?", "context": "It rains.", "answers": []}, "Does it? It rains."),
        ({"tokens": ["It", "rains", "."], "upos": ["PRON", "VERB", "PUNCT"]}, "It rains ."),
    ],
)
def test_the_rows_of_tasks_are_text_too(tmp_path, row, expected):
    path = tmp_path / "eng.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in (row, row, {"text": "More."}, row)), encoding="utf-8")
    assert text_folder(tmp_path).sentences("eng") == [expected, "More.", expected]


def test_sentences_in_memory_are_a_corpus_like_files(folder):
    lines = ["  Hyvää huomenta. ", "", "Kaksi\nriviä"]
    memory, files = Sentences("own", {"fin": lines}), text_folder(folder(fi="Hyvää huomenta.\nKaksi riviä"), "own")
    assert memory.languages == files.languages == ["fin"]
    assert memory.sentences("Finnish") == files.sentences("fi") == ["Hyvää huomenta.", "Kaksi riviä"]
    assert revision(memory, "fin") == revision(files, "fin")
    assert draw(memory, "fin", 2, 0) == draw(files, "fin", 2, 0)
    fails(r"corpus 'own' has no text for Swedish \(swe\); it has fin", memory.sentences, "swe")
    fails(r"own holds no labels", memory.rows, "fin")
