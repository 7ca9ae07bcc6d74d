"""Tasks as TOML files: the paper's, a user's own, and what is said of a broken one."""

import pytest

from xsns_hf.errors import XsnsError
from xsns_hf.tasks import METRICS, TASKS, candidate_pool, load_task
from xsns_hf.text.hub import SOURCES

OWN = {
    "about": '"chunks"',
    "kind": '"token-classification"',
    "text": '["words"]',
    "label": '"chunks"',
    "classes": '["O", "B-NP", "I-NP"]',
    "metrics": '["f1"]',
}


@pytest.fixture
def write(tmp_path):
    """Write a task's file, with other entries in place of usual ones; None leaves one out."""

    def run(file: str = "chunks", /, **changed: str | None):
        entries = {key: value for key, value in (OWN | changed).items() if value is not None}
        path = tmp_path / f"{file}.toml"
        path.write_text("\n".join(f"{key} = {value}" for key, value in entries.items()), "utf-8")
        return path

    return run


@pytest.mark.parametrize(
    ("name", "kind", "metric", "languages"),
    [
        ("pos", "token-classification", "accuracy", 20),
        ("ner", "token-classification", "f1", 17),
        ("nli", "pair-classification", "accuracy", 15),
        ("pi", "pair-classification", "accuracy", 7),
        ("qa", "span-extraction", "f1", 8),
    ],
)
def test_the_papers_tasks(name, kind, metric, languages):
    task = load_task(name)
    assert (task.name, task.kind, task.metrics[0]) == (name, kind, metric)
    assert set(task.metrics) <= set(METRICS[kind])
    assert len(set(task.languages)) == languages
    assert candidate_pool(name) == task.languages
    assert set(task.languages) <= set(SOURCES[task.corpus].configs)
    assert {"train", "test"} <= set(task.splits)


def test_classes_are_as_the_datasets_number_them():
    assert load_task("ner").classes == ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    assert load_task("nli").classes == ("entailment", "neutral", "contradiction")
    assert load_task("pi").classes == ("0", "1")
    assert len(set(load_task("pos").classes)) == 17
    assert "kor" not in load_task("qa").languages, "as in the paper"


def test_a_task_of_ones_own_is_read_from_its_path(write):
    task = load_task(write())
    assert (task.name, task.text, task.classes) == ("chunks", ("words",), ("O", "B-NP", "I-NP"))
    assert (task.pool, task.corpus, task.splits, task.languages) == ("", "", {}, [])
    assert 0 < task.held_out < 1
    assert load_task(str(write(pool='"fi swe German"', held_out="0.3"))).languages == ["fin", "swe", "deu"]
    assert load_task(write(held_out="0.3")).held_out == 0.3
    assert load_task(write("pos")).text == ("words",), "not the paper's, though it is called so too"


def test_a_pool_with_something_that_is_no_language(write):
    with pytest.raises(XsnsError, match="klingonese"):
        candidate_pool(str(write(pool='"fi klingonese"')))


@pytest.mark.parametrize("name", ["sentiment", "", "POS", "__init__"])
def test_an_unknown_task(name):
    with pytest.raises(XsnsError, match=f"Unknown task '{name}': use one of {', '.join(TASKS)}"):
        load_task(name)


@pytest.mark.parametrize("content", [None, b"kind = ", b"\xff\xfe", b"kind = 'a'\nkind = 'b'\n"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(XsnsError, match=r"own\.toml (can't be read \(.+\): give a TOML file|is in UTF-16)"):
        load_task(path)


@pytest.mark.parametrize("missing", OWN)
def test_a_key_that_is_missing_is_named(write, missing):
    with pytest.raises(XsnsError, match=rf"chunks\.toml lacks {missing}: see tasks/pos\.toml"):
        load_task(write(**{missing: None}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clases": '["O"]'}, r"has clases, which no task has: see tasks/pos\.toml"),
        ({"name": '"mine"'}, "has name, which no task has"),
        ({"classes": "[]"}, "lacks classes"),
        ({"kind": '"sequence-to-sequence"'}, "is of the kind 'sequence-to-sequence': use one of token-classification"),
        ({"metrics": '["bleu", "f1"]'}, r"is to be scored by bleu: token-classification knows accuracy, f1"),
        ({"kind": '"pair-classification"', "text": '["a", "b"]'}, "scored by f1: pair-classification knows accuracy"),
    ],
)
def test_what_is_wrong_is_said(write, changed, message):
    with pytest.raises(XsnsError, match=message):
        load_task(write(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": '["token-classification"]'},
        {"text": '"words"'},
        {"classes": '"O"'},
        {"metrics": '"f1"'},
        {"classes": "[0, 1]"},
        {"label": '["chunks"]'},
        {"held_out": '"a tenth"'},
        {"held_out": "1.5"},
        {"splits": '["train", "test"]'},
        # Words are one column, question and context two.
        {"text": '["words", "more"]'},
        {"kind": '"span-extraction"'},
    ],
    ids=lambda changed: " ".join(f"{key}={value}" for key, value in changed.items()),
)
def test_an_entry_of_another_type_or_size_is_refused(write, changed):
    with pytest.raises(XsnsError, match=r"chunks\.toml"):
        load_task(write(**changed))
