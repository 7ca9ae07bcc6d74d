from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import tiny_tokenizer
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from transformers import AutoModel, AutoTokenizer, GPT2Config, GPT2Model, T5Config, T5Model

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify
from xsns_hf.models import loading
from xsns_hf.models.finding import load_tokenizer
from xsns_hf.predictors import Inputs, hidden_states, make_predictors
from xsns_hf.predictors.embedding import Embedding
from xsns_hf.predictors.evenness import GRID, MERGES, Evenness, cloud_angle, clumped, subword_evenness
from xsns_hf.predictors.lexical import Lexical, overlaps
from xsns_hf.text.corpus import Corpus, Example, draw
from xsns_hf.text.folder import sample_corpus, text_folder

CODES = ["eng", "fin", "rus"]


@pytest.fixture
def corpus(text) -> Corpus:
    return text_folder(text)


@pytest.fixture
def inputs(corpus, tiny) -> Inputs:
    return Inputs(text=corpus, model=str(tiny), examples=30, seeds=(0, 1))


@pytest.mark.parametrize("name", ["lexical", "evenness", "embedding"])
def test_tables_have_the_shape_asked_for_and_nan_without_text(inputs, name):
    [predictor] = make_predictors([name], inputs)
    table = predictor.scores(["fin", "swh"], ["eng", "swh", "rus"])
    assert table.index.tolist() == ["fin", "swh"]
    assert table.columns.tolist() == ["eng", "swh", "rus"]
    assert set(table.dtypes) == {np.dtype(float)}
    assert table.loc["fin", ["eng", "rus"]].notna().all()
    assert table["swh"].isna().all()
    assert table.loc["swh"].isna().all() == predictor.targeted  # SuE looks at the source alone
    pd.testing.assert_frame_equal(table, predictor.scores(["fin", "swh"], ["eng", "swh", "rus"]))
    assert predictor.scores(["swh"], ["swh"]).isna().all(axis=None)


@pytest.mark.parametrize("predictor", [Lexical, Evenness, Embedding])
def test_text_is_needed(tiny, predictor):
    with pytest.raises(XsnsError, match="text=…"):
        predictor(Inputs(model=str(tiny)))


# lexical


def test_overlap_by_hand():
    # m = (¼, ½, ¼), so JSD = ½ · (½ log₂ 2 + ½ log₂ 1) · 2 = ½; disjoint ones have none.
    counts = np.array([[2.0, 2, 0, 0], [0, 7, 7, 0], [0, 0, 0, 1]])
    expected = [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(overlaps(counts), expected, atol=1e-12)


def test_no_subwords_no_overlap():
    found = overlaps(np.array([[1.0, 2], [0, 0], [3, 1]]))
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    assert not np.isnan(found[::2, ::2]).any()


@given(arrays(np.int64, (3, 6), elements=st.integers(0, 1000)))
def test_overlap_is_what_scipy_says(counts):
    counts[:, 0] += 1
    found = overlaps(counts.astype(float))
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(found), 1)
    expected = [[1 - jensenshannon(one, other, base=2) ** 2 for other in counts] for one in counts]
    np.testing.assert_allclose(found, expected, atol=1e-7)  # SciPy takes a root, which costs digits near 0


