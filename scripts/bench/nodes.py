"""Nodes: languages extracted by several workers at once, each its share, into one dataset on the tests' stand-in of the
Hub, against one worker. Nothing may be lost, and every mask must be the one worker's, bit for bit.

Workers are processes of this machine with one thread each and a cache in common, as on a cluster's disk.
"""

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
NO_ERRORS = (CONFLICT, 404)
"""What it answers where all is well too: 404 to whether something is there already."""


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
        *("seconds", "of processors", "pushes", "conflicts", "other errors", "MB fetched"),
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
    one, several = made
    if one != several:
        raise RuntimeError(
            f"{sorted(dict(one.items() ^ several.items()))} aren't there, or not as one worker made them."
        )
    console.print(table)
    console.print(
        f"All {len(codes)} languages are there, their masks and similarities those of one worker bit for bit."
    )


def checkpoint(size: Size, folder: Path) -> str:
    """Return what `--model` is: the embedded checkpoint, or a random one of another shape, made in a folder."""
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
    """Return how many pushes there were, before how many others came, what other errors were answered, MB fetched."""
    pushes = Counter(each.status for each in hub.requests("POST", "/commit/"))
    answers = Counter(each.status for each in hub.requests())
    errors = sum(number for status, number in answers.items() if status >= 400 and status not in NO_ERRORS)
    return tuple(map(str, (pushes[200], pushes[CONFLICT], errors, f"{hub.sent() / 1e6:.1f}")))


def masks_of(hub: "HubServer", path: str, folder: Path) -> dict[tuple[str, ...], str]:
    """Return the hash of each mask of a dataset, in the order of the model's parameters, and its similarities, once all
    is verified.

    Masks are stored in an order that hangs on the language that came first, and the index has their hash in that.

    Raises:
        RuntimeError: something isn't as recorded.
    """
    for name, content in hub.files(path).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if problems := check(folder).problems:
        raise RuntimeError(f"{path} isn't whole: {problems}")
    repository, found = MaskRepository(folder), {}
    for record in (record for records in repository.records() for record in records):
        bits = b"".join(np.packbits(mask).tobytes() for _, mask in record.mask.masks())
        found[record.recipe.name, record.language, str(record.seed)] = hashlib.sha256(bits).hexdigest()
    pairs = repository.similarity().astype(str)[["recipe", "seed", "source", "target", "jaccard"]]
    return found | {(recipe, *pair): value for recipe, *pair, value in pairs.itertuples(index=False)}
