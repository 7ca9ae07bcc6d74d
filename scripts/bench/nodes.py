"""Nodes: languages extracted by several workers at once, each its share, into one dataset on the tests' stand-in of the
Hub, against one worker. Nothing may be lost, and every mask must be the one worker's, bit for bit.

Workers are processes of this machine with one thread each and a cache in common, as on a cluster's disk.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.measuring import console, titled_table
from bench.settings import Settings, Size, random_model
from xsns_hf.dataset.checking import check
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.models.finding import load_tokenizer
from xsns_hf.text.folder import sample_corpus

if TYPE_CHECKING:
    from hub import HubServer

TESTS = Path(__file__).parents[2] / "tests"
LANGUAGES, WORKERS = 32, 8
CONFLICT = 412
"""What the Hub answers to a push that another came before."""


def bench(settings: Settings) -> None:
    """Print what one worker and several took, and what stood in the way.

    Raises:
        RuntimeError: a worker failed, or several made other masks than one.
    """
    sys.path.insert(0, str(TESTS))
    from hub import HubServer

    codes = sample_corpus().languages[:LANGUAGES]
    table = titled_table(
        f"{len(codes)} languages of {settings.examples} sentences, into one dataset",
        *("seconds", "of processors", "commits", "conflicts", "other errors"),
    )
    made = []
    with tempfile.TemporaryDirectory() as folder, HubServer() as hub:
        environment = hub.environment(Path(folder) / "cache", hub.write_token) | {"OMP_NUM_THREADS": "1"}
        options = ["--model", checkpoint(settings.size, Path(folder) / "model"), "--seeds", "1", "--processes", "1"]
        options += ["--examples", str(settings.examples), "--languages"]
        extract([[*options, codes[0], "--out", f"{folder}/first"]], environment)  # fills the cache
        for workers in (1, WORKERS):
            hub.log.clear()
            out = f"user/by-{workers}"
            shares = [[*options, ",".join(codes), "--share", f"{each}/{workers}"] for each in range(1, workers + 1)]
            taken = extract([[*share, "--out", out] for share in shares], environment)
            table.add_row(f"{workers} at once" if workers > 1 else "1 worker", *taken, *weather(hub))
            made.append(masks_of(hub, f"datasets/{out}", Path(folder) / out))
    lost = {*codes} - {*made[1]["language"]}
    if lost or not made[0].equals(made[1]):
        raise RuntimeError(f"Several workers lost {sorted(lost) or 'nothing'}, but their masks aren't those of one.")
    console.print(table)
    console.print(
        f"All {len(codes)} languages are there, their masks and similarities those of one worker bit for bit."
    )


def checkpoint(size: Size, folder: Path) -> str:
    """Return what `--model` is: the embedded checkpoint, or a random one of another shape, which is made in a folder."""
    if size == "embedded":
        return size
    tokenizer, model = load_tokenizer("embedded"), random_model(size)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def extract(shares: Iterable[Sequence[str]], environment: Mapping[str, str]) -> tuple[str, str]:
    """Run `xsns extract` with several options at once; return the seconds that it took, and those of processors.

    Raises:
        RuntimeError: one of them failed.
    """
    commands = [[sys.executable, "-m", "xsns_hf", "extract", *options] for options in shares]

    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(environment))

    clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with ThreadPoolExecutor(len(commands)) as pool:
        finished = list(pool.map(run, commands))
    seconds, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_CHILDREN)
    for done in finished:
        if done.returncode:
            raise RuntimeError(f"A worker failed: {done.stderr[-2000:]}")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{seconds:.0f}", f"{busy:.0f}"


def weather(hub: "HubServer") -> tuple[str, ...]:
    """Return how many commits there were, how many pushes others came before, and what else was answered by an error."""
    pushes = Counter(each.status for each in hub.requests("POST", "/commit/"))
    errors = sum(each.status >= 400 for each in hub.requests()) - hub_misses(hub) - pushes[CONFLICT]
    return tuple(map(str, (pushes[200], pushes[CONFLICT], errors)))


def hub_misses(hub: "HubServer") -> int:
    """Return how often something was asked for that isn't there yet, which is no error."""
    return sum(each.status == 404 for each in hub.requests())


def masks_of(hub: "HubServer", path: str, folder: Path) -> pd.DataFrame:
    """Return a row per mask of a dataset, with what must not depend on how it was made, once all is verified.

    Raises:
        RuntimeError: something isn't as recorded.
    """
    for name, content in hub.files(path).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if problems := check(folder).problems:
        raise RuntimeError(f"{path} isn't whole: {problems}")
    repository = MaskRepository(folder)
    by: list[Any] = ["recipe", "language", "seed"]
    pairs = repository.similarity().groupby(["recipe", "seed", "target"])
    similar = pairs.apply(lambda rows: tuple(rows.sort_values("source")["jaccard"]), include_groups=False)
    rows = repository.index().sort_values(by, ignore_index=True)
    keys = zip(rows["recipe"], rows["seed"], rows["language"], strict=True)
    return rows[[*by, "sha256", "loss"]].assign(similar=[similar[key] for key in keys])
