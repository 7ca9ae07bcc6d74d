import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.models.objectives import (
    IGNORED,
    CausalLanguageModelling,
    MaskedLanguageModelling,
    SpanDenoising,
    TextInfilling,
    example_generator,
)

objective = MaskedLanguageModelling(mask_token=999, vocabulary=500)
sentences = st.lists(st.tuples(st.integers(5, 499), st.booleans()), min_size=1, max_size=60)


@given(sentences, st.integers(0, 100), st.integers(0, 10**6))
def test_masking_is_a_function_of_seed_language_and_line(sentence, seed, line):
    tokens, special = np.array([t for t, _ in sentence]), np.array([s for _, s in sentence])
    first = objective.corrupt(tokens, special, example_generator(seed, "fin", line))
    again = objective.corrupt(tokens, special, example_generator(seed, "fin", line))
    assert (first.tokens == again.tokens).all() and (first.labels == again.labels).all()


@given(sentences, st.integers(0, 10**6))
def test_only_ordinary_tokens_are_predicted_and_at_least_one(sentence, line):
    tokens, special = np.array([t for t, _ in sentence]), np.array([s for _, s in sentence])
    example = objective.corrupt(tokens, special, example_generator(0, "fin", line))
    corrupted, labels = example.tokens, example.labels
    predicted = labels != IGNORED
    assert not (predicted & special).any()
    assert predicted.any() == (~special).any()
    assert (labels[predicted] == tokens[predicted]).all()
    assert (corrupted[~predicted] == tokens[~predicted]).all()


def test_shares_are_those_of_bert():
    tokens, special = np.full(100_000, 7), np.zeros(100_000, bool)
    example = objective.corrupt(tokens, special, np.random.default_rng(0))
    corrupted, labels = example.tokens, example.labels
    predicted = labels != IGNORED
    assert abs(predicted.mean() - 0.15) < 0.005
    assert abs((corrupted[predicted] == 999).mean() - 0.8) < 0.02
    assert abs((corrupted[predicted] == 7).mean() - 0.1) < 0.02


def test_seed_language_and_line_all_matter():
    draws = {
        tuple(example_generator(*key).integers(1000, size=4))
        for key in [(0, "fin", 0), (1, "fin", 0), (0, "swe", 0), (0, "fin", 1)]
    }
    assert len(draws) == 4


lengths = st.integers(5, 80)
ratios = st.floats(0.05, 0.9)


def sentence_of(length: int) -> tuple[np.ndarray, np.ndarray]:
    """A sentence of different tokens between two special ones."""
    tokens = np.arange(100, 100 + length + 2)
    special = np.zeros(length + 2, bool)
    special[[0, -1]] = True
    return tokens, special


def test_a_decoder_predicts_every_ordinary_token_from_those_before():
    tokens, special = sentence_of(6)
    example = CausalLanguageModelling().corrupt(tokens, special, np.random.default_rng(0))
    assert (example.tokens == tokens).all()
    assert example.labels.tolist() == [*tokens[1:-1], IGNORED, IGNORED]
    special[0] = False  # a model that puts no token first predicts all but the first
    assert CausalLanguageModelling().corrupt(tokens, special, np.random.default_rng(0)).labels[0] == tokens[1]


SENTINELS = range(5000, 5100)


@given(lengths, ratios, st.integers(0, 10**6))
def test_spans_and_what_is_left_make_the_sentence(length, ratio, line):
    tokens, special = sentence_of(length)
    objective = SpanDenoising(SENTINELS, end=2, start=1, ratio=ratio)
    example = objective.corrupt(tokens, special, example_generator(0, "fin", line))
    assert example.tokens[-1] == example.labels[-1] == 2
    assert example.decoder_tokens.tolist() == [1, *example.labels[:-1]]
    spans: dict[int, list[int]] = {}
    for token in example.labels[:-1].tolist():
        if token in SENTINELS:
            spans[token] = []
        else:
            spans[next(reversed(spans))].append(token)
    assert list(spans) == list(SENTINELS[: len(spans)])
    restored = []
    for token in example.tokens[:-1].tolist():
        restored += spans.get(token, [token]) if token in SENTINELS else [token]
    # After the last span a closing sentinel stands for what follows, as in T5.
    assert restored == tokens[1:-1].tolist()
    assert sum(map(len, spans.values())) == max(1, round(length * ratio))
    closing = example.tokens[-2] not in SENTINELS
    assert [bool(span) for span in spans.values()] == [True] * (len(spans) - closing) + [False] * closing


def test_spans_are_three_tokens_on_average_and_may_be_anywhere():
    tokens, special = sentence_of(60)
    objective = SpanDenoising(SENTINELS, end=2, start=1)
    found = [objective.corrupt(tokens, special, example_generator(0, "fin", line)) for line in range(300)]
    first, last = tokens[1], tokens[-2]
    assert {int(np.isin(example.tokens, SENTINELS).sum()) for example in found} == {3}  # of nine tokens
    assert 5 < sum(first not in example.tokens for example in found) < 60
    assert 5 < sum(last not in example.tokens for example in found) < 60


@given(lengths, ratios, st.integers(0, 10**6))
def test_infilling_masks_a_share_of_the_tokens_and_predicts_all(length, ratio, line):
    tokens, special = sentence_of(length)
    example = TextInfilling(9, start=None, ratio=ratio).corrupt(tokens, special, example_generator(0, "fin", line))
    assert (example.labels == tokens).all()
    assert example.decoder_tokens.tolist() == [tokens[-1], *tokens[:-1]]  # mBART's begins with the last
    kept = example.tokens[example.tokens != 9]
    assert tokens.size - kept.size == max(1, round(length * ratio))
    assert kept.tolist() == [token for token in tokens.tolist() if token in kept]
    assert kept[0] == tokens[0] and kept[-1] == tokens[-1]
    assert not ((example.tokens[1:] == 9) & (example.tokens[:-1] == 9)).any()  # a mask for each span
    assert example.length == example.tokens.size + tokens.size


@given(lengths, st.integers(0, 100), st.integers(0, 10**6))
def test_denoising_is_a_function_of_seed_language_and_line(length, seed, line):
    tokens, special = sentence_of(length)
    for objective in (SpanDenoising(SENTINELS, 2, 1), TextInfilling(9, 2)):
        first, again = (objective.corrupt(tokens, special, example_generator(seed, "fin", line)) for _ in range(2))
        assert first.tokens.tolist() == again.tokens.tolist() and first.labels.tolist() == again.labels.tolist()
