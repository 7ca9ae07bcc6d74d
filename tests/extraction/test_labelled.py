"""Labelled examples and random task heads: the labels sit where they should, the losses are the tasks' own."""

import json

import numpy as np
import pytest
import torch
from conftest import tiny_tokenizer, tiny_xlmr
from torch.nn import functional as F

from xsns_hf.errors import XsnsError
from xsns_hf.extraction.batches import collate
from xsns_hf.extraction.labelled import END, LABELLED, START, labelled_examples
from xsns_hf.extraction.random_heads import random_head
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.objectives import IGNORED
from xsns_hf.text.folder import text_folder

TAGGED = {"tokens": ["Finland", "borders", "Sweden", "."], "upos": ["PROPN", "VERB", "PROPN", "PUNCT"]}
PAIR = {"premise": "It rains in Finland.", "hypothesis": "It is wet.", "label": "entailment"}
QUESTION = {
    "question": "Where does it rain?",
    "context": "Finland borders Sweden. It rains in Finland all day.",
    "answers": [{"text": "in Finland", "start": 33}],
}
ROWS = {"token-classification": TAGGED, "pair-classification": PAIR, "span-extraction": QUESTION}


@pytest.fixture
def encode(tmp_path):
    """Encode rows as English ones of an objective."""

    def run(objective: str, *rows: dict, max_length: int = 60):
        path = tmp_path / "task"
        path.mkdir(exist_ok=True)
        (path / "eng.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return labelled_examples(
            tiny_tokenizer(), text_folder(path), "eng", objective=objective, count=99, seed=0, max_length=max_length
        )

    return run


def test_the_first_sub_word_of_each_word_is_labelled(encode):
    [example] = encode("token-classification", TAGGED)
    words = tiny_tokenizer()(TAGGED["tokens"], is_split_into_words=True).word_ids()
    names = LABELLED["token-classification"][0].classes
    labelled = np.flatnonzero(example.labels != IGNORED)
    assert [words[position] for position in labelled] == [0, 1, 2, 3]
    assert all(words[position - 1] != words[position] for position in labelled)
    assert [names[label] for label in example.labels[labelled]] == TAGGED["upos"]


def test_a_pair_is_labelled_at_its_first_token(encode):
    [example] = encode("pair-classification", PAIR | {"label": "neutral"})
    assert example.labels[0] == 1
    assert (example.labels[1:] == IGNORED).all()
    [paraphrase] = encode("pair-classification", {"sentence1": "It rains.", "sentence2": "Rain falls.", "label": 1})
    assert paraphrase.labels[0] == 1


def test_a_span_starts_and_ends_at_its_tokens(encode):
    [example] = encode("span-extraction", QUESTION)
    labelled = np.maximum(example.labels, 0)
    [start], [end] = np.flatnonzero(labelled & START), np.flatnonzero(labelled & END)
    offsets = tiny_tokenizer()(QUESTION["question"], QUESTION["context"], return_offsets_mapping=True)["offset_mapping"]
    assert QUESTION["context"][offsets[start][0] : offsets[end][1]] == "in Finland"
    squad = QUESTION | {"answers": {"text": ["in Finland"], "answer_start": [33]}}
    [same] = encode("span-extraction", squad)
    assert (same.labels == example.labels).all()


@pytest.mark.parametrize("answers", [[], [{"text": "", "start": 0}], [{"text": "in Finland all day.", "start": 33}]])
def test_an_answer_that_is_missing_or_cut_off_is_at_the_first_token(encode, answers):
    max_length = len(tiny_tokenizer()(QUESTION["question"], QUESTION["context"])["input_ids"]) - 3
    [example] = encode("span-extraction", QUESTION | {"answers": answers}, max_length=max_length)
    assert example.labels[0] == START + END
    assert (example.labels[1:] <= 0).all()


def test_a_question_that_leaves_no_room_is_cut(encode):
    [example] = encode("span-extraction", QUESTION | {"question": "Where does it rain? " * 30})
    assert example.length <= 60
    assert (example.labels >= 0).sum() > 10, "tokens of the context"


def test_a_word_whose_label_is_ignored_is_not_predicted(encode):
    [example] = encode("token-classification", {"tokens": ["du", "de", "le"], "upos": ["_", "ADP", "DET"]})
    assert (example.labels != IGNORED).sum() == 2


@pytest.mark.parametrize(
    ("objective", "row", "message"),
    [
        (
            "token-classification",
            TAGGED | {"upos": ["PROPN", "VERB", "PROPN", "FOO"]},
            r"eng\.jsonl, row 1: the label 'FOO' is none of",
        ),
        ("token-classification", TAGGED | {"upos": ["PROPN"]}, "row 1: 4 words with 1 labels: correct or remove it"),
        ("pair-classification", PAIR | {"label": 7}, "the label 7 is none of entailment, neutral"),
        ("pair-classification", {"text": "It rains."}, r"its rows need premise\+hypothesis\+label or sentence1"),
        ("span-extraction", TAGGED, r"isn't for span-extraction"),
        ("span-extraction", QUESTION | {"answers": [{"text": "Sweden", "start": 3}]}, "isn't at character 3"),
    ],
)
def test_rows_that_do_not_fit_are_named(encode, objective, row, message):
    with pytest.raises(XsnsError, match=message):
        encode(objective, row)


def test_plain_text_has_no_labels(text):
    with pytest.raises(XsnsError, match="holds no labels"):
        text_folder(text).rows("fin")


@pytest.mark.parametrize("objective", ROWS)
def test_the_fisher_information_is_that_of_the_tasks_own_loss(encode, objective):
    """Against autograd, an example at a time, with the loss written out as transformers has it."""
    second = json.loads(json.dumps(ROWS[objective]).replace("It rains in", "Much rain falls on"))
    if objective == "span-extraction":
        second["answers"] = [{"text": "Sweden", "start": 16}]
    examples = encode(objective, ROWS[objective], second)
    body = tiny_xlmr().roberta
    head = random_head(objective, len(LABELLED[objective][0].classes), body.config.hidden_size, seed=3)
    fisher = ExactFisher(body)
    losses = fisher.add(**collate(examples, 1, torch.device("cpu")), head=head)
    expected = torch.zeros(fisher.layout.size)
    parameters = block_parameters(body)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    for example, loss in zip(examples, losses, strict=True):
        hidden = body(input_ids=torch.tensor(example.tokens)[None]).last_hidden_state[0]
        own = plain_loss(objective, head, hidden, torch.tensor(example.labels))
        assert loss == pytest.approx(own.item(), rel=1e-5)
        gradients = torch.autograd.grad(own, list(parameters.values()))
        expected += torch.cat([gradient.flatten() for gradient in gradients]) ** 2
    torch.testing.assert_close(fisher.sums, expected, rtol=1e-3, atol=1e-12)


def plain_loss(objective: str, head, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if objective == "token-classification":
        return F.cross_entropy(head(hidden), labels, ignore_index=IGNORED)
    if objective == "pair-classification":
        return F.cross_entropy(head(hidden[:1]), labels[:1])
    scores = head.output(hidden).masked_fill((labels == IGNORED)[:, None], float("-inf"))
    start, end = (int(torch.nonzero((labels > 0) & (labels & part > 0))[0]) for part in (START, END))
    wanted = torch.tensor([[start], [end]])
    return (F.cross_entropy(scores.T[:1], wanted[0]) + F.cross_entropy(scores.T[1:], wanted[1])) / 2


def test_a_head_is_a_function_of_its_seed():
    first, again, another = (random_head("pair-classification", 3, 8, seed) for seed in (0, 0, 1))
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, another[0].weight)
