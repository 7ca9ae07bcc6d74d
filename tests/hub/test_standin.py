"""The Hub's stand-in, by what the real clients make of it; and what they do when a Hub misbehaves."""

import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem, constants, file_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import _http

from hub import HubServer
from hub.faults import ALWAYS

REPO, PATH = "user/masks", "datasets/user/masks"
CARD = b"""---
license: cc0-1.0
configs:
- config_name: first
  data_files: data/first.parquet
- config_name: second
  data_files: data/second.parquet
---
# Masks
"""


@pytest.fixture(scope="module")
def server():
    with HubServer() as server:
        yield server


@pytest.fixture
def hub(server, monkeypatch) -> HubServer:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.reset()
    return server


@pytest.fixture
def api(hub) -> HfApi:
    """Of an owner, with an empty dataset repository."""
    hub.create(PATH)
    return HfApi(endpoint=hub.url, token=hub.write_token)


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """The seconds that the client would have waited."""
    seconds: list[float] = []
    for module in (_http, file_download):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def parquet(count: int) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"number": list(range(count))}), buffer)
    return buffer.getvalue()


def commit(api: HfApi, files: dict[str, bytes | None], **options):
    operations = [
        CommitOperationDelete(path) if data is None else CommitOperationAdd(path, data) for path, data in files.items()
    ]
    return api.create_commit(REPO, operations, commit_message="files", repo_type="dataset", **options)


def download(api: HfApi, path: str, cache: Path, **options) -> bytes:
    return Path(api.hf_hub_download(REPO, path, repo_type="dataset", cache_dir=cache, **options)).read_bytes()


# --- what is there


def test_a_repository_is_made_once(hub):
    api = HfApi(endpoint=hub.url, token=hub.write_token)
    assert api.whoami()["name"] == "user"
    made = api.create_repo(REPO, repo_type="dataset", private=True)
    assert (made.repo_id, made.repo_type) == (REPO, "dataset")
    assert api.create_repo(REPO, repo_type="dataset", exist_ok=True) == made
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo(REPO, repo_type="dataset")
    assert hub.repos[PATH].private
    api.create_repo("model")
    api.delete_repo(REPO, repo_type="dataset")
    assert list(hub.repos) == ["user/model"]


def test_small_and_large_files_are_committed(hub, api):
    made = commit(api, {"README.md": CARD, "data/first.parquet": parquet(10), "empty.txt": b""})
    assert hub.files(PATH) == {"README.md": CARD, "data/first.parquet": parquet(10), "empty.txt": b""}
    assert [each.oid for each in hub.history(PATH)][:1] == [made.oid]
    assert list(hub.repos[PATH].lfs.values()) == [parquet(10)]
    called = [(each.method, each.path.replace(REPO, "…")) for each in hub.log]
    assert [method for method, _ in called] == ["POST", "POST", "POST", "PUT", "POST", "POST"]
    assert [path.split("/")[-2:] for _, path in called[1:3]] == [["preupload", "main"], ["objects", "batch"]]
    assert all(each.token == hub.write_token for each in hub.log if each.method == "POST")

    hub.log.clear()
    commit(api, {"data/copy.parquet": parquet(10)})
    assert not hub.requests("PUT"), "what is stored isn't sent again"
    assert commit(api, {"data/copy.parquet": parquet(10)}).oid == hub.history(PATH)[0].oid
    assert len(hub.history(PATH)) == 3, "nothing changed: no commit"


def test_files_and_folders_are_uploaded_and_deleted(hub, api, tmp_path):
    for name in ("a/one.txt", "a/two.parquet", "b.txt"):
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / name).write_bytes(name.encode())
    api.upload_folder(repo_id=REPO, repo_type="dataset", folder_path=tmp_path / "files")
    api.upload_file(path_or_fileobj=b"c", path_in_repo="c.txt", repo_id=REPO, repo_type="dataset")
    assert sorted(hub.files(PATH)) == ["a/one.txt", "a/two.parquet", "b.txt", "c.txt"]
    api.delete_folder("a", REPO, repo_type="dataset")
    api.delete_file("b.txt", REPO, repo_type="dataset")
    assert hub.files(PATH) == {"c.txt": b"c"}
    with pytest.raises(EntryNotFoundError, match="doesn't exist"):
        api.delete_file("b.txt", REPO, repo_type="dataset")
    assert sorted(hub.files(PATH, hub.history(PATH)[1].oid)) == ["b.txt", "c.txt"], "every commit stays as it was"


