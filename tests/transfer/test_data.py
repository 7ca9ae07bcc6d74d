"""Labelled data: what is trained on and tested on, and what is said of rows and files that are wrong."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_text import row, write

from transfer.runs import SIZES, originals
from xsns_hf.errors import XsnsError
from xsns_hf.tasks import load_task
from xsns_hf.tasks.rows import DataError
from xsns_hf.transfer.data import TaskData

POS, NLI = row("pos", "It rains in Finland .", 0), row("nli", "It rains.", 0)


QA = {"question": "Where?", "context": "In Finland.", "answers": [{"text": "Finland", "start": 3}]}


@settings(max_examples=60, deadline=None)
@given(
    codes=st.sets(st.sampled_from(sorted(SIZES)), min_size=1),
    limit=st.none() | st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_a_mix_takes_equal_shares_and_no_more_than_the_limit(labelled, codes, limit, seed):
    train, dev = TaskData(load_task("pos"), labelled / "pos").training("+".join(sorted(codes)), limit, seed)
    language = originals(labelled, "train") | originals(labelled, "dev")
    shares = [[language[tuple(sentence.words)] for sentence in sentences] for sentences in (train, dev)]
    for share in shares:
        counts = {share.count(code) for code in codes}
        assert set(share) == codes, "none is left out"
        assert len(counts) == 1
        assert limit is None or len(share) <= max(limit, len(codes))
    # A tenth of Finnish and of Russian is held out: one row each.
    available = min({"eng": 12, "fin": 8, "rus": 6}[code] for code in codes)
    share = available if limit is None else max(1, min(available, limit // len(codes)))
    assert len(train) == share * len(codes)


@pytest.mark.parametrize("source", ["eng", "fin", "fin+rus"])
def test_development_rows_are_not_trained_on_and_the_same_for_all_seeds(labelled, source):
    data = TaskData(load_task("pos"), labelled / "pos")
    drawn = [data.training(source, None, seed) for seed in range(3)]
    words = [[{tuple(sentence.words) for sentence in sentences} for sentences in sets] for sets in drawn]
    assert all(dev and not train & dev for train, dev in words)
    assert all(dev == drawn[0][1] for _, dev in drawn)
    assert drawn[0][0] != drawn[1][0], "the order of training examples is the seed's"
    if source == "eng":
        assert words[0][1] == set(originals(labelled, "dev"))


def test_a_smaller_draw_is_the_beginning_of_a_larger_one(labelled):
    data = TaskData(load_task("pos"), labelled / "pos")
    assert data.test("rus", 3) == data.test("rus", None)[:3]
    assert data.training("fin", 4, 1)[0] == data.training("fin", None, 1)[0][:4]


def test_a_question_without_an_answer_is_left_out(tmp_path):
    rows = [row("qa", "It rains in Finland.", 1), {"question": "Why?", "context": "It rains.", "answers": []}]
    squad = {"question": "Who?", "context": "It rains.", "answers": {"text": ["It"], "answer_start": [0]}}
    write(tmp_path / "fin" / "test.jsonl", [*rows, squad])
    questions = TaskData(load_task("qa"), tmp_path).test("fin", None)
    assert sorted(example.question for example in questions) == ["Where?", "Who?"]


def test_a_corpus_that_is_not_known(tmp_path):
    task = replace(load_task("pos"), corpus="no-such-corpus")
    with pytest.raises(XsnsError, match="no-such-corpus"):
        TaskData(task).test("fin", None)
    with pytest.raises(XsnsError, match="no-such-corpus"):
        TaskData(task).training("fin", None, 0)


def test_two_folders_of_one_language(own):
    (own / "Finnish").mkdir()
    with pytest.raises(XsnsError, match=r"own/Finnish and .*own/fin are both Finnish: merge or remove one"):
        TaskData(load_task("pos"), own).test("fin", None)


@pytest.mark.parametrize(
    ("task", "wrong", "message"),
    [
        ("pos", POS | {"upos": ["NOUN"]}, "5 words with 1 labels"),
        ("pos", POS | {"upos": None}, "5 words with 0 labels"),
        ("pos", {"tokens": ["a"]}, "has no column 'upos'"),
        ("pos", POS | {"upos": ["NOUN"] * 4 + ["FOO"]}, "the label 'FOO' is none of ADJ, ADP"),
        ("pos", POS | {"upos": [17] * 5}, "the label 17 is none of"),
        ("pos", POS | {"tokens": [*"abcd", None]}, "a word is no text"),
        ("pos", POS | {"tokens": None}, "not iterable"),
        ("ner", {"tokens": ["a"], "ner_tags": ["B-MISC"]}, "the label 'B-MISC' is none of O, B-PER"),
        ("nli", NLI | {"label": -1}, "the label -1 is none of entailment, neutral, contradiction"),
        ("nli", NLI | {"label": None}, "the label None is none of"),
        ("nli", NLI | {"premise": None}, "premise or hypothesis is no text"),
        ("pi", row("pi", "It rains.", 0) | {"label": True}, "the label True is none of 0, 1"),
        ("qa", QA | {"answers": [{"text": "Finland", "start": 2}]}, "the answer 'Finland' isn't at character 2"),
        ("qa", QA | {"answers": [{"text": "Finland"}]}, "has no column 'start'"),
        ("qa", QA | {"answers": None}, "line 2"),
        ("qa", QA | {"context": None}, "line 2"),
        ("qa", QA | {"question": None}, "no text"),
    ],
)
def test_a_wrong_row_is_named_with_file_and_line(tmp_path, task, wrong, message):
    right = {"pos": POS, "nli": NLI, "qa": QA}.get(task, row(task, "It rains in Finland .", 0))
    write(tmp_path / "fin" / "test.jsonl", [right, wrong])
    with pytest.raises(DataError, match=r"fin/test\.jsonl, line 2: ") as error:
        TaskData(load_task(task), tmp_path).test("fin", None)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"test\.jsonl holds no example of part-of-speech tagging"),
        (b'{"tokens": [], "upos": []}\n', r"test\.jsonl holds no example of part-of-speech tagging"),
        (b'{"tokens": ["a"], "upos": ["X"]}\n{"tokens"\n', r"test\.jsonl, line 2: it isn't JSON \(.*\): correct or"),
        (b'{"tokens": ["a"], "upos": ["X"]}\n[1]\n', r"test\.jsonl, line 2: it is no JSON object: give one row a line"),
        ("tokens: ä".encode("latin-1"), r"test\.jsonl isn't UTF-8 \(byte 8\); convert it"),
    ],
)
def test_a_file_that_is_not_of_rows(tmp_path, content, message):
    (tmp_path / "fin").mkdir()
    (tmp_path / "fin" / "test.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        TaskData(load_task("pos"), tmp_path).test("fin", None)


def test_a_language_without_a_set_and_one_with_a_single_example(own):
    data = TaskData(load_task("pos"), own)
    (own / "fin" / "test.jsonl").unlink()
    with pytest.raises(DataError, match=r"own has no test set for Finnish \(fin\)"):
        data.test("fin", None)
    with pytest.raises(DataError, match=r"own has no training set for Swedish \(swe\)"):
        data.training("swe", None, 0)
    with pytest.raises(DataError, match=r"no training set for Swedish"):
        data.training("fin+swe", None, 0)
    write(own / "fin" / "train.jsonl", [POS])
    with pytest.raises(DataError, match=r"train\.jsonl holds a single example: give more, or a development set"):
        data.training("fin", None, 0)


@pytest.mark.parametrize("character", ["\u2028", "\u0085", "\x0b", "\u001c"])
def test_characters_that_only_look_like_the_end_of_a_line(tmp_path, character):
    """They occur in text from the web; JSON has the last two escaped."""
    write(tmp_path / "fin" / "test.jsonl", [{"tokens": [f"a{character}b", "c"], "upos": ["X", "X"]}])
    [sentence] = TaskData(load_task("pos"), tmp_path).test("fin", None)
    assert sentence.words == [f"a{character}b", "c"]
