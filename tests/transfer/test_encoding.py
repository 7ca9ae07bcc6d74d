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
from xsns_hf.tasks.rows import Pair, Question, Words, read_row
from xsns_hf.text.folder import sample_corpus
from xsns_hf.transfer.pairs import Pairs
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.spans import Spans, exact_match, f1, normal
from xsns_hf.transfer.tokens import Tokens

SHORT = Settings(max_length=32, stride=8)
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


def sentence(words: list[str], labels: list[str], task: str = "pos") -> Words:
    described = load_task(task)
    read = read_row({described.text[0]: words, described.label: labels}, described, "the test")
    assert isinstance(read, Words)
    return read


def tagged(*labels: str) -> Words:
    return sentence((["Finland", "borders", "Sweden", ".", "It", "rains"] * 4)[: len(labels)], list(labels))


def entities(*labels: str) -> Words:
    return sentence(["word"] * len(labels), list(labels), "ner")


# --- words and their labels


@each_tokenizer
@quickly
@given(words=words)
def test_the_first_sub_word_of_each_word_is_labelled_and_nothing_else(tokenizer, words):
    encoding = tokens(tokenizer=tokenizer, settings=replace(SHORT, max_length=999))
    # Neighbouring words have different labels, so that one shifted by a word would be noticed.
    labels = [encoding.task.classes[number % 17] for number in range(len(words))]
    [example] = encoding.encode([sentence(words, labels)])
    of_words = trained(tokenizer)(words, is_split_into_words=True).word_ids()
    labelled = [position for position, label in enumerate(example["labels"]) if label != IGNORED]
    assert [of_words[position] for position in labelled] == list(range(len(words)))
    assert all(of_words[position - 1] != of_words[position] for position in labelled)
    assert [encoding.task.classes[example["labels"][position]] for position in labelled] == labels


def test_special_tokens_further_sub_words_and_padding_are_not_labelled():
    encoding = tokens()
    long, short = encoding.encode([tagged("PROPN", "VERB", "PROPN", "PUNCT"), tagged("NOUN")])
    assert len(long["input_ids"]) > 6, "a word has several sub-words"
    assert sum(label != IGNORED for label in long["labels"]) == 4
    assert long["labels"][0] == long["labels"][-1] == IGNORED
    batch = encoding.collator([long, short])
    padding = batch["attention_mask"][1] == 0
    assert padding.any()
    assert (batch["labels"][1][padding] == IGNORED).all()
    assert (batch["input_ids"][1][padding] == trained("word pieces").pad_token_id).all()


def test_a_word_without_sub_words_shifts_no_label():
    encoding = tokens()
    [example] = encoding.encode([sentence(["\u00a0", "It", " ", "rains"], ["X", "PRON", "SYM", "VERB"])])
    labels = [encoding.task.classes[label] for label in example["labels"] if label != IGNORED]
    assert labels == ["PRON", "VERB"]


def test_words_that_are_cut_off_are_neither_labelled_nor_scored():
    whole, cut = tokens(settings=Settings(max_length=99)), tokens()
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
    encoding = tokens()
    row = sentence(["du", "de", "le", "bois"], ["_", "ADP", "DET", "NOUN"])
    [example] = encoding.encode([row])
    assert [label for label in example["labels"] if label != IGNORED] == [
        encoding.task.classes.index(label) for label in ("ADP", "DET", "NOUN")
    ]
    assert encoding.scores([row], [example], said(encoding, [example], [["ADP", "DET", "NOUN"]]))["accuracy"] == 100


def said(encoding: Tokens, encoded: list[dict], predicted: list[list[str]]) -> np.ndarray:
    """Return predictions as the trainer gives them: padded, and with some class at every unlabelled position too."""
    predictions = np.full((len(encoded), max(len(inputs["labels"]) for inputs in encoded) + 3), IGNORED)
    for line, (example, names) in enumerate(zip(encoded, predicted, strict=True)):
        labels = np.array(example["labels"])
        predictions[line, : len(labels)] = np.arange(len(labels)) % len(encoding.task.classes)
        predictions[line, np.flatnonzero(labels != IGNORED)] = [encoding.task.classes.index(name) for name in names]
    return predictions


def scored(task: str, true: list[Words], predicted: list[list[str]]) -> dict[str, float]:
    encoding = tokens(task)
    encoded = encoding.encode(true)
    return encoding.scores(true, encoded, said(encoding, encoded, predicted))


def test_accuracy_is_over_words_and_sentence_accuracy_over_sentences():
    true = [tagged("PROPN", "VERB", "PROPN", "PUNCT"), tagged("NOUN")]
    metrics = scored("pos", true, [["PROPN", "VERB", "NOUN", "PUNCT"], ["VERB"]])
    assert metrics == pytest.approx({"accuracy": 100 * 3 / 5, "sentence_accuracy": 100 * (3 / 4 + 0) / 2})


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
    metrics = scored("ner", true, predicted)
    assert metrics == pytest.approx({"f1": 60, "sentence_accuracy": 100 * (2 / 3 + 1 + 1 / 2) / 3})


# --- pairs


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("nli", [0, 1, 2, 1]),
        ("pi", [0, 1, 1, 0]),
    ],
)
def test_accuracy_of_pairs(task, labels):
    encoding = Pairs(load_task(task), trained("word pieces"), SHORT)
    rows = [Pair(("It rains.", "It is wet."), label) for label in labels]
    encoded = encoding.encode(rows)
    assert [inputs["labels"] for inputs in encoded] == labels
    assert trained("word pieces").decode(encoded[0]["input_ids"]).count("</s>") == 2
    predicted = np.array([inputs["labels"] for inputs in encoded])
    assert encoding.scores(rows, encoded, predicted) == {"accuracy": 100}
    predicted[2] = (predicted[2] + 1) % len(encoding.task.classes)
    assert encoding.scores(rows, encoded, predicted) == {"accuracy": 75}


