"""How rows become model input, and predictions scores: labels sit where they should, metrics are as worked by hand."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from conftest import SPECIAL, tiny_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from xsns_hf.models.objectives import IGNORED
from xsns_hf.tasks import load_task
from xsns_hf.text.folder import sample_corpus
from xsns_hf.transfer import Settings
from xsns_hf.transfer.pairs import Pairs
from xsns_hf.transfer.spans import Spans, exact_match, f1, normal
from xsns_hf.transfer.tokens import Tokens

SHORT = Settings(longest=32, stride=8)
quickly = settings(max_examples=60, deadline=None)
words = st.lists(st.text("abcdefghijklmnopäßжя", min_size=1, max_size=9), min_size=1, max_size=40)


def as_xlmr() -> PreTrainedTokenizerFast:
    """Train a tokenizer that writes the space before a word into its first piece, as XLM-R's does."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    lines = [line for code in ("eng", "fin", "rus") for line in sample_corpus().sentences(code)[:50]]
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=SPECIAL, unk_token="<unk>", initial_alphabet=list("abcdefghijklmnopäßжя")
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


MAKERS = {"word pieces": tiny_tokenizer, "sentence pieces": as_xlmr}
each_tokenizer = pytest.mark.parametrize("tokenizer", MAKERS)


@cache
def trained(tokenizer: str) -> PreTrainedTokenizerFast:
    return MAKERS[tokenizer]()


def tokens(task: str = "pos", tokenizer: str = "word pieces", settings: Settings = SHORT) -> Tokens:
    return Tokens(load_task(task), trained(tokenizer), settings)


def tagged(*labels: str) -> dict:
    words = ["Finland", "borders", "Sweden", ".", "It", "rains"] * 4
    return {"tokens": words[: len(labels)], "upos": list(labels)}


def entities(*labels: str) -> dict:
    return {"tokens": ["word"] * len(labels), "ner_tags": list(labels)}


# --- words and their labels


@each_tokenizer
@quickly
@given(words=words)
def test_the_first_sub_word_of_each_word_is_labelled_and_nothing_else(tokenizer, words):
    kind = tokens(tokenizer=tokenizer, settings=replace(SHORT, longest=999))
    # Neighbouring words have different labels, so that one shifted by a word would be noticed.
    labels = [kind.task.classes[number % 17] for number in range(len(words))]
    [example] = kind.encode([{"tokens": words, "upos": labels}])
    of_words = trained(tokenizer)(words, is_split_into_words=True).word_ids()
    labelled = [position for position, label in enumerate(example["labels"]) if label != IGNORED]
    assert [of_words[position] for position in labelled] == list(range(len(words)))
    assert all(of_words[position - 1] != of_words[position] for position in labelled)
    assert [kind.task.classes[example["labels"][position]] for position in labelled] == labels


def test_special_tokens_further_sub_words_and_padding_are_not_labelled():
    kind = tokens()
    long, short = kind.encode([tagged("PROPN", "VERB", "PROPN", "PUNCT"), tagged("NOUN")])
    assert len(long["input_ids"]) > 6, "a word has several sub-words"
    assert sum(label != IGNORED for label in long["labels"]) == 4
    assert long["labels"][0] == long["labels"][-1] == IGNORED
    batch = kind.collator([long, short])
    padding = batch["attention_mask"][1] == 0
    assert padding.any()
    assert (batch["labels"][1][padding] == IGNORED).all()
    assert (batch["input_ids"][1][padding] == trained("word pieces").pad_token_id).all()


def test_a_word_without_sub_words_shifts_no_label():
    kind = tokens()
    [example] = kind.encode([{"tokens": ["\u00a0", "It", " ", "rains"], "upos": ["X", "PRON", "SYM", "VERB"]}])
    labels = [kind.task.classes[label] for label in example["labels"] if label != IGNORED]
    assert labels == ["PRON", "VERB"]


def test_words_that_are_cut_off_are_neither_labelled_nor_scored():
    whole, cut = tokens(settings=Settings(longest=99)), tokens()
    tags = ["PROPN", "VERB", "PROPN", "PUNCT"] * 6
    row = tagged(*tags)
    [example], [shorter] = whole.encode([row]), cut.encode([row])
    assert len(shorter["input_ids"]) == len(shorter["labels"]) == 32
    assert shorter["labels"][:-1] == example["labels"][:31]
    left = [label for label in shorter["labels"] if label != IGNORED]
    assert 0 < len(left) < 24
    wrong_only_where_cut = said(cut, [shorter], [tags[: len(left)]])
    assert cut.scores([row], [shorter], wrong_only_where_cut)["accuracy"] == 100