def test_a_card_must_be_valid(hub, api):
    with pytest.raises(ValueError, match="Invalid metadata"):
        commit(api, {"README.md": b"---\nconfigs: [\n---\n"})
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        commit(api, {"README.md": b"# Masks\n"})
    commit(api, {"README.md": CARD})
    found = api.dataset_info(REPO, files_metadata=True)
    assert found.card_data["configs"][1]["config_name"] == "second"
    assert (found.sha, found.tags, found.private) == (hub.history(PATH)[0].oid, ["license:cc0-1.0"], False)
    assert {each.rfilename: each.size for each in found.siblings}["README.md"] == len(CARD)
    in_short = api.dataset_info(REPO, expand=["sha"])
    assert (in_short.sha, in_short.siblings, in_short.card_data) == (found.sha, None, None)
    with pytest.raises(HfHubHTTPError, match="nothing can't be expanded"):
        api.dataset_info(REPO, expand=["nothing"])


def test_listings_say_what_is_there(hub, api):
    hub.commit(PATH, {"README.md": CARD, "data/first.parquet": parquet(5)}, title="one")
    hub.commit(PATH, {"data/deep/second.parquet": parquet(9)}, title="two")
    hub.page_size = 2
    every = ["data/deep/second.parquet", "data/first.parquet", "README.md", ".gitattributes"]
    assert sorted(api.list_repo_files(REPO, repo_type="dataset")) == sorted(every)
    tree = {each.path: each for each in api.list_repo_tree(REPO, "data", repo_type="dataset", expand=True)}
    assert {path: each.last_commit.title for path, each in tree.items()} == {
        "data/first.parquet": "one",
        "data/deep": "two",
    }
    assert tree["data/first.parquet"].lfs.size == tree["data/first.parquet"].size == len(parquet(5))
    infos = api.get_paths_info(REPO, ["data", "README.md", "nothing"], repo_type="dataset")
    assert [each.path for each in infos] == ["data", "README.md"]
    commits = api.list_repo_commits(REPO, repo_type="dataset")
    assert [each.title for each in commits] == ["two", "one", "initial commit"]
    api.create_branch(REPO, branch="other", revision=commits[1].commit_id, repo_type="dataset")
    commit(api, {"here.txt": b"x"}, revision="other")
    assert "here.txt" in hub.files(PATH, "other")
    assert "here.txt" not in hub.files(PATH)
    assert {each.name for each in api.list_repo_refs(REPO, repo_type="dataset").branches} == {"main", "other"}
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "nothing", repo_type="dataset"))


def test_downloads_are_cached_by_commit(hub, api, cache):
    old = hub.commit(PATH, {"a.txt": b"old", "b.parquet": parquet(3)})
    assert download(api, "a.txt", cache) == b"old"
    assert download(api, "b.parquet", cache) == parquet(3)
    hub.commit(PATH, {"a.txt": b"new"})
    assert download(api, "a.txt", cache) == b"new"
    hub.log.clear()
    assert download(api, "a.txt", cache) == b"new"
    assert {each.method for each in hub.log} == {"HEAD"}
    hub.log.clear()
    assert download(api, "a.txt", cache, revision=old) == b"old"
    assert not hub.log, "a commit doesn't change, so nothing is asked"
    assert not api.file_exists(REPO, "c.txt", repo_type="dataset")
    with pytest.raises(EntryNotFoundError):
        download(api, "c.txt", cache)
    with pytest.raises(RevisionNotFoundError):
        download(api, "a.txt", cache, revision="nowhere")


def test_a_download_is_of_one_commit_even_if_the_branch_moves(hub, api, cache):
    old = hub.commit(PATH, {"a.txt": b"old"})
    hub.faults.before("GET", "a.txt", lambda _: hub.commit(PATH, {"a.txt": b"newer"}))
    path = api.hf_hub_download(REPO, "a.txt", repo_type="dataset", cache_dir=cache)
    assert Path(path).read_bytes() == b"old"
    assert Path(path).parent.name == old
    assert hub.files(PATH)["a.txt"] == b"newer"


