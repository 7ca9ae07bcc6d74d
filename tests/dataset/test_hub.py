"""Mask repositories on the Hub, through the real clients against the stand-in."""

import errno
import hashlib
import io
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import records
from datasets import load_dataset
from hub.faults import ALWAYS
from huggingface_hub import DatasetCard
from test_repository import LAYOUT, RECIPE, a_mask, same

from xsns_hf import rank_sources
from xsns_hf.dataset.repository import Added, MaskRepository
from xsns_hf.dataset.rows import Rows
from xsns_hf.dataset.sharing import pull, push
from xsns_hf.dataset.stores import hub as hub_module
from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard
from xsns_hf.recipe import Recipe

slow, thorough = (partial(pytest.param, marks=mark) for mark in (pytest.mark.slow, pytest.mark.thorough))
WHERE, PATH = "user/masks", "datasets/user/masks"
LANGUAGES = ["fin", "nob", "srp_Latn", "deu", "rus", "swe", "hin", "jpn"]


@pytest.fixture(autouse=True)
def _quick(hub, monkeypatch):
    """Wait for nothing."""
    monkeypatch.setattr("xsns_hf.dataset.stores.retrying.time", Hurried())


def of(number: int) -> dict:
    return {seed: a_mask(10 * number + seed) for seed in (0, 1)}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two folders: three languages, and one to add."""
    folder = tmp_path_factory.mktemp("made")
    for number, language in enumerate(LANGUAGES[:3]):
        MaskRepository(folder / "local", create=True).add(records(RECIPE, language, of(number)))
    MaskRepository(folder / "other", create=True).add(records(RECIPE, "swe", of(5)))
    return folder


@pytest.fixture
def local(made, tmp_path) -> MaskRepository:
    return MaskRepository(shutil.copytree(made / "local", tmp_path / "local"))


@pytest.fixture
def other(made, tmp_path) -> MaskRepository:
    return MaskRepository(shutil.copytree(made / "other", tmp_path / "other"))


@pytest.fixture(scope="module")
def pushed(server, made) -> dict[str, bytes]:
    """The files on the Hub after three languages were pushed in one commit."""
    server.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", server.write_token)
        push(MaskRepository(made / "local"), MaskRepository(WHERE, create=True))
    return server.files(PATH)


@pytest.fixture
def remote(pushed, hub) -> MaskRepository:
    """Three languages on the Hub, in one commit."""
    hub.create(PATH, pushed)
    return MaskRepository(WHERE, create=True)


def is_whole(files: dict[str, bytes]) -> set[str]:
    """Check that index, similarity, masks and card of a revision fit each other; return its languages."""
    masks = {path for path in files if path.startswith("masks/")}
    if "index.parquet" not in files:
        assert not masks
        return set()
    index = pq.read_table(io.BytesIO(files["index.parquet"])).to_pandas()
    similarity = pq.read_table(io.BytesIO(files["similarity.parquet"])).to_pandas()
    assert masks == set(index["file"])
    assert all(hashlib.sha256(files[row.file]).hexdigest() == row.file_sha256 for row in index.itertuples())
    for seed, rows in index.groupby("seed"):
        languages = set(rows["language"])
        pairs = {(source, target) for source in languages for target in languages if source != target}
        found = similarity[similarity["seed"] == seed]
        assert set(zip(found["source"], found["target"], strict=True)) == pairs
    card = DatasetCard(files["README.md"].decode())
    named = {config["config_name"] for config in card.data.to_dict()["configs"]}
    assert {f"{row.recipe}.{row.language}" for row in index.itertuples()} <= named
    return set(index["language"])


def all_whole(hub) -> list[set[str]]:
    return [is_whole(hub.files(PATH, commit.oid)) for commit in hub.history(PATH)]


@pytest.mark.thorough
@pytest.mark.parametrize("streaming", [False, True])
def test_load_dataset_gives_back_identical_masks(remote, tmp_path, streaming):
    rows = load_dataset(WHERE, f"{RECIPE.name}.nob", split="train", streaming=streaming, cache_dir=str(tmp_path / "c"))
    found = {(row["seed"], row["tensor"]): row["mask"] for row in rows}
    for seed in (0, 1):
        for tensor, mask in a_mask(10 + seed).masks():
            assert (remote.layout().unpack(tensor, np.frombuffer(found[seed, tensor.name], np.uint8)) == mask).all()


@pytest.mark.thorough
def test_load_dataset_without_a_config_gives_the_similarity(remote, local, tmp_path):
    similarity = load_dataset(WHERE, split="train", cache_dir=str(tmp_path / "c")).to_pandas()
    pd.testing.assert_frame_equal(similarity, local.similarity(), check_like=True)


@pytest.mark.thorough
def test_a_push_is_one_commit_and_a_second_one_none(remote, local, hub):
    assert len(hub.history(PATH)) == 2  # the Hub's own first one, and ours
    assert is_whole(hub.files(PATH)) == set(LANGUAGES[:3])
    assert push(local, MaskRepository(WHERE)) == Added()
    assert len(hub.history(PATH)) == 2


@pytest.mark.thorough
def test_reading_gives_back_what_was_pushed(remote, local):
    again = MaskRepository(WHERE)
    for language in LANGUAGES[:3]:
        for seed, mask in local.masks(RECIPE.name).subnetworks(language).items():
            assert same(again.subnetwork(RECIPE.name, language, seed), mask)
    pd.testing.assert_frame_equal(again.index(), local.index())
    pd.testing.assert_frame_equal(again.similarity(), local.similarity())


@pytest.mark.thorough
def test_a_language_is_added_and_only_its_row_computed(remote, other, hub):
    before = hub.files(PATH)
    assert push(other, MaskRepository(WHERE)).masks == [(RECIPE.name, "swe", 0), (RECIPE.name, "swe", 1)]
    after = hub.files(PATH)
    assert is_whole(after) == {*LANGUAGES[:3], "swe"}
    unchanged = {path for path in before if before[path] == after[path]}
    assert unchanged == {"layout.parquet", *(path for path in before if path.startswith("masks/"))}
    value = MaskRepository(WHERE).similarity().query("source == 'swe' and target == 'fin' and seed == 0")["jaccard"]
    assert value.item() == jaccard(a_mask(50), a_mask(0)), "whatever the order in which each stores its bits"


@pytest.mark.thorough
def test_ranking_reads_index_and_similarity_only(remote, hub):
    hub.log.clear()
    ranking = rank_sources("fin", f"{WHERE}@main")
    assert len(ranking.sources) == 2
    fetched = {exchange.path.split("?")[0].rsplit("/", 1)[-1] for exchange in hub.requests("GET", "/resolve/")}
    assert fetched <= {"index.parquet", "similarity.parquet"}
    assert hub.sent("/resolve/") < 40_000


@pytest.mark.thorough
def test_an_older_revision_stays_readable(remote, other, hub):
    first = hub.history(PATH)[0].oid
    push(other, MaskRepository(WHERE))
    assert set(MaskRepository(f"{WHERE}@{first}").index()["language"]) == set(LANGUAGES[:3])


@pytest.mark.thorough
def test_other_masks_for_the_same_are_refused_unless_replaced(remote, hub, tmp_path):
    other = MaskRepository(tmp_path / "other", create=True)
    other.add(records(RECIPE, "fin", {0: a_mask(77)}))
    with pytest.raises(XsnsError, match=r"another mask of Finnish \(fin\), seed 0, .*replace=True"):
        push(other, MaskRepository(WHERE))
    assert len(hub.history(PATH)) == 2
    push(other, MaskRepository(WHERE), replace=True)
    again = MaskRepository(WHERE)
    assert same(again.subnetwork(RECIPE.name, "fin", 0), a_mask(77))
    assert same(again.subnetwork(RECIPE.name, "fin", 1), a_mask(1))
    assert is_whole(hub.files(PATH)) == set(LANGUAGES[:3])


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("recipe", "layout", "message"),
    [
        (
            Recipe("tiny", "def456", "pretrained", "text", examples=40),
            LAYOUT,
            "at revision abc123, not of tiny at def456",
        ),
        (Recipe("tiny", "abc123", "pretrained-x", "text", examples=40), LAYOUT, "head pretrained against pretrained-x"),
        (RECIPE, ParameterLayout.of([("other", (400,))]), "other names or shapes"),
    ],
)
def test_masks_that_cannot_be_compared_are_refused(remote, hub, tmp_path, recipe, layout, message):
    other = MaskRepository(tmp_path / "other", create=True)
    other.add(records(recipe, "swe", {0: a_mask(1, layout)}))
    with pytest.raises(XsnsError, match=message):
        push(other, MaskRepository(WHERE))
    assert len(hub.history(PATH)) == 2


@pytest.mark.thorough
def test_five_pushers_at_once_lose_nothing(hub, tmp_path):
    hub.create(PATH)
    folders = []
    for number, language in enumerate(LANGUAGES[:5]):
        folders.append(MaskRepository(tmp_path / language, create=True))
        folders[-1].add(records(RECIPE, language, of(number)))
    together = threading.Barrier(len(folders))

    def one(folder: MaskRepository) -> None:
        target = MaskRepository(WHERE, create=True)
        together.wait()
        push(folder, target)

    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(one, folders))
    grown = all_whole(hub)
    assert grown[0] == set(LANGUAGES[:5])
    assert [len(languages) for languages in grown] == [5, 4, 3, 2, 1, 0], "a commit each"
    repository = MaskRepository(WHERE)
    for seed in (0, 1):
        stored = repository.similarity().query("seed == @seed")
        table = stored.pivot(index="source", columns="target", values="jaccard").fillna(1.0)
        np.testing.assert_array_equal(table, repository.masks(RECIPE.name).computed_similarity(seed))


STEPS = [
    ("GET", "/api/datasets/user/masks"),
    ("POST", "/preupload/"),
    ("POST", "/objects/batch"),
    ("PUT", ""),
    ("POST", "/commit/"),
]


@pytest.mark.parametrize(("method", "path"), STEPS)
@pytest.mark.parametrize("status", [thorough(500), slow(429)])
def test_a_burst_of_errors_is_sat_out(remote, other, hub, monkeypatch, method, path, status):
    monkeypatch.setattr("huggingface_hub.utils._http.time", Hurried())
    target = MaskRepository(WHERE)
    rule = hub.faults.fail(method, path, status=status, times=3)
    push(other, target)
    assert rule.hits == 3
    assert all_whole(hub)[0] == {*LANGUAGES[:3], "swe"}


class Hurried:
    """The time module without its waits."""

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, _seconds):
        pass


@pytest.mark.parametrize("when", [slow("before"), thorough("after")])
@pytest.mark.parametrize(("method", "path"), STEPS)
def test_a_connection_lost_at_any_step_leaves_all_or_nothing(remote, other, hub, monkeypatch, method, path, when):
    monkeypatch.setattr("huggingface_hub.utils._http.time", Hurried())
    monkeypatch.setattr(hub_module, "TRIES", 2)
    target = MaskRepository(WHERE)
    hub.faults.drop(method, path, when=when, times=ALWAYS)
    if when == "after" and (method == "PUT" or path == "/commit/"):
        push(other, target)  # it was done, and found to be at the second try
    else:
        with pytest.raises(XsnsError, match=r"[Rr]epeat the command"):
            push(other, target)
    hub.faults.clear()
    all_whole(hub)
    push(other, MaskRepository(WHERE))
    assert all_whole(hub)[0] == {*LANGUAGES[:3], "swe"}
    assert len(hub.history(PATH)) == 3


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("name", ["index", slow("similarity"), slow("layout"), "README"])
@pytest.mark.parametrize("times", [slow(1), thorough(3)])
def test_a_file_that_is_not_found_once_is_not_taken_for_new(remote, other, hub, name, method, times):
    target = MaskRepository(WHERE, create=True)
    headers = {"X-Error-Code": "EntryNotFound"}
    rule = hub.faults.fail(method, f"/resolve/.*{name}", status=404, times=times, headers=headers)
    push(other, target)
    assert rule.hits == times or method == "GET", "what another test has put into the cache isn't fetched again"
    assert is_whole(hub.files(PATH)) == {*LANGUAGES[:3], "swe"}
    assert hub.files(PATH)["layout.parquet"] == hub.files(PATH, hub.history(PATH)[1].oid)["layout.parquet"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", [slow("index"), "similarity", slow("layout"), slow("masks/.*fin")])
def test_a_file_that_is_listed_and_never_found_ends_the_push(remote, other, hub, name):
    target = MaskRepository(WHERE, create=True)
    hub.faults.fail("HEAD", f"/resolve/.*{name}", status=404, times=ALWAYS, headers={"X-Error-Code": "EntryNotFound"})
    with pytest.raises(XsnsError, match=r"the Hub doesn't give out .*parquet, which user/masks holds"):
        push(other, target)
    assert len(hub.history(PATH)) == 2


@pytest.mark.thorough
@pytest.mark.parametrize("skip", range(3))
def test_a_repository_that_is_not_found_once_is_not_taken_for_new(remote, other, hub, local, skip):
    headers = {"X-Error-Code": "RepoNotFound"}
    hub.faults.fail("GET", "/api/datasets/user/masks", status=404, skip=skip, headers=headers)
    try:
        target = MaskRepository(WHERE, create=True)
        target.store.prepare()
        assert set(target.index()["language"]) == set(LANGUAGES[:3])
        push(other, target)
    except XsnsError as error:
        assert "There is no dataset user/masks on the Hub that you may see" in str(error)
        assert len(hub.history(PATH)) == 2
    else:
        assert is_whole(hub.files(PATH)) == {*LANGUAGES[:3], "swe"}


@pytest.mark.thorough
@pytest.mark.parametrize("lost", ["layout.parquet", "similarity.parquet"])
def test_a_lost_table_is_had_again_in_one_commit(remote, other, hub, local, xsns, lost):
    before = hub.files(PATH)
    hub.commit(PATH, {lost: None})
    with pytest.raises(XsnsError, match=rf"has lost {lost}, .* mend it with `xsns check user/masks --repair`"):
        push(other, MaskRepository(WHERE))
    assert len(hub.history(PATH)) == 3
    assert xsns("check", WHERE)[0] == 2
    assert xsns("check", WHERE, "--repair")[0] == 0
    assert len(hub.history(PATH)) == 4
    assert hub.files(PATH)["layout.parquet"] == before["layout.parquet"]
    keys = ["recipe", "seed", "source", "target"]
    was, now = (each.similarity().set_index(keys)["jaccard"] for each in (local, MaskRepository(WHERE)))
    pd.testing.assert_series_equal(now[was.index], was)
    assert xsns("check", WHERE)[0] == 0
    push(other, MaskRepository(WHERE))
    assert is_whole(hub.files(PATH)) == {*LANGUAGES[:3], "swe"}


@pytest.mark.thorough
def test_an_index_that_was_lost_on_the_hub_is_had_again(remote, hub, local, xsns):
    hub.commit(PATH, {"index.parquet": None})
    assert xsns("rank", "fin", "--masks", WHERE)[0] == 2
    assert xsns("check", WHERE, "--repair")[0] == 0
    pd.testing.assert_frame_equal(MaskRepository(WHERE).index(), local.index())


@pytest.mark.thorough
def test_a_change_that_drops_masks_is_refused(remote, hub):
    def drop(draft):
        index = draft.rows.index()
        draft.rows = Rows(index[index["language"] != "nob"])
        draft.added.masks.append((RECIPE.name, "fin", 0))

    with pytest.raises(XsnsError, match=r"would drop masks from user/masks \(nob, seed 0, of text-mlm"):
        MaskRepository(WHERE)._change(drop)
    assert len(hub.history(PATH)) == 2


@pytest.mark.thorough
def test_a_race_lost_every_time_ends_with_a_sentence(remote, other, hub, monkeypatch):
    monkeypatch.setattr(hub_module, "RACES", 3)
    target = MaskRepository(WHERE)
    rule = hub.faults.lose_race(times=ALWAYS)
    with pytest.raises(XsnsError, match="wasn't changed: others changed it meanwhile, in the last of 3 tries"):
        push(other, target)
    assert rule.hits == 3
    assert is_whole(hub.files(PATH)) == set(LANGUAGES[:3])
    hub.faults.clear()
    push(other, MaskRepository(WHERE))
    assert is_whole(hub.files(PATH)) == {*LANGUAGES[:3], "swe"}


@pytest.mark.thorough
def test_a_token_that_may_not_write_is_told_so_and_can_propose(remote, other, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.other_token)
    with pytest.raises(XsnsError, match=r"may not write to user/masks .*create_pr=True"):
        push(other, MaskRepository(WHERE))
    assert len(hub.history(PATH)) == 2
    target = MaskRepository(WHERE, create_pr=True)
    push(other, target)
    assert "/discussions/" in target.store.address()
    assert is_whole(hub.files(PATH)) == set(LANGUAGES[:3])
    assert is_whole(hub.files(PATH, "refs/pr/1")) == {*LANGUAGES[:3], "swe"}


def test_names_that_lead_nowhere(hub, tmp_path, monkeypatch):
    with pytest.raises(XsnsError, match=r"no dataset user/nothing on the Hub that you may see.*\./user/nothing"):
        MaskRepository("user/nothing")
    hub.create("datasets/user/thesis", {"thesis.tex": b"years of work"})
    with pytest.raises(XsnsError, match="holds no masks"):
        MaskRepository("user/thesis")
    with pytest.raises(XsnsError, match="holds something other than masks"):
        MaskRepository("user/thesis", create=True)
    with pytest.raises(XsnsError, match="has no revision v9"):
        MaskRepository("user/thesis@v9")
    hub.create("datasets/user/hidden", private=True)
    monkeypatch.setenv("HF_TOKEN", hub.other_token)
    with pytest.raises(XsnsError, match="no dataset user/hidden on the Hub that you may see"):
        MaskRepository("user/hidden")
    with pytest.raises(XsnsError, match="is a folder, which takes no pull request"):
        MaskRepository(tmp_path, create_pr=True)


@pytest.mark.thorough
def test_a_private_repository_is_read_with_a_token(remote, hub, monkeypatch):
    hub.create("datasets/user/private", hub.files(PATH), private=True)
    assert len(rank_sources("fin", "user/private").sources) == 2
    hub.create("datasets/user/secret", hub.files(PATH), private=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(XsnsError, match="log in"):
        rank_sources("fin", "user/secret")


@pytest.mark.thorough
def test_without_a_connection_what_was_read_before_is_there(remote, hub):
    rank_sources("fin", WHERE)
    hub.faults.drop("*", "", times=ALWAYS)
    assert len(rank_sources("fin", WHERE).sources) == 2
    with pytest.raises(XsnsError, match=r"can't be reached on the Hub|connection to the Hub broke"):
        MaskRepository("user/other")


@pytest.mark.thorough
def test_a_corrupted_file_is_noticed_and_nothing_pushed(remote, other, hub, local):
    (path,) = (path for path in hub.files(PATH) if "/fin-" in path)
    hub.commit(PATH, {path: hub.files(PATH)[path][:200]})
    with pytest.raises(XsnsError, match=r"fin-.* isn't the file that the index records"):
        push(other, MaskRepository(WHERE))
    push(local, MaskRepository(WHERE), replace=True)
    push(other, MaskRepository(WHERE))
    assert is_whole(hub.files(PATH)) == {*LANGUAGES[:3], "swe"}


@pytest.mark.parametrize("edited", ["---\nlicense: cc-by-4.0\ntags: [mine]\n---\nMine.", "---\n[broken: {\n---\n", ""])
@pytest.mark.thorough
def test_a_card_edited_by_hand_does_no_harm(remote, other, hub, edited):
    hub.commit(PATH, {"README.md": edited.encode()})
    push(other, MaskRepository(WHERE))
    files = hub.files(PATH)
    assert is_whole(files) == {*LANGUAGES[:3], "swe"}
    card = DatasetCard(files["README.md"].decode())
    assert card.data.license == ("cc-by-4.0" if "license" in edited else ["cc-by-sa-4.0"])
    assert files["similarity.png"].startswith(b"\x89PNG")


@pytest.mark.thorough
def test_a_full_disk_is_explained(remote, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub_module, "hf_hub_download", full)
    with pytest.raises(XsnsError, match=r"in the cache can't be written \(No space left on device\): free some space"):
        MaskRepository(WHERE)


@pytest.mark.thorough
def test_pull_fetches_all_and_goes_on_where_it_was(remote, hub, local, tmp_path):
    folder = tmp_path / "pulled"
    pulled = pull(WHERE, folder)
    pd.testing.assert_frame_equal(pulled.index(), local.index())
    assert same(pulled.subnetwork(RECIPE.name, "nob", 1), a_mask(11))
    hub.log.clear()
    pull(WHERE, folder)
    assert not [exchange for exchange in hub.requests("GET", "/resolve/.*masks/.*parquet") if exchange.status == 200]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    with pytest.raises(XsnsError, match="holds something else"):
        pull(WHERE, tmp_path / "thesis")
    with pytest.raises(XsnsError, match="is a folder"):
        pull(str(folder), tmp_path / "x")


@pytest.mark.thorough
def test_the_token_is_never_shown(remote, other, hub, monkeypatch, capsys, caplog):
    import traceback

    monkeypatch.setattr(hub_module, "TRIES", 1)
    monkeypatch.setattr("huggingface_hub.utils._http.time", Hurried())
    caplog.set_level("DEBUG")
    for token, status in [(hub.write_token, 500), (hub.read_token, None), ("hf_unknownToken", None)]:
        monkeypatch.setenv("HF_TOKEN", token)
        hub.faults.clear()
        if status:
            hub.faults.fail("POST", "/commit/", status=status, times=ALWAYS)
        with pytest.raises(XsnsError) as failure:
            push(other, MaskRepository(WHERE))
        shown = "".join(traceback.format_exception(failure.value)) + "".join(capsys.readouterr()) + caplog.text
        assert token not in shown