def test_lexical_counts_all_text_without_special_tokens(inputs, corpus, tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    counts = np.zeros((2, len(tokenizer)))
    for row, code in enumerate(["eng", "rus"]):
        for sentence in corpus.sentences(code):
            for token in tokenizer.tokenize(sentence):
                counts[row, tokenizer.convert_tokens_to_ids(token)] += token not in tokenizer.all_special_tokens
    expected = 1 - jensenshannon(*counts, base=2) ** 2
    assert 0 < expected < 1
    assert Lexical(inputs).scores(["eng"], ["rus"]).loc["eng", "rus"] == pytest.approx(expected)


def test_lexical_needs_no_weights(corpus, tmp_path):
    tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    table = Lexical(Inputs(text=corpus, model=str(tmp_path))).scores(CODES, CODES)
    assert np.allclose(np.diag(table), 1)


def test_load_tokenizer(tiny, tmp_path):
    assert load_tokenizer(str(tiny)).get_vocab() == AutoTokenizer.from_pretrained(tiny).get_vocab()
    with pytest.raises(XsnsError, match=r"config\.json"):
        load_tokenizer(str(tmp_path))


# evenness


def test_slope_of_a_cloud():
    # A square on its corner is the same mirrored in its diagonal: its side falls by 45°, SuE = 180° − 45° − 45°.
    square = [(x, y) for x in range(11) for y in range(11) if abs(x - 5) + abs(y - 5) <= 5]
    points = np.array(square) + np.array([10.0, 5.0])
    fine = np.degrees(2 * np.diff(GRID)[0])  # about what a step of the grid is worth
    assert cloud_angle(points) == pytest.approx(90, abs=fine)
    assert cloud_angle(points * [1, 2]) == pytest.approx(135 - np.degrees(np.arctan(2)), abs=fine)
    assert cloud_angle(points * [2, 1]) == pytest.approx(135 - np.degrees(np.arctan(0.5)), abs=fine)


def test_a_cloud_without_shape_has_no_slope():
    assert np.isnan(cloud_angle(np.empty((0, 2))))
    assert np.isnan(cloud_angle(np.tile([5.0, 2.0], (20, 1))))
    assert np.isnan(cloud_angle(np.column_stack([np.arange(20.0), np.ones(20)])))
    assert np.isnan(cloud_angle(np.random.default_rng(0).uniform(0, 20, (9, 2))))


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [([1, 1, 2, 1], [2, 2, 1]), ([3], [3]), ([1, 1, 1], [3]), ([2, 2, 1, 1], [2, 2, 2]), ([], [])],
)
def test_single_characters_are_clumped(lengths, expected):
    assert clumped(lengths) == expected


def test_evenness_of_text():
    sentences = sample_corpus().sentences("fin")
    found = subword_evenness(sentences, 200)
    assert 45 <= found <= 135
    assert subword_evenness(sentences, 200) == found
    assert subword_evenness([sentence.replace(" ", " … ") for sentence in sentences], 200) == found
    assert subword_evenness(sentences * 2, 200) == pytest.approx(found, abs=10)  # each cell counts once
    assert np.isnan(subword_evenness(["Yksi sana.", "Kaksi sanaa."], 200))
    assert np.isnan(subword_evenness(["..."], 200))


def test_evenness_by_hand():
    # No character but a, b, c and d occurs twice, so the first merge makes ab, the second cd, and there is no third.
    # A merged pair with n single characters after it has the length n + 2 and the unevenness |n − 2|; what isn't merged
    # is one segment.
    others = map(chr, range(0x4E00, 0x9000))
    sizes = {"ab": range(1, 13), "cd": range(20, 31)}
    words = [pair + "".join(islice(others, n)) for pair in sizes for n in sizes[pair]]
    clouds = [
        np.array([(n + 2, abs(n - 2)) for pair in pairs for n in sizes[pair]], float) for pairs in (["ab"], sizes)
    ]
    assert np.isnan(subword_evenness(words, 0))
    assert subword_evenness(words, 1) == cloud_angle(clouds[0])
    assert subword_evenness(words, 2) == subword_evenness(words, 99) == cloud_angle(clouds[1])
    assert cloud_angle(clouds[0]) != cloud_angle(clouds[1])


def test_evenness_is_the_same_for_every_target_and_lowest_first(inputs, corpus):
    table = Evenness(inputs).scores(["fin", "swh"], CODES)
    expected = [-subword_evenness(corpus.sentences(code), MERGES.get(code, 200)) for code in CODES]
    np.testing.assert_array_equal(table, [expected] * 2)


def test_merges_are_listed_by_canonical_code():
    assert [identify(code) for code in MERGES] == list(MERGES)


