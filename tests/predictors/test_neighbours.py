"""NN-Rank and its soft form, against loops over single tokens."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LANGUAGES
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from xsns_hf.errors import XsnsError
from xsns_hf.predictors import Inputs, hidden_states, make_predictors, neighbours
from xsns_hf.predictors.ensemble import WEIGHTS
from xsns_hf.predictors.neighbours import NEIGHBOURS, NearestToken, Neighbours, greatest, votes
from xsns_hf.text.corpus import Corpus, Example, draw
from xsns_hf.text.folder import text_folder

CODES = ["eng", "fin", "rus"]
EXAMPLES = 10


@pytest.fixture
def corpus(text) -> Corpus:
    return text_folder(text)


def tokens(folder: Path, corpus: Corpus, language: str, layer: int, seed: int) -> np.ndarray:
    """Run sentences through the model one by one."""
    model, tokenizer = AutoModel.from_pretrained(folder, add_pooling_layer=False), AutoTokenizer.from_pretrained(folder)
    states = []
    for example in draw(corpus, language, EXAMPLES, seed):
        encoded = tokenizer(example.text, truncation=True, max_length=128, return_tensors="pt")
        with torch.no_grad():
            hidden = model.eval()(**encoded, output_hidden_states=True).hidden_states[layer][0]
        states.extend(hidden[1:-1].numpy())  # <s> and </s> left out
    return np.array(states)


def votes_one_by_one(target: np.ndarray, sources: dict[str, np.ndarray], k: int) -> Counter:
    """Let each token vote for the languages of its k nearest, of all tokens in one list."""
    ballots: Counter = Counter(dict.fromkeys(sources, 0))
    for token in target:
        near = sorted(
            ((float(token @ other), code) for code in sources for other in sources[code]), key=lambda pair: -pair[0]
        )
        ballots.update(code for _, code in near[:k])
    return ballots


@pytest.mark.thorough
@pytest.mark.parametrize(("layer", "seed"), [(-1, 0), (1, 1)])
def test_predictors_are_what_naive_loops_give(corpus, headless, layer, seed, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 7)
    inputs = Inputs(text=corpus, model=str(headless), examples=EXAMPLES, layer=layer, seeds=(0, 1))
    states = {code: tokens(headless, corpus, code, layer, seed) for code in CODES}
    hard, soft = make_predictors(["neighbours", "nearest-token"], inputs)
    assert list(hard.seeds) == list(soft.seeds) == [0, 1]
    shares, cosines = hard.scores(CODES, CODES, seed), soft.scores(CODES, CODES, seed)
    assert np.isnan(np.diag(shares)).all()
    assert np.isnan(np.diag(cosines)).all()
    units = {code: rows / np.linalg.norm(rows, axis=1, keepdims=True) for code, rows in states.items()}
    for target in CODES:
        others = {code: states[code] for code in CODES if code != target}
        ballots = votes_one_by_one(states[target], others, NEIGHBOURS)
        assert sum(ballots.values()) == NEIGHBOURS * len(states[target])
        for code in others:
            # Rounding may turn round what is equally near, here a vote or two of thousands.
            assert shares.loc[target, code] == pytest.approx(ballots[code] / ballots.total(), abs=1e-3)
            nearest = (units[target] @ units[code].T).max(axis=1)
            assert cosines.loc[target, code] == pytest.approx(nearest.mean(), abs=1e-5)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


whole_numbers = st.integers(-3, 3)  # whose products are exact, and often equal


@given(st.data())
def test_votes_are_counted_as_one_by_one_and_sum_to_k_times_tokens(data):
    width = data.draw(st.integers(1, 3))
    rows = st.lists(st.lists(whole_numbers, min_size=width, max_size=width), min_size=1, max_size=8)
    target, *sources = (np.array(data.draw(rows), np.float32) for _ in range(data.draw(st.integers(2, 5))))
    k = data.draw(st.integers(1, 9))
    counts = votes(torch.tensor(target), [torch.tensor(source) for source in sources], k)
    numbered = {str(number): source for number, source in enumerate(sources)}
    assert counts.tolist() == [votes_one_by_one(target, numbered, k)[code] for code in numbered]
    assert counts.sum() == min(k, sum(map(len, sources))) * len(target)


def test_no_more_than_a_chunk_is_compared_at_once(monkeypatch):
    target, source = (torch.randn(number, 4, generator=torch.Generator().manual_seed(number)) for number in (50, 30))
    whole = greatest(target, source, 5)
    assert whole.shape == (50, 5)
    sizes = []
    monkeypatch.setattr(neighbours, "CHUNK", 8)
    product = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: (sizes.append(len(a)), product(a, b))[1])
    torch.testing.assert_close(greatest(target, source, 5), whole)
    assert max(sizes) == 8


@pytest.mark.parametrize("name", ["neighbours", "nearest-token"])
def test_tables_have_the_shape_asked_for_and_nan_without_text(corpus, tiny, name):
    [predictor] = make_predictors([name], Inputs(text=corpus, model=str(tiny), examples=EXAMPLES, seeds=(0, 1)))
    table = predictor.scores(["rus", "swh"], ["rus", "fin", "swh", "eng"])
    assert (table.index.tolist(), table.columns.tolist()) == (["rus", "swh"], ["rus", "fin", "swh", "eng"])
    assert table.loc["rus"].isna().tolist() == [True, False, True, False]
    assert table.loc["swh"].isna().all()
    other_sample = predictor.scores(["rus"], ["fin", "eng"], 1)
    assert not other_sample.equals(table.loc[["rus"], ["fin", "eng"]])
    again = predictor.scores(["rus"], ["eng", "fin"])
    assert again["fin"].tolist() == table.loc[["rus"], "fin"].tolist()
    assert predictor.scores(["swh"], ["swh"]).isna().all(axis=None)
    assert predictor.scores(["eng"], ["eng"]).isna().all(axis=None)


@pytest.mark.parametrize("kind", [Neighbours, NearestToken])
def test_each_language_runs_through_the_model_once(corpus, tiny, kind, monkeypatch):
    predictor = kind(Inputs(text=corpus, model=str(tiny), examples=EXAMPLES))
    whole = predictor.scores(CODES, CODES)
    monkeypatch.setattr(hidden_states, "draw", None)
    assert predictor.scores(["rus"], CODES).loc["rus"].equals(whole.loc["rus"])


def test_a_language_without_ordinary_tokens_is_nan(tiny, tmp_path, monkeypatch):
    for code in CODES:
        (tmp_path / f"{code}.txt").write_text("A sentence.")
    drawn = {"eng": [Example(0, "A sentence.")], "fin": [Example(0, "")], "rus": [Example(0, "It is."), Example(1, "")]}
    monkeypatch.setattr(hidden_states, "draw", lambda corpus, language, *_: drawn[language])
    inputs = Inputs(text=text_folder(tmp_path), model=str(tiny))
    for predictor in (Neighbours(inputs), NearestToken(inputs)):
        table = predictor.scores(CODES, CODES)
        known = [[False, False, True], [False, False, False], [True, False, False]]
        np.testing.assert_array_equal(table.notna(), known)


def test_what_is_missing_is_said(corpus, tiny, headless):
    with pytest.raises(XsnsError, match="nearest-token needs text=…"):
        NearestToken(Inputs(model=str(tiny)))
    with pytest.raises(XsnsError, match="no layer 3"):
        Neighbours(Inputs(text=corpus, model=str(headless), layer=3)).scores(["eng"], ["fin"])


def test_they_are_for_comparison_only():
    assert not {Neighbours, NearestToken} & {*WEIGHTS}


@pytest.mark.thorough
def test_on_the_command_line(xsns, masks, tiny, text, tmp_path):
    pairs = [(source, target) for source in LANGUAGES for target in LANGUAGES]
    rows = [f"{source},{target},{number % 5}" for number, (source, target) in enumerate(pairs)]
    (tmp_path / "gold.csv").write_text("\n".join(["source,target,score", *rows]), encoding="utf-8")
    arguments = ["--gold", tmp_path / "gold.csv", "--masks", masks, "--text", text, "--model", tiny, "--examples", 8]
    predictors = ["xsns", "neighbours", "nearest-token"]
    code, output, errors = xsns("evaluate", *arguments, "--layer", 1, "--predictors", ",".join(predictors), "--json")
    assert code == 0, errors
    answer = json.loads(output)
    assert list(answer) == predictors
    assert {row["targets"] for row in answer.values()} == {3}
    listed = {row["predictor"]: row for row in json.loads(xsns("predictors", "--json")[1])}
    assert listed["neighbours"]["needs"] == listed["nearest-token"]["needs"] == ["text", "model"]
    assert "25 nearest" in listed["neighbours"]["about"]