def test_a_label_that_is_ignored_is_neither_trained_on_nor_scored():
    kind = tokens()
    row = {"tokens": ["du", "de", "le", "bois"], "upos": ["_", "ADP", "DET", "NOUN"]}
    [example] = kind.encode([row])
    assert [label for label in example["labels"] if label != IGNORED] == [
        kind.task.classes.index(label) for label in ("ADP", "DET", "NOUN")
    ]
    assert kind.scores([row], [example], said(kind, [example], [["ADP", "DET", "NOUN"]]))["accuracy"] == 100


def said(kind: Tokens, encoded: list[dict], predicted: list[list[str]]) -> np.ndarray:
    """Return predictions as the trainer gives them: padded, and with some class at every unlabelled position too."""
    found = np.full((len(encoded), max(len(each["labels"]) for each in encoded) + 3), IGNORED)
    for line, (example, names) in enumerate(zip(encoded, predicted, strict=True)):
        labels = np.array(example["labels"])
        found[line, : len(labels)] = np.arange(len(labels)) % len(kind.task.classes)
        found[line, np.flatnonzero(labels != IGNORED)] = [kind.task.classes.index(name) for name in names]
    return found


def scored(task: str, true: list[dict], predicted: list[list[str]]) -> dict[str, float]:
    kind = tokens(task)
    encoded = kind.encode(true)
    return kind.scores(true, encoded, said(kind, encoded, predicted))


def test_accuracy_is_over_words_and_sentence_accuracy_over_sentences():
    true = [tagged("PROPN", "VERB", "PROPN", "PUNCT"), tagged("NOUN")]
    found = scored("pos", true, [["PROPN", "VERB", "NOUN", "PUNCT"], ["VERB"]])
    assert found == pytest.approx({"accuracy": 100 * 3 / 5, "sentence_accuracy": 100 * (3 / 4 + 0) / 2})


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER", "O", "B-LOC"], 100),
        # A boundary error costs the span: one of two is right, of two predicted.
        (["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O", "O", "B-LOC"], 50),
        (["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER", "I-PER", "B-LOC"], 50),
        # So does a wrong type.
        (["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "I-ORG", "O", "B-LOC"], 50),
        # Precision 1, recall 1/2.
        (["B-PER", "I-PER", "O", "B-LOC"], ["O", "O", "O", "B-LOC"], 200 / 3),
        # Precision 1/3, recall 1.
        (["B-PER", "I-PER", "O", "O"], ["B-PER", "I-PER", "B-LOC", "B-LOC"], 50),
        (["B-PER", "I-PER", "O", "B-LOC"], ["O", "O", "O", "O"], 0),
        # Two entities that touch, taken for one.
        (["B-PER", "B-PER", "O", "O"], ["B-PER", "I-PER", "O", "O"], 0),
    ],
)
def test_f1_is_over_spans(true, predicted, expected):
    assert scored("ner", [entities(*true)], [predicted])["f1"] == pytest.approx(expected)


def test_f1_is_micro_averaged_and_no_span_crosses_sentences():
    true = [entities("B-PER", "B-LOC", "B-ORG"), entities("O", "B-PER"), entities("B-LOC", "O")]
    predicted = [["B-PER", "B-LOC", "B-LOC"], ["O", "B-PER"], ["I-PER", "O"]]
    # 3 of 5 predicted are right, of 5; a macro-average over types would be (80 + 50 + 0) / 3.
    found = scored("ner", true, predicted)
    assert found == pytest.approx({"f1": 60, "sentence_accuracy": 100 * (2 / 3 + 1 + 1 / 2) / 3})


# --- pairs


@pytest.mark.parametrize(
    ("task", "columns", "labels"),
    [
        ("nli", ("premise", "hypothesis"), ["entailment", "neutral", "contradiction", "neutral"]),
        ("pi", ("sentence1", "sentence2"), ["0", "1", "1", "0"]),
    ],
)
def test_accuracy_of_pairs(task, columns, labels):
    kind = Pairs(load_task(task), trained("word pieces"), SHORT)
    rows = [dict(zip(columns, ("It rains.", "It is wet."), strict=True)) | {"label": label} for label in labels]
    encoded = kind.encode(rows)
    assert [kind.task.classes[each["labels"]] for each in encoded] == labels
    assert trained("word pieces").decode(encoded[0]["input_ids"]).count("</s>") == 2
    predicted = np.array([each["labels"] for each in encoded])
    assert kind.scores(rows, encoded, predicted) == {"accuracy": 100}
    predicted[2] = (predicted[2] + 1) % len(kind.task.classes)
    assert kind.scores(rows, encoded, predicted) == {"accuracy": 75}