def test_parts_of_a_file_are_read_without_the_rest(hub, api):
    content = os.urandom(400_000)
    hub.commit(PATH, {"data/big.parquet": content})
    files = HfFileSystem(endpoint=hub.url, token=hub.write_token, skip_instance_cache=True)
    assert files.ls(f"{PATH}/data", detail=False) == [f"{PATH}/data/big.parquet"]
    assert files.glob(f"{PATH}/**/*.parquet") == [f"{PATH}/data/big.parquet"]
    with files.open(f"{PATH}/data/big.parquet", block_size=1000, cache_type="readahead") as file:
        file.seek(200_000)
        assert file.read(500) == content[200_000:200_500]
    assert 500 <= hub.sent("resolve") < 3000
    assert hub.requests("GET", "resolve")[-1].status == 206
    assert files.cat_file(f"{PATH}/data/big.parquet", start=-10) == content[-10:]
    with pytest.raises(FileNotFoundError):
        files.open(f"{PATH}/data/none.parquet")


def test_a_tag_stays_where_it_was_put(hub, api, cache):
    old = hub.commit(PATH, {"a.txt": b"old"})
    api.create_tag(REPO, tag="v1", repo_type="dataset")
    hub.commit(PATH, {"a.txt": b"new"})
    hub.repos[PATH].refs["refs/convert/parquet"] = old
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert [(each.name, each.ref, each.target_commit) for each in refs.tags] == [("v1", "refs/tags/v1", old)]
    assert [(each.name, each.ref) for each in refs.converts] == [("parquet", "refs/convert/parquet")]
    assert [(each.name, each.ref) for each in refs.branches] == [("main", "refs/heads/main")]
    assert api.dataset_info(REPO, revision="v1").sha == api.dataset_info(REPO, revision="refs/tags/v1").sha == old
    assert download(api, "a.txt", cache, revision="v1") == b"old"
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPO, tag="v1", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="isn't a branch"):
        commit(api, {"b.txt": b"b"}, revision="v1")
    api.delete_tag(REPO, tag="v1", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(REPO, tag="v1", repo_type="dataset")


@pytest.mark.thorough
def test_a_renamed_repository_is_found_under_its_old_names(hub, api, cache):
    hub.create("user/model", {"config.json": b"{}"})
    hub.commit(PATH, {"a.txt": b"a"})
    api.move_repo("user/model", "team/model")
    api.move_repo("team/model", "team/renamed")
    api.move_repo(REPO, "user/new", repo_type="dataset")
    hub.moved["model"] = "team/model"
    hub.log.clear()
    for old in ("user/model", "team/model", "model"):
        assert api.model_info(old, files_metadata=True).id == "team/renamed"
        path = Path(api.hf_hub_download(old, "config.json", cache_dir=cache))
        assert (path.read_bytes(), path.parent.name) == (b"{}", hub.history("team/renamed")[0].oid)
    assert {each.status for each in hub.log} == {200, 307}
    commit(api, {"b.parquet": parquet(3)})
    assert hub.files("datasets/user/new") == {"a.txt": b"a", "b.parquet": parquet(3)}
    with pytest.raises(HfHubHTTPError, match="409"):
        api.move_repo("user/new", "user/new", repo_type="dataset")
    hub.create(PATH)
    assert api.dataset_info(REPO).id == REPO, "the name is another's now"


def test_the_new_name_of_a_private_repository_is_a_secret(hub, api, cache):
    api.move_repo(REPO, "user/new", repo_type="dataset")
    hub.repos["datasets/user/new"].private = True
    assert api.dataset_info(REPO).id == "user/new"
    for token, status in ((hub.other_token, "404"), (False, "401"), ("unknown", "401")):
        with pytest.raises(HfHubHTTPError, match=status):
            HfApi(endpoint=hub.url, token=token).dataset_info(REPO)
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=hub.other_token).move_repo(REPO, "other/mine", repo_type="dataset")


