"""The Hub in bad weather: a share of all requests meets a fault, and pushes and reads end well all the same."""

import itertools
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hub.faults import ALWAYS
from hub.storms import KINDS, storm
from pusher import mask_of, pushed, recipe_of, record_of
from test_hub import PATH, WHERE
from test_repository import same

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.errors import XsnsError
from xsns_hf.masks.similarity import jaccard

PUSHERS, PUSHES, GROUP = 16, 100, 10

EVERY = {"stale": 2, "flipped": 2}
"""So many-th request in which a fault happens, if not each thirteenth: few are of some kinds, and of others one is
enough to spoil all of a try, which then must fit in between."""

OFTEN = {"error", "dropped", "page", "flipped"}


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
    """The time module without its waits, which it notes."""

    def __init__(self):
        self.waits: list[float] = []

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, seconds):
        self.waits.append(seconds)


@pytest.fixture
def quick(monkeypatch) -> Hurried:
    """Wait for nothing, neither here nor in huggingface_hub."""
    hurried = Hurried()
    for module in ("huggingface_hub.utils._http", "huggingface_hub.file_download", "xsns_hf.dataset.stores.retrying"):
        monkeypatch.setattr(f"{module}.time", hurried)
    return hurried


@pytest.fixture
def remote(hub, tmp_path) -> MaskRepository:
    """Three languages on the Hub, each pushed by itself."""
    hub.create(PATH)
    for language in ("fin", "swe", "deu"):
        put(MaskRepository(WHERE, create=True), language)
    return MaskRepository(WHERE)


def put(target: MaskRepository, language: str) -> None:
    target.add([record_of(0, language)])


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.thorough if kind in OFTEN else pytest.mark.slow) for kind in KINDS]
)
def test_a_push_and_a_read_end_well_in_any_weather(remote, hub, quick, tmp_path, kind):
    often = {"share": 0.3} if kind == "cut short" else {"every": EVERY.get(kind, 13)}
    raging = hub.faults.storm(storm(kind, **often))
    put(MaskRepository(WHERE), "hin")
    read = MaskRepository(WHERE)
    table = read.masks().computed_similarity(0)
    assert raging.hits > 0
    hub.faults.clear()
    there = {(recipe_of(0).name, language) for language in ("fin", "swe", "deu", "hin")}
    assert checked(hub.files(PATH), tmp_path / "there") == there
    assert {*table.index} <= {language for _, language in there}
    assert len(hub.history(PATH)) == 5  # nothing twice


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_a_wait_that_the_hub_asks_for_is_kept_within_bounds_and_named(remote, hub, quick, kind):
    in_hours = format_datetime(datetime.now(UTC) + timedelta(hours=4), usegmt=True)
    written = {"seconds": "120", "date": in_hours}[kind]
    hub.faults.fail("*", "", status=429, times=ALWAYS, headers={"Retry-After": written})
    with pytest.raises(XsnsError, match=r"wasn't changed: the Hub asks to wait \d+ s \(error 429\), in the last of"):
        put(remote, "hin")
    assert 60 < sum(quick.waits) < 150
    quick.waits.clear()
    with pytest.raises(XsnsError, match=r"The Hub asks to wait \d+ s .* repeat the command then"):
        MaskRepository(WHERE)
    assert sum(quick.waits) < 10
    assert len(hub.history(PATH)) == 4


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param("error", r"the Hub answered with error 50\d", marks=pytest.mark.slow),
        pytest.param("overload", r"the Hub (asks to wait 1 s|answered)", marks=pytest.mark.thorough),
        pytest.param("conflict", "the Hub answered with error 409", marks=pytest.mark.slow),
        pytest.param("timeout", "the Hub answered with error 408", marks=pytest.mark.slow),
        pytest.param("dropped", r"the connection to the Hub broke \(\w+\)", marks=pytest.mark.slow),
        pytest.param("answer lost", r"the connection to the Hub broke \(\w+\)", marks=pytest.mark.slow),
        pytest.param("broken off", r"the connection to the Hub broke \(\w+\)", marks=pytest.mark.thorough),
        pytest.param("cut short", r"the Hub's answer can't be read \(JSONDecodeError\)", marks=pytest.mark.slow),
        pytest.param("page", r"the Hub's answer can't be read \(JSONDecodeError\)", marks=pytest.mark.thorough),
    ],
)
def test_what_came_between_is_named_and_nothing_half_is_pushed(remote, hub, quick, kind, words):
    hub.faults.storm(storm(kind, share=1))
    with pytest.raises(XsnsError, match=rf"user/masks wasn't changed: {words}.*in the last of \d+ tries"):
        put(remote, "hin")
    assert len(hub.history(PATH)) == 4


@pytest.mark.thorough
def test_a_file_that_always_comes_with_other_content_is_refused(remote, hub, quick):
    hub.create("datasets/user/other", hub.files(PATH))
    hub.faults.storm(storm("flipped", share=1))
    with pytest.raises(XsnsError, match=r"The Hub gives out another index\.parquet than user/other holds: repeat"):
        MaskRepository("user/other")
    hub.faults.clear()
    assert len(MaskRepository("user/other").index()) == 3


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
