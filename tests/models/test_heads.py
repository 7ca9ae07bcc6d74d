import pytest
import torch
from torch import nn

from xsns_hf.errors import XsnsError
from xsns_hf.models import head_files, heads
from xsns_hf.models.embedded import EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.models.head_files import find_head, fitted_head_path, head_fingerprint
from xsns_hf.models.heads import FittedHead, TiedHead, head_metadata, load_head, save_head

VOCABULARY, WIDTH = 90, 16
METADATA = {"revision": "abc", "steps": "7", "seed": "0", "tokens": "99", "corpus": "sample"}


def embeddings(seed: int = 0, vocabulary: int = VOCABULARY, width: int = WIDTH) -> nn.Embedding:
    torch.manual_seed(seed)
    return nn.Embedding(vocabulary, width)


@pytest.fixture
def words() -> nn.Embedding:
    return embeddings()


@pytest.fixture
def hidden() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(5, WIDTH)


@pytest.fixture
def head(words) -> FittedHead:
    head = FittedHead(words)
    head.bias.copy_(torch.randn(VOCABULARY).half())
    return head.eval()


@pytest.fixture
def path(head, tmp_path):
    path = tmp_path / "heads" / "head.safetensors"
    save_head(head, path, METADATA)
    return path


def test_tied_logits_are_products_with_the_word_embeddings(words, hidden):
    logits = TiedHead(words)(hidden)
    assert logits.shape == (5, VOCABULARY)
    torch.testing.assert_close(logits[2, 7], hidden[2] @ words.weight[7])


def test_the_word_embeddings_stay_the_encoders(words, head):
    assert not list(TiedHead(words).parameters())
    assert not TiedHead(words).state_dict()
    assert TiedHead(words).word_embeddings.weight is words.weight
    assert set(head.state_dict()) == {"dense.weight", "dense.bias", "norm.weight", "norm.bias", "bias"}


def test_fitted_logits(words, head, hidden):
    expected = head.norm(nn.functional.gelu(hidden @ head.dense.weight.T + head.dense.bias)) @ words.weight.T
    torch.testing.assert_close(head(hidden), expected + head.bias)


@pytest.mark.parametrize("kind", [TiedHead, FittedHead])
def test_hidden_states_of_another_width_are_refused(words, kind):
    with pytest.raises(XsnsError, match="24 wide and the word embeddings 16"):
        kind(words)(torch.zeros(2, 24))


def test_a_head_is_the_same_after_saving_and_loading(words, head, hidden, path):
    loaded = load_head(path, words, "abc")
    assert torch.equal(loaded(hidden), head(hidden))
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert head_metadata(path) == METADATA
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_model_in_bfloat16_is_the_same_checkpoint(words, hidden, path):
    loaded = load_head(path, words.to(torch.bfloat16))
    assert loaded(hidden.to(torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "other", [embeddings(seed=3), embeddings(vocabulary=VOCABULARY + 1), embeddings(width=WIDTH * 2)]
)
def test_a_head_of_another_checkpoint_is_refused(path, other):
    with pytest.raises(XsnsError, match=r"was fitted for another checkpoint: .*fit-head"):
        load_head(path, other)


def test_a_head_of_another_revision_is_refused(path, words):
    with pytest.raises(XsnsError, match="for revision abc of the checkpoint, not def"):
        load_head(path, words, "def")


def test_missing_and_damaged_files_are_told(path, words):
    with pytest.raises(XsnsError, match="There is no fitted head at"):
        load_head(path.with_name("none.safetensors"), words)
    path.write_bytes(path.read_bytes()[:-100])
    for read in (lambda path: load_head(path, words), head_metadata, head_fingerprint):
        with pytest.raises(XsnsError, match="is damaged"):
            read(path)


def test_a_failed_write_leaves_the_old_file(path, head, monkeypatch):
    before = path.read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(heads, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        save_head(head, path, {})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_fingerprint_stands_for_the_weights(path, head):
    before = head_fingerprint(path)
    assert len(before) == 12
    save_head(head, path, METADATA | {"corpus": "another name"})
    assert head_fingerprint(path) == before
    with torch.no_grad():
        head.dense.weight[0, 0] += 1e-3
    save_head(head, path, METADATA)
    assert head_fingerprint(path) != before


def test_heads_are_found_by_revision(tmp_path, head, monkeypatch):
    monkeypatch.setattr(head_files, "cached_assets_path", lambda **_: tmp_path)
    with pytest.raises(XsnsError, match="No head has been fitted for revision refs/pr/1"):
        find_head("refs/pr/1")
    save_head(head, fitted_head_path("refs/pr/1"), METADATA)
    assert find_head("refs/pr/1") == fitted_head_path("refs/pr/1")
    assert fitted_head_path("refs/pr/1").parent == tmp_path


def test_the_embedded_checkpoints_head_ships_with_the_package(tmp_path, monkeypatch):
    from transformers import AutoModel

    monkeypatch.setattr(head_files, "cached_assets_path", lambda **_: tmp_path)
    path = find_head(EMBEDDED_REVISION)
    assert path.stat().st_size <= 2_000_000
    model = AutoModel.from_pretrained(embedded_checkpoint(), add_pooling_layer=False)
    head = load_head(path, model.get_input_embeddings(), EMBEDDED_REVISION)
    assert head.bias.min() > -20, "tokens that never occurred are unlikely, not impossible"
    own = fitted_head_path(EMBEDDED_REVISION)
    save_head(head, own, {"revision": EMBEDDED_REVISION})
    assert find_head(EMBEDDED_REVISION) == own