@pytest.mark.thorough
def test_a_large_file_is_held_once(hub, api, cache):
    hub.create("user/model")
    content = os.urandom(1 << 20) * 48
    api.upload_file(path_or_fileobj=content, path_in_repo="model.safetensors", repo_id="user/model")
    stored = hub.repos["user/model"].at().files["model.safetensors"].data
    assert stored == content
    (sent,) = hub.requests("PUT")
    assert sent.body is stored
    assert hub.repos["user/model"].lfs.popitem()[1] is stored
    path = Path(api.hf_hub_download("user/model", "model.safetensors", cache_dir=cache))
    assert path.stat().st_size == hub.sent("/resolve/") == len(content)


# --- who may do what


@pytest.mark.parametrize(
    ("token", "private", "reading", "writing"),
    [
        ("write_token", True, None, None),
        ("read_token", True, None, "403"),
        ("other_token", True, "404", "404"),
        (None, True, "401", "401"),
        ("other_token", False, None, "403"),
        (None, False, None, "401"),
        ("unknown", False, "401", "401"),
    ],
)
def test_tokens_are_let_in_or_not(hub, api, cache, token, private, reading, writing):
    hub.commit(PATH, {"a.txt": b"a"})
    hub.repos[PATH].private = private
    api = HfApi(endpoint=hub.url, token=getattr(hub, token, token) if token else False)
    actions = {lambda: download(api, "a.txt", cache): reading, lambda: commit(api, {"b.txt": b"b"}): writing}
    for action, status in actions.items():
        if status is None:
            action()
            continue
        with pytest.raises(HfHubHTTPError, match=status) as failure:
            action()
        hidden = private and token in ("other_token", None)
        assert isinstance(failure.value, RepositoryNotFoundError) == hidden
    assert {each.token for each in hub.log} == {api.token or None}


def test_what_is_missing_looks_like_what_is_private(hub, cache):
    for token, status in ((hub.write_token, "404"), (False, "401")):
        api = HfApi(endpoint=hub.url, token=token)
        with pytest.raises(RepositoryNotFoundError, match=status):
            download(api, "a.txt", cache)
        with pytest.raises(RepositoryNotFoundError, match=status):
            api.auth_check(REPO, repo_type="dataset", write=True)
        for revision in (None, "v1"):
            with pytest.raises(RepositoryNotFoundError, match=status):
                api.model_info("gpt2", revision=revision)
        with pytest.raises(RepositoryNotFoundError, match=status):
            api.hf_hub_download("gpt2", "a.txt", cache_dir=cache)


def test_gated_files_are_for_those_who_were_let_in(hub, api, cache):
    hub.commit(PATH, {"a.txt": b"a"})
    hub.repos[PATH].gated = "manual"
    other = HfApi(endpoint=hub.url, token=hub.other_token)
    assert other.dataset_info(REPO).gated == "manual"
    with pytest.raises(GatedRepoError, match="403"):
        download(other, "a.txt", cache)
    with pytest.raises(GatedRepoError, match="401"):
        download(HfApi(endpoint=hub.url, token=False), "a.txt", cache)
    hub.repos[PATH].granted.add("other")
    assert download(other, "a.txt", cache) == b"a"


def test_anyone_may_propose(hub, api, cache):
    base = hub.commit(PATH, {"a.txt": b"a"})
    hub.commit(PATH, {"later.txt": b"b"})
    other = HfApi(endpoint=hub.url, token=hub.other_token)
    made = commit(other, {"b.parquet": parquet(2)}, create_pr=True, parent_commit=base)
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    assert sorted(hub.files(PATH)) == ["a.txt", "later.txt"]
    assert sorted(hub.files(PATH, "refs/pr/1")) == ["a.txt", "b.parquet"]
    assert download(other, "b.parquet", cache, revision="refs/pr/1") == parquet(2)
    commit(api, {"c.txt": b"c"}, revision="refs/pr/1", parent_commit=made.oid)
    assert "c.txt" in hub.files(PATH, "refs/pr/1")
    assert [(each.num, each.author) for each in api.get_repo_discussions(REPO, repo_type="dataset")] == [(1, "other")]
    assert api.get_discussion_details(REPO, 1, repo_type="dataset").is_pull_request
    refs = api.list_repo_refs(REPO, repo_type="dataset", include_pull_requests=True)
    assert [each.ref for each in refs.pull_requests] == ["refs/pr/1"]
    with pytest.raises(HfHubHTTPError, match="403"):
        commit(HfApi(endpoint=hub.url, token=hub.read_token), {"d": b"d"}, create_pr=True)


