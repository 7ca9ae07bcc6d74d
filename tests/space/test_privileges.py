"""What the process for a visitor's text gets: no secrets, and no checkpoint that the operator didn't list."""

import dataclasses
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import records
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout, Tensor
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe
from xsns_hf.space.own_text.bringing import bring, can_bring
from xsns_hf.space.own_text.checkpoints import checkpoint_for
from xsns_hf.space.own_text.environment import environment
from xsns_hf.space.own_text.running import in_child
from xsns_hf.space.own_text.worker import Request
from xsns_hf.text.folder import sample_corpus

LINES = sample_corpus().sentences("fin")[:10]
SECRETS = {
    "HF_TOKEN": "hf_secret",
    "HUGGING_FACE_HUB_TOKEN": "hf_secret",
    "OPENAI_API_KEY": "sk-secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "DATABASE_URL": "postgres://me:secret@there/db",
    "https_proxy": "http://me:secret@proxy:3128",
    "XSNS_MASKS": "user/secret",
    "PASSWORD": "secret",
}


@pytest.fixture
def request_of(tiny, masks):
    """A request for masks of `tiny`, wherever that is, by the recipe of the published ones with changes."""
    repository = MaskRepository(masks)
    (recipe,) = repository.recipes().values()

    def make(model: str = str(tiny), **changes: str) -> Request:
        changed = dataclasses.replace(recipe, **changes)
        return Request(LINES, "fin", [0], changed, model, repository.layout().fingerprint)

    return make


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("more", [[], ["HF_TOKEN", "https_proxy"]])
def test_a_real_worker_has_no_secret_that_it_is_not_given(request_of, children, monkeypatch, more):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XSNS_WORKER_ENV", ", ".join(more))
    with closing(in_child(request_of(), 60)) as job:
        next(job)
        seen = Path(f"/proc/{children[0].pid}/environ").read_text("utf-8").split("\0")
    variables = dict(line.partition("=")[::2] for line in seen if line)
    assert SECRETS.keys() & variables.keys() == {*more}
    assert any("secret" in value for value in variables.values()) == bool(more)
    assert {"PATH", "HF_ENDPOINT", "HF_HUB_CACHE"} <= variables.keys()


@given(
    st.dictionaries(st.from_regex(r"[A-Z_]*(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)", fullmatch=True), st.text())
)
def test_names_that_secrets_have_are_never_passed_on(secrets):
    assert not (secrets.keys() & environment(secrets).keys())


@pytest.mark.thorough
def test_a_private_checkpoint_needs_the_operators_word(hub, tiny, request_of, tmp_path, monkeypatch):
    hub.create("user/tiny", {path.name: path.read_bytes() for path in tiny.iterdir()}, private=True)
    commit = hub.history("user/tiny")[0]
    (tmp_path / "token").write_text(hub.write_token)  # as `hf auth login` stores it
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    request = request_of("user/tiny", checkpoint="user/tiny", revision=commit.oid)
    monkeypatch.delenv("HF_TOKEN")
    *_, last = in_child(request, 60)
    assert "can't be had without a token" in last["error"]
    assert "XSNS_WORKER_ENV=HF_TOKEN" in last["error"]
    monkeypatch.setenv("XSNS_WORKER_ENV", "HF_TOKEN")
    *_, last = in_child(request, 60)
    assert last["seed"] == 0


@pytest.fixture
def strangers(hub, tiny, tmp_path) -> RecipeMasks:
    """Masks that say they are of a checkpoint which is on the Hub, and of which the operator has never heard."""
    hub.create("evil/model", {path.name: path.read_bytes() for path in tiny.iterdir()})
    repository = MaskRepository(tmp_path / "masks", create=True)
    recipe = Recipe("evil/model", hub.history("evil/model")[0].oid, "pretrained", "mine")
    layout = ParameterLayout((Tensor("encoder.layer.0.weight", (4, 4), 0),))
    repository.add(records(recipe, "eng", {0: select(np.arange(16, dtype=np.float32), layout, recipe.density)}))
    return repository.masks()


@pytest.mark.parametrize("allowed", [[], ["evil"], ["user/other"], ["embedded", "FacebookAI/xlm-roberta-base"]])
def test_masks_cannot_name_a_checkpoint_to_load(hub, strangers, allowed):
    hub.log.clear()
    assert "evil/model, isn't one that this page loads" in (can_bring(strangers, allowed) or "")
    with pytest.raises(XsnsError, match="evil/model, isn't one that this page loads"):
        list(bring(LINES, "fin", strangers, models=allowed))
    assert not hub.log, "nothing is asked of the Hub"


def test_which_checkpoint_is_loaded(strangers, tmp_path):
    hub_recipe = strangers.recipe
    assert checkpoint_for(hub_recipe, ["user/other", "evil/model"]) == "evil/model"
    assert checkpoint_for(hub_recipe, ["new-name/model"]) == "new-name/model", "what the operator says, not the masks"
    assert checkpoint_for(hub_recipe, ["user/other", str(tmp_path)]) == str(tmp_path), "the only folder"
    assert checkpoint_for(hub_recipe, [str(tmp_path), "/elsewhere"]) is None
    embedded = dataclasses.replace(hub_recipe, checkpoint="embedded", revision="123-v1")
    assert checkpoint_for(embedded, []) == checkpoint_for(embedded, [str(tmp_path)]) == "embedded"
    local = dataclasses.replace(hub_recipe, checkpoint="embedded-2", revision="0123456789abcdef")
    assert checkpoint_for(local, []) is None
    assert checkpoint_for(local, ["/there/a", "/there/embedded-2/"]) == "/there/embedded-2/"
