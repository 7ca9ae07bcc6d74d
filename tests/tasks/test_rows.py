"""Rows of the paper's tasks: what is read of them, whichever way their labels are written, and what is refused."""

import pytest

from xsns_hf.tasks import load_task
from xsns_hf.tasks.rows import DataError, Pair, Question, Words, read_row

CONTEXT = "Finland borders Sweden."


@pytest.mark.parametrize(
    ("task", "row", "expected"),
    [
        ("pos", {"tokens": ["It", "rains"], "upos": ["PRON", "VERB"]}, Words(["It", "rains"], [10, 15])),
        ("pos", {"tokens": ["It", "rains"], "upos": [10, 15]}, Words(["It", "rains"], [10, 15])),
        ("pos", {"tokens": ["du", "de"], "upos": ["_", "ADP"]}, Words(["du", "de"], [None, 1])),
        ("nli", {"premise": "a", "hypothesis": "b", "label": "neutral"}, Pair(("a", "b"), 1)),
        ("pi", {"sentence1": "a", "sentence2": "b", "label": "0"}, Pair(("a", "b"), 0)),
        ("pi", {"sentence1": "a", "sentence2": "b", "label": 1}, Pair(("a", "b"), 1)),
        (
            "qa",
            {"question": "Who?", "context": CONTEXT, "answers": [{"text": "Sweden", "start": 16}]},
            Question("Who?", CONTEXT, [("Sweden", 16)]),
        ),
        (
            "qa",
            {"question": "Who?", "context": CONTEXT, "answers": {"text": ["Sweden"], "answer_start": [16]}},
            Question("Who?", CONTEXT, [("Sweden", 16)]),
        ),
        (
            "qa",
            {"question": "Who?", "context": CONTEXT, "answers": [{"text": "", "start": 0}]},
            Question("Who?", CONTEXT, []),
        ),
    ],
)
def test_rows_are_read_as_they_are_written(task, row, expected):
    assert read_row(row, load_task(task), "here") == expected


@pytest.mark.parametrize(
    ("example", "labelled"),
    [
        (Words(["du"], [None]), False),
        (Words(["du", "de"], [None, 1]), True),
        (Pair(("a", "b"), 0), True),
        (Question("Who?", CONTEXT, []), False),
    ],
)
def test_without_a_label_nothing_can_be_learnt(example, labelled):
    assert example.is_labelled == labelled


def test_a_wrong_row_is_named_by_its_place():
    with pytest.raises(DataError, match=r"fin\.jsonl, row 3: has no column 'upos': correct or remove it"):
        read_row({"tokens": ["It"]}, load_task("pos"), "fin.jsonl, row 3")