# --- races


def test_a_lost_race_is_noticed(hub, api):
    head = hub.history(PATH)[0].oid
    hub.faults.lose_race(path=PATH)
    with pytest.raises(HfHubHTTPError, match="412"):
        commit(api, {"mine.txt": b"mine"}, parent_commit=head)
    assert sorted(hub.files(PATH)) == ["raced/1.txt"]
    commit(api, {"mine.txt": b"mine"}, parent_commit=hub.history(PATH)[0].oid)
    rule = hub.faults.lose_race(ALWAYS, change=lambda repository: {"mine.txt": None})
    commit(api, {"other.txt": b"other"})
    assert sorted(hub.files(PATH)) == ["other.txt", "raced/1.txt"]
    assert (rule.hits, hub.history(PATH)[1].author) == (1, "other")


@pytest.mark.thorough
def test_of_racing_commits_nothing_is_lost_if_each_looks_again(hub, api):
    hub.commit(PATH, {"list.txt": b""})

    def add(number: int) -> int:
        for attempt in range(50):
            head = api.repo_info(REPO, repo_type="dataset").sha
            file = HfFileSystem(endpoint=hub.url, token=hub.write_token, skip_instance_cache=True)
            before = file.cat_file(f"{PATH}@{head}/list.txt")
            try:
                commit(api, {"list.txt": before + b"%d\n" % number}, parent_commit=head)
            except HfHubHTTPError as error:
                assert error.response.status_code == 412
            else:
                return attempt
        raise AssertionError("never won")

    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(add, range(8)))
    assert sorted(map(int, hub.files(PATH)["list.txt"].split())) == list(range(8))
    assert len(hub.history(PATH)) == 2 + 8
    assert len([each for each in hub.requests("POST", "/commit/") if each.status == 412]) == sum(attempts)


# --- a Hub that misbehaves


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [(500, None, [1, 2]), (503, None, [1, 2]), (429, None, [1, 2]), (429, 0, [1, 1]), (429, 5, [6, 6])],
)
def test_what_comes_before_a_commit_is_tried_again(hub, api, waits, status, retry_after, expected):
    hub.faults.fail("POST", "preupload", status, times=2, retry_after=retry_after)
    commit(api, {"a.txt": b"a"})
    assert waits == expected
    assert hub.files(PATH) == {"a.txt": b"a"}


@pytest.mark.thorough
@pytest.mark.parametrize("step", ["/preupload/", "/objects/batch", "^/lfs/.*[0-9a-f]{64}", "/verify"])
def test_each_step_before_a_commit_is_given_up_after_six_tries(hub, api, waits, step):
    rule = hub.faults.fail("*", step, 500, times=ALWAYS)
    with pytest.raises((HfHubHTTPError, RuntimeError)) as failure:
        commit(api, {"a.parquet": parquet(1)})
    assert rule.hits == 6
    assert waits == [1, 2, 4, 8, 8]
    assert isinstance(failure.value, RuntimeError) == step.endswith(("{64}", "/verify")), "an upload's error is wrapped"
    assert len(hub.history(PATH)) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_commit_is_not_tried_again(hub, api, waits, status):
    rule = hub.faults.fail("POST", "/commit/", status, times=ALWAYS)
    with pytest.raises(HfHubHTTPError, match=str(status)):
        commit(api, {"a.txt": b"a"})
    assert (rule.hits, waits) == (1, [])


@pytest.mark.parametrize("reset", [False, True])
def test_a_commit_whose_answer_is_lost_is_made_all_the_same(hub, api, waits, reset):
    hub.faults.drop("POST", "/commit/", when="after", reset=reset)
    with pytest.raises(HTTPError, match=None if reset else "disconnected"):
        commit(api, {"a.txt": b"a"})
    assert hub.files(PATH) == {"a.txt": b"a"}
    assert (hub.requests("POST", "/commit/")[0].status, waits) == (0, [])