def test_a_long_pair_is_cut_at_its_longer_text():
    kind = Pairs(load_task("nli"), trained("word pieces"), SHORT)
    row = {"premise": "Finland borders Sweden. " * 20, "hypothesis": "It rains.", "label": "neutral"}
    [example] = kind.encode([row])
    assert len(example["input_ids"]) == 32
    second = trained("word pieces")("It rains.", add_special_tokens=False)["input_ids"]
    assert example["input_ids"][-1 - len(second) : -1] == second


# --- spans


def spans(tokenizer: str = "word pieces", settings: Settings = SHORT) -> Spans:
    return Spans(load_task("qa"), trained(tokenizer), settings)


def question(context: str, *answers: str, text: str = "Where?") -> dict:
    return {"question": text, "context": context, "answers": [(answer, context.index(answer)) for answer in answers]}


def labelled_text(window: dict, context: str) -> str:
    """Return the text from the window's start position to its end position."""
    offsets = window["offsets"]
    return context[offsets[window["start_positions"], 0] : offsets[window["end_positions"], 1]].strip()


def is_found(window: dict) -> bool:
    return (window["start_positions"], window["end_positions"]) != (0, 0)


@each_tokenizer
@quickly
@given(words=words, data=st.data())
def test_the_labelled_positions_give_back_any_span_of_words(tokenizer, words, data):
    context = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = len(" ".join([*words[:first], ""]))
    answer = " ".join(words[first : last + 1])
    kind = spans(tokenizer, Settings(longest=2000))
    [window] = kind.encode([{"question": "ab?", "context": context, "answers": [(answer, start)]}])
    assert is_found(window)
    assert labelled_text(window, context) == answer


@each_tokenizer
@quickly
@given(words=words, data=st.data())
def test_windows_overlap_and_one_holds_the_whole_answer(tokenizer, words, data):
    context = " ".join(words)
    number = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join([*words[:number], ""]))
    kind = spans(tokenizer, Settings(longest=64, stride=12))  # more than the tokens of a word
    windows = kind.encode([{"question": "ab?", "context": context, "answers": [(words[number], start)]}])
    assert all(len(window["input_ids"]) <= 64 for window in windows)
    assert {labelled_text(window, context) for window in windows if is_found(window)} == {words[number]}
    for one, following in pairwise(windows):
        shared = {tuple(span) for span in one["offsets"] if span[0] >= 0} & set(map(tuple, following["offsets"]))
        assert len(shared) == 12
    covered = np.zeros(len(context), bool)
    for begin, end in (span for window in windows for span in window["offsets"] if span[0] >= 0):
        covered[begin:end] = True
    assert all(covered[position] for position, character in enumerate(context) if character != " ")


def test_an_answer_that_is_not_whole_in_a_window_is_at_its_first_token():
    context = "Finland borders Sweden . " * 8 + "It rains in Norway all day ."
    windows = spans().encode([question(context, "in Norway all day")])
    assert len(windows) > 2
    found = [labelled_text(window, context) for window in windows if is_found(window)]
    assert found == ["in Norway all day"]
    assert not is_found(windows[0])
    whole_context = spans().encode([question(context, context)])
    assert not any(map(is_found, whole_context)), "longer than a window"


def test_a_question_that_fills_the_window_is_cut_and_leaves_room():
    kind = spans()
    windows = kind.encode([question("Finland borders Sweden.", "Sweden", text="Where does it rain? " * 30)])
    assert all(len(window["input_ids"]) <= 32 for window in windows)
    assert {labelled_text(window, "Finland borders Sweden.") for window in windows if is_found(window)} == {"Sweden"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S.A.!", "usa"),
        ("  a  cat,\tAn apple; the end ", "cat apple end"),
        ("theatre and anchor", "theatre and anchor"),
        ("«Ääni»", "«ääni»"),  # punctuation is ASCII's, as in the official script
        ("the", ""),
    ],
)
def test_answers_are_normalised_as_in_squad(text, expected):
    assert normal(text) == expected


