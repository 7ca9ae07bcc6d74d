import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.objectives import IGNORED, MaskedLanguageModelling, example_generator

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