@pytest.mark.parametrize("reset", [False, True])
def test_an_upload_whose_connection_is_lost_is_tried_again(hub, api, waits, reset):
    hub.faults.drop("PUT", "^/lfs/", times=2, reset=reset)
    commit(api, {"a.parquet": parquet(7)})
    assert waits == [1, 2]
    assert hub.files(PATH) == {"a.parquet": parquet(7)}


@pytest.mark.parametrize(
    ("step", "expected"), [(None, [None, None, None]), (50_000, [None, "bytes=150000-", "bytes=200000-"])]
)
def test_a_download_that_is_cut_off_goes_on_after_the_last_whole_step(
    hub, api, cache, waits, monkeypatch, step, expected
):
    content = os.urandom(300_000)
    hub.commit(PATH, {"a.parquet": content})
    assert constants.DOWNLOAD_CHUNK_SIZE == 10 * 1024 * 1024, "smaller files begin again"
    if step:
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", step)
    hub.faults.drop("GET", "a.parquet", when="midway", times=2)
    assert download(api, "a.parquet", cache, revision=hub.history(PATH)[0].oid) == content
    assert [each.headers.get("range") for each in hub.requests("GET", "a.parquet")] == expected
    assert waits == [1, 1]


def test_a_reset_ends_a_download(hub, api, cache, waits):
    hub.commit(PATH, {"a.parquet": os.urandom(300_000)})
    hub.faults.drop("GET", "a.parquet", when="before", reset=True)
    with pytest.raises(HTTPError):
        download(api, "a.parquet", cache)
    assert waits == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_download_is_not_tried_again_on_an_error(hub, api, cache, waits, status):
    hub.commit(PATH, {"a.parquet": parquet(4)})
    hub.faults.fail("GET", "a.parquet", status)
    with pytest.raises(HfHubHTTPError, match=str(status)):
        download(api, "a.parquet", cache)
    hub.faults.fail("GET", "a.parquet", 429, times=2, retry_after=3)
    assert download(api, "a.parquet", cache) == parquet(4)
    assert waits == [4, 4]


def test_while_the_hub_is_down_a_cached_file_stands_in_for_the_newest(hub, api, cache, waits):
    hub.commit(PATH, {"a.txt": b"old"})
    rule = hub.faults.fail("HEAD", "a.txt", 503, times=2)
    assert download(api, "a.txt", cache) == b"old", "not cached: tried again"
    assert (rule.hits, waits) == (2, [1])
    hub.commit(PATH, {"a.txt": b"new"})
    hub.faults.fail("HEAD", "a.txt", 503)
    assert download(api, "a.txt", cache) == b"old", "cached: an older file, without a word"
    assert download(api, "a.txt", cache) == b"new"
    hub.faults.fail("HEAD", "b.txt", 503, times=ALWAYS)
    with pytest.raises(LocalEntryNotFoundError):
        download(api, "b.txt", cache)


def test_what_is_asked_about_a_repository_is_tried_once_and_listings_again(hub, api, waits):
    hub.faults.fail("GET", f"^/api/{PATH}$", 503)
    with pytest.raises(HfHubHTTPError, match="503"):
        api.repo_info(REPO, repo_type="dataset")
    hub.faults.fail("GET", "/tree/", 503)
    assert api.list_repo_files(REPO, repo_type="dataset") == [".gitattributes"]
    assert waits == [1]


# --- load_dataset, in processes of its own

LOAD = """
import json, sys
from datasets import load_dataset
rows = load_dataset("user/masks", sys.argv[1], split="train", streaming=json.loads(sys.argv[2]))
print(json.dumps([row["number"] for row in rows]))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("streaming", [False, True])
def test_load_dataset_reads_the_files_of_a_config(hub, api, cache, streaming):
    hub.commit(PATH, {"README.md": CARD, "data/first.parquet": parquet(5), "data/second.parquet": parquet(30)})
    hub.repos[PATH].private = True
    hub.faults.fail("HEAD", "README.md", 503)
    hub.faults.drop("GET", "second.parquet", when="midway")
    environment = {**hub.environment(cache, hub.read_token), "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", LOAD, "second", json.dumps(streaming)]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == list(range(30))
    assert {each.token for each in hub.log} == {hub.read_token}
    assert not hub.requests("*", "first.parquet"), "other configs aren't read"