# embedding


def naive_mean(folder: Path, corpus: Corpus, language: str, layer: int, seed: int) -> torch.Tensor:
    """Embed sentences one by one."""
    model, tokenizer = AutoModel.from_pretrained(folder, add_pooling_layer=False), AutoTokenizer.from_pretrained(folder)
    means = []
    for example in draw(corpus, language, 30, seed):
        encoded = tokenizer(example.text, truncation=True, max_length=128, return_tensors="pt")
        with torch.no_grad():
            states = model.eval()(**encoded, output_hidden_states=True).hidden_states[layer][0]
        means.append(states[1:-1].double().mean(dim=0))  # <s> and </s> left out
    return torch.stack(means).mean(dim=0)


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["tiny", "headless"])
@pytest.mark.parametrize(("layer", "seed"), [(-1, 0), (0, 0), (1, 1)])
def test_embedding_is_what_a_naive_loop_gives(request, corpus, model, layer, seed):
    folder = request.getfixturevalue(model)
    predictor = Embedding(Inputs(text=corpus, model=str(folder), examples=30, layer=layer, seeds=(0, 1)))
    assert list(predictor.seeds) == [0, 1]
    table = predictor.scores(CODES, CODES, seed)
    means = [naive_mean(folder, corpus, code, layer, seed) for code in CODES]
    expected = [[torch.cosine_similarity(one, other, dim=0).item() for other in means] for one in means]
    np.testing.assert_allclose(table, expected, atol=1e-6)
    np.testing.assert_allclose(np.diag(table), 1)


def test_each_language_runs_through_the_model_once(inputs, monkeypatch):
    loads = []
    load = loading.load_checkpoint
    monkeypatch.setattr(loading, "load_checkpoint", lambda *a, **k: (loads.append(a), load(*a, **k))[1])
    predictor = Embedding(inputs)
    assert predictor.scores(["swh"], ["swh"]).isna().all(axis=None)
    assert not loads
    whole = predictor.scores(CODES, CODES)
    monkeypatch.setattr(predictor, "_mean", None)
    assert predictor.scores(["rus"], ["fin"]).loc["rus", "fin"] == whole.loc["rus", "fin"]
    assert len(loads) == 1


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_isnt_there(corpus, headless, layer):
    with pytest.raises(XsnsError, match=r"layer -?\d: use 0 \(the embeddings\) to 2, or −1 \(the last\) to −3"):
        Embedding(Inputs(text=corpus, model=str(headless), layer=layer)).scores(["eng"], ["fin"])


@pytest.mark.parametrize(
    "model",
    [
        GPT2Model(GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2)),
        T5Model(T5Config(vocab_size=300, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)),
    ],
)
def test_any_encoder_or_decoder_embeds(corpus, tmp_path, model):
    model.save_pretrained(tmp_path)
    tokenizer = tiny_tokenizer()
    tokenizer.mask_token = None
    tokenizer.save_pretrained(tmp_path)
    table = Embedding(Inputs(text=corpus, model=str(tmp_path), examples=5)).scores(CODES, CODES)
    assert table.notna().all(axis=None)
    np.testing.assert_allclose(table, table.T)


def test_a_language_without_ordinary_tokens_is_nan(tiny, tmp_path, monkeypatch):
    (tmp_path / "eng.txt").write_text("A sentence.")
    (tmp_path / "fin.txt").write_text("<s>")
    drawn = {"eng": [Example(0, "A sentence."), Example(1, "")], "fin": [Example(0, "")]}
    monkeypatch.setattr(hidden_states, "draw", lambda corpus, language, *_: drawn[language])
    inputs = Inputs(text=text_folder(tmp_path), model=str(tiny))
    for predictor in (Embedding(inputs), Lexical(inputs)):
        table = predictor.scores(["eng", "fin"], ["eng", "fin"])
        np.testing.assert_array_equal(table.isna(), [[False, True], [True, True]])
