"""Text on this machine in other forms than a file per language: rows with a language column, saved datasets."""

import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.text.choice import Choice
from xsns_hf.text.folder import sample_corpus
from xsns_hf.text.local import local_text

ROWS = [
    {"body": "Yksi.", "lang": "fi", "n": 1},
    {"body": "Moja.", "lang": "sw", "n": 2},
    {"body": "Kaksi.", "lang": "fin"},
]


def jsonl(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def opened(path, *languages: str, name: str | None = None, **choice: str):
    return local_text(path, list(languages), Choice(**choice), name)


def fails(match: str, path, *languages: str, **choice: str) -> None:
    with pytest.raises(XsnsError, match=match):
        corpus = opened(path, *languages, **choice)
        for code in corpus.languages:
            corpus.sentences(code)


def test_rows_with_a_language_column(tmp_path):
    path = jsonl(tmp_path / "My rows.jsonl", ROWS)
    corpus = opened(path, column="body", language_column="lang")
    assert (corpus.name, corpus.languages) == ("my-rows", ["fin", "swh"])
    assert corpus.sentences("fin") == ["Yksi.", "Kaksi."]
    fails("no column title of text: choose one with column=…: body, lang", path, column="title", language_column="lang")
    iso = {"column": "body", "language_column": "iso"}
    fails("no column iso of languages: choose one with language_column=…: body, lang", path, **iso)
    fails("The column 'n' holds '1', which is no language that we know", path, column="body", language_column="n")
    gaps = opened(jsonl(tmp_path / "x.jsonl", [ROWS[0], {"lang": "fi"}]), language_column="lang", column="body")
    assert gaps.sentences("fin") == [ROWS[0]["body"]], "a row without text is none"


def test_a_file_of_one_language(tmp_path):
    path = jsonl(tmp_path / "rows.jsonl", ROWS)
    assert opened(path, "fin", column="body").sentences("fin") == ["Yksi.", "Moja.", "Kaksi."]
    fails("isn't named by a language, as swh.txt is: say which it is with languages=…", path, column="body")
    fails("is one file, for one language: give a folder", path, "fin", "swh", column="body")
    fails("name the column that is the text with column=…", path, "fin")
    (tmp_path / "swh.txt").write_text("Moja.\n")
    assert opened(tmp_path / "swh.txt").sentences("swh") == ["Moja."]
    fails("column='body' is of rows, of which swh has none", tmp_path / "swh.txt", column="body")
    fails("config='x' is of a dataset on the Hub", tmp_path / "swh.txt", config="x")
    fails("split='x' is of a dataset", tmp_path / "swh.txt", split="x")
    (tmp_path / "x.csv").write_text("a,b")
    fails("is of no kind that can be read: give a .txt, .jsonl", tmp_path / "x.csv", "fin")
    fails("there is no folder", tmp_path / "nowhere")


def test_a_folder_of_rows_with_a_named_column(tmp_path):
    jsonl(tmp_path / "fin.jsonl", ROWS[:1])
    jsonl(tmp_path / "swh.jsonl", ROWS[1:2])
    corpus = opened(tmp_path, column="body", name="mine")
    assert (corpus.name, corpus.sentences("swh")) == ("mine", ["Moja."])
    fails("language_column='lang' is of a file or dataset", tmp_path, language_column="lang")


def test_a_saved_dataset_with_a_language_column(tmp_path):
    features = Features({"body": Value("string"), "lang": ClassLabel(names=["sw", "fi"])})
    rows = Dataset.from_dict({"body": ["Yksi.", "Moja."], "lang": [1, 0]}, features=features)
    rows.save_to_disk(tmp_path / "saved")
    corpus = opened(tmp_path / "saved", language_column="lang")
    assert (corpus.name, corpus.languages, corpus.sentences("fin")) == ("saved", ["fin", "swh"], ["Yksi."])
    assert opened(tmp_path / "saved").languages == ["fin", "swh"], "a column of such a name says the language"
    rows.rename_column("lang", "which").save_to_disk(tmp_path / "unnamed")
    fails(r"No column of body, which is known to hold languages", tmp_path / "unnamed")
    DatasetDict({"train": rows.select([0]), "test": rows.select([1])}).save_to_disk(tmp_path / "splits")
    assert opened(tmp_path / "splits", language_column="lang").languages == ["fin"]
    assert opened(tmp_path / "splits", language_column="lang", split="test").languages == ["swh"]
    fails("has no split dev: choose one with split=…: train, test", tmp_path / "splits", split="dev")


def test_a_saved_dataset_with_a_split_for_each_language(tmp_path):
    splits = {"fi": Dataset.from_dict({"tokens": [["Yksi", "."]]}), "sw": Dataset.from_dict({"text": ["Moja."]})}
    DatasetDict(splits).save_to_disk(tmp_path / "saved")
    corpus = opened(tmp_path / "saved")
    assert corpus.languages == ["fin", "swh"]
    assert (corpus.sentences("fin"), corpus.sentences("swh")) == (["Yksi ."], ["Moja."])
    for file in (tmp_path / "saved").rglob("*.arrow"):
        file.write_bytes(b"x")
    fails("can't be read as a dataset", tmp_path / "saved")


@pytest.mark.thorough
def test_masks_of_rows_and_of_a_saved_dataset_are_the_same(tiny, xsns, tmp_path):
    rows = [{"body": text, "lang": code} for code in ("fi", "en") for text in sample_corpus().sentences(code)[:40]]
    jsonl(tmp_path / "rows.jsonl", rows)
    Dataset.from_list(rows).save_to_disk(tmp_path / "rows")
    usual = ["extract", "--model", tiny, "--processes", 1, "--examples", 16, "--seeds", 1, "--language-column", "lang"]
    digests = []
    for text in ("rows.jsonl", "rows"):
        code, _, errors = xsns(*usual, "--text", tmp_path / text, "--out", tmp_path / f"masks-{text}")
        assert code == 0, errors
        index = MaskRepository(tmp_path / f"masks-{text}").index()
        digests.append([*index["language"], *index["corpus_revision"], *index["recipe"]])
    assert digests[0] == digests[1]