def test_a_long_pair_is_cut_at_its_longer_text():
    encoding = Pairs(load_task("nli"), trained("word pieces"), SHORT)
    [example] = encoding.encode([Pair(("Finland borders Sweden. " * 20, "It rains."), 1)])
    assert len(example["input_ids"]) == 32
    second = trained("word pieces")("It rains.", add_special_tokens=False)["input_ids"]
    assert example["input_ids"][-1 - len(second) : -1] == second


# --- spans


def spans(tokenizer: str = "word pieces", settings: Settings = SHORT) -> Spans:
    return Spans(load_task("qa"), trained(tokenizer), settings)


def question(context: str, *answers: str, text: str = "Where?") -> Question:
    return Question(text, context, [(answer, context.index(answer)) for answer in answers])


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
    encoding = spans(tokenizer, Settings(max_length=2000))
    [window] = encoding.encode([Question("ab?", context, [(answer, start)])])
    assert is_found(window)
    assert labelled_text(window, context) == answer


@each_tokenizer
@quickly
@given(words=words, data=st.data())
def test_windows_overlap_and_one_holds_the_whole_answer(tokenizer, words, data):
    context = " ".join(words)
    number = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join([*words[:number], ""]))
    encoding = spans(tokenizer, Settings(max_length=64, stride=12))  # more than the tokens of a word
    windows = encoding.encode([Question("ab?", context, [(words[number], start)])])
    assert all(len(window["input_ids"]) <= 64 for window in windows)
    assert {labelled_text(window, context) for window in windows if is_found(window)} == {words[number]}
    for window, following in pairwise(windows):
        shared = {tuple(span) for span in window["offsets"] if span[0] >= 0} & set(map(tuple, following["offsets"]))
        assert len(shared) == 12
    covered = np.zeros(len(context), bool)
    for begin, end in (span for window in windows for span in window["offsets"] if span[0] >= 0):
        covered[begin:end] = True
    assert all(covered[position] for position, character in enumerate(context) if character != " ")


def test_an_answer_that_is_not_whole_in_a_window_is_at_its_first_token():
    context = "Finland borders Sweden . " * 8 + "It rains in Norway all day ."
    windows = spans().encode([question(context, "in Norway all day")])
    assert len(windows) > 2
    answers = [labelled_text(window, context) for window in windows if is_found(window)]
    assert answers == ["in Norway all day"]
    assert not is_found(windows[0])
    whole_context = spans().encode([question(context, context)])
    assert not any(map(is_found, whole_context)), "longer than a window"


def test_a_question_that_fills_the_window_is_cut_and_leaves_room():
    encoding = spans()
    windows = encoding.encode([question("Finland borders Sweden.", "Sweden", text="Where does it rain? " * 30)])
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
    encoding = spans(settings=Settings(max_length=60))
    windows = encoding.encode(rows)
    sea, rain = context.index("the Baltic"), context.index("rains")
    given = {
        0: (sea, sea + len("the Baltic Sea"), 3.0),
        1: (rain, rain + len("rains"), 3.0),
        2: (context.index("day"), context.index("day") + 3, 3.0),
    }
    predictions = pointing(windows, given)
    assert encoding.answers(rows, windows, predictions) == ["the Baltic Sea", "rains", "day"]
    # "baltic sea" against "baltic": 2/3, against "in baltic sea": 4/5; "rains" against "it rains": 2/3.
    expected = {"f1": 100 * (4 / 5 + 2 / 3 + 1) / 3, "exact_match": 100 / 3}
    assert encoding.scores(rows, windows, predictions) == pytest.approx(expected)


def test_the_best_window_of_a_row_answers_in_any_order_of_windows():
    context = "Finland borders Sweden . " * 8 + "It rains in Norway all day ."
    rows = [question("It rains in Norway .", "Norway"), question(context, "Norway")]
    encoding = spans()
    windows = encoding.encode(rows)[::-1]
    norway, sweden = context.index("Norway"), context.index("Sweden")
    last = next(number for number, window in enumerate(windows) if window["offsets"].max() >= norway + 6)
    first = next(
        number for number, window in enumerate(windows) if window["row"] == 1 and sweden in window["offsets"][:, 0]
    )
    own = next(number for number, window in enumerate(windows) if window["row"] == 0)
    at = {last: (norway, norway + 6, 4.0), first: (sweden, sweden + 6, 3.0), own: (3, 8, 1.0)}
    assert encoding.answers(rows, windows, pointing(windows, at)) == ["rains", "Norway"]


def test_an_answer_ends_where_it_starts_or_later_and_is_not_too_long():
    context = "Finland borders Sweden ."
    row = question(context, "Sweden")
    encoding = spans(settings=Settings(max_length=200))
    windows = encoding.encode([row])
    starts, ends = pointing(windows, {0: (0, len("Finland"), 2.0)})
    starts[0, np.flatnonzero(windows[0]["offsets"][:, 0] == context.index("."))[0]] = 6
    assert encoding.answers([row], windows, (starts, ends)) == ["Finland"]
    lengthy = question("Finland " + "borders Sweden " * 20, "Finland")
    windows = encoding.encode([lengthy])
    starts, ends = pointing(windows, {0: (0, len("Finland"), 2.0)})
    ends[0, np.flatnonzero(windows[0]["offsets"][:, 1] > 100)[0]] = 6
    assert encoding.answers([lengthy], windows, (starts, ends)) == ["Finland"]
