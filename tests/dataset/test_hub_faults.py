"""The Hub in bad weather: a share of all requests meets a fault, and pushes and reads end well all the same."""

import itertools
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hub.storms import KINDS, storm
from pusher import mask_of, pushed, recipe_of, record_of
from test_hub import PATH, WHERE
from test_repository import same

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.masks.similarity import jaccard

PUSHERS, PUSHES, GROUP = 16, 100, 10

EVERY = {"stale": 2, "flipped": 2, "conflict": 13, "page": 13, "cut short": 4}
"""So many-th request in which a fault happens, if not each fifth: few are of some kinds, and of others one is enough to
spoil all of a try, which then must fit in between."""


@pytest.fixture(scope="module")
def pushers(server) -> Iterator[ProcessPoolExecutor]:
    """Processes with what they need imported; each has a cache of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pusher"])
    with ProcessPoolExecutor(PUSHERS, context) as pool:
        yield pool


def jobs(number: int) -> list[tuple[int, str]]:
    """Return recipe and language of each push; those of a recipe are compared with each other."""
    index = pq.read_table(Ready("ready").file("index.parquet"), columns=["language"])
    known = sorted(set(index["language"].to_pylist()))
    return [(job // GROUP, known[job % len(known)]) for job in range(number)]


def checked(files: dict[str, bytes], folder: Path) -> set[tuple[str, str]]:
    """Make sure that a revision's tables fit its masks, and its masks what was pushed; return what it holds."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    repository = MaskRepository(folder)
    found = set()
    for records in repository.records():
        assert all(same(record.mask, mask_of(record.language)) for record in records)
        found |= {(record.recipe.name, record.language) for record in records}
    similarity = repository.similarity()
    for recipe, rows in repository.index().groupby("recipe"):
        pairs = similarity.loc[similarity["recipe"] == recipe, ["source", "target"]]
        assert {*pairs.itertuples(index=False, name=None)} == {*itertools.permutations(rows["language"], 2)}
    for row in similarity.itertuples():
        assert row.jaccard == np.float32(jaccard(mask_of(row.source), mask_of(row.target)))
    return found


class Hurried:
    """The time module without its waits."""

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, _seconds):
        pass


@pytest.fixture
def quick(monkeypatch) -> None:
    """Wait for nothing, neither here nor in huggingface_hub."""
    for module in ("huggingface_hub.utils._http", "huggingface_hub.file_download", "xsns_hf.dataset.stores.retrying"):
        monkeypatch.setattr(f"{module}.time", Hurried())


@pytest.fixture
def remote(hub, tmp_path) -> MaskRepository:
    """Three languages on the Hub, each pushed by itself."""
    hub.create(PATH)
    for language in ("fin", "swe", "deu"):
        put(MaskRepository(WHERE, create=True), language)
    return MaskRepository(WHERE)


def put(target: MaskRepository, language: str) -> None:
    target.add([record_of(0, language)])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_a_push_and_a_read_end_well_in_any_weather(remote, hub, quick, tmp_path, kind):
    raging = hub.faults.storm(storm(kind, every=EVERY.get(kind, 5)))
    put(MaskRepository(WHERE), "hin")
    read = MaskRepository(WHERE)
    table = read.masks().computed_similarity(0)
    assert raging.hits > 0
    hub.faults.clear()
    there = {(recipe_of(0).name, language) for language in ("fin", "swe", "deu", "hin")}
    assert checked(hub.files(PATH), tmp_path / "there") == there
    assert {*table.index} <= {language for _, language in there}
    assert len(hub.history(PATH)) == 5  # nothing twice


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_pushes_by_sixteen_at_once_in_a_storm(hub, pushers, tmp_path, kind):
    hub.create(PATH)
    assert pushers.submit(pushed, WHERE, hub.write_token, 99, "eng", create=True).result() is None
    hub.log.clear()
    raging = hub.faults.storm(storm(kind))
    began = time.monotonic()
    results = [pushers.submit(pushed, WHERE, hub.write_token, *job) for job in jobs(PUSHES)]
    said = {job: result.result() for job, result in zip(jobs(PUSHES), results, strict=True)}
    seconds, requests = time.monotonic() - began, len(hub.log)
    hub.faults.clear()
    good = {(recipe_of(group).name, language) for (group, language), words in said.items() if words is None}
    failures = Counter(words for words in said.values() if words)
    print(
        f"\n{kind}: {len(good)} of {PUSHES} pushes in {seconds:.0f} s, {requests:,} requests, {raging.hits:,} faults, "
        f"{len(hub.history(PATH)) - 2} commits; {failures.most_common(3)}"
    )
    revisions = [checked(hub.files(PATH, commit.oid), tmp_path / commit.oid) for commit in hub.history(PATH)[:-1]]
    assert good <= revisions[0]
    assert len(good) >= 0.95 * PUSHES