@pytest.mark.parametrize(
    ("answer", "true", "expected"),
    [
        ("the cat sat", "A cat sat down.", 2 * 2 / (2 + 3)),
        ("la la land", "la land", 2 * 2 / (3 + 2)),  # a repeated word counts as often as both have it
        ("in 1917", "1917", 2 / 3),
        ("Helsinki", "Helsinki!", 1),
        ("Turku", "Helsinki", 0),
        ("", "Helsinki", 0),
    ],
)
def test_f1_of_answers(answer, true, expected):
    assert f1(answer, true) == pytest.approx(expected)
    assert f1(true, answer) == pytest.approx(expected)


def test_exact_match_of_answers():
    assert exact_match("The Baltic Sea", "baltic sea.") == 1
    assert exact_match("Baltic", "the Baltic Sea") == 0


def pointing(windows: list[dict], at: dict[int, tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of starts and ends that are low but at the tokens of characters (begin, end), by window."""
    longest = max(len(window["input_ids"]) for window in windows) + 2
    starts, ends = np.full((2, len(windows), longest), -5.0)
    starts[:, longest - 2 :] = ends[:, longest - 2 :] = 99  # padding
    starts[:, 0] = ends[:, 0] = 90  # never an answer: not in the context
    for number, (begin, end, score) in at.items():
        offsets = windows[number]["offsets"]
        starts[number, np.flatnonzero((offsets[:, 0] <= begin) & (begin < offsets[:, 1]))[0]] = score
        ends[number, np.flatnonzero((offsets[:, 0] < end) & (end <= offsets[:, 1]))[0]] = score
    return starts, ends


def test_scores_of_answers_are_the_best_over_several_and_the_mean_over_questions():
    context = "It rains in the Baltic Sea all day ."
    rows = [question(context, "Baltic", "in the Baltic Sea"), question(context, "It rains"), question(context, "day")]
    kind = spans(settings=Settings(longest=60))
    windows = kind.encode(rows)
    sea, rain = context.index("the Baltic"), context.index("rains")
    given = {
        0: (sea, sea + len("the Baltic Sea"), 3.0),
        1: (rain, rain + len("rains"), 3.0),
        2: (context.index("day"), context.index("day") + 3, 3.0),
    }
    predictions = pointing(windows, given)
    assert kind.answers(rows, windows, predictions) == ["the Baltic Sea", "rains", "day"]
    # "baltic sea" against "baltic": 2/3, against "in baltic sea": 4/5; "rains" against "it rains": 2/3.
    expected = {"f1": 100 * (4 / 5 + 2 / 3 + 1) / 3, "exact_match": 100 / 3}
    assert kind.scores(rows, windows, predictions) == pytest.approx(expected)


def test_the_best_window_of_a_row_answers_in_any_order_of_windows():
    context = "Finland borders Sweden . " * 8 + "It rains in Norway all day ."
    rows = [question("It rains in Norway .", "Norway"), question(context, "Norway")]
    kind = spans()
    windows = kind.encode(rows)[::-1]
    norway, sweden = context.index("Norway"), context.index("Sweden")
    last = next(number for number, window in enumerate(windows) if window["offsets"].max() >= norway + 6)
    first = next(
        number for number, window in enumerate(windows) if window["row"] == 1 and sweden in window["offsets"][:, 0]
    )
    own = next(number for number, window in enumerate(windows) if window["row"] == 0)
    at = {last: (norway, norway + 6, 4.0), first: (sweden, sweden + 6, 3.0), own: (3, 8, 1.0)}
    assert kind.answers(rows, windows, pointing(windows, at)) == ["rains", "Norway"]


def test_an_answer_ends_where_it_starts_or_later_and_is_not_too_long():
    context = "Finland borders Sweden ."
    row = question(context, "Sweden")
    kind = spans(settings=Settings(longest=200))
    windows = kind.encode([row])
    starts, ends = pointing(windows, {0: (0, len("Finland"), 2.0)})
    starts[0, np.flatnonzero(windows[0]["offsets"][:, 0] == context.index("."))[0]] = 6
    assert kind.answers([row], windows, (starts, ends)) == ["Finland"]
    lengthy = question("Finland " + "borders Sweden " * 20, "Finland")
    windows = kind.encode([lengthy])
    starts, ends = pointing(windows, {0: (0, len("Finland"), 2.0)})
    ends[0, np.flatnonzero(windows[0]["offsets"][:, 1] > 100)[0]] = 6
    assert kind.answers([lengthy], windows, (starts, ends)) == ["Finland"]
