"""Each hostile dataset against each command that reads one, every dataset in a process of its own.

    python besieged.py [every Nth] [part of a name]

Prints a line of JSON for each dataset: what went wrong in which action, the longest time and the most memory.
"""

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import hostile
from conftest import records

from xsns_hf import MaskDataset
from xsns_hf.cli import main
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.masks.subnetwork import select
from xsns_hf.space.answering.answers import answer
from xsns_hf.space.answering.card import card_html
from xsns_hf.space.answering.query import Query
from xsns_hf.space.answering.table import table_html
from xsns_hf.space.catalogue import Shelf

ROOM, SECONDS, HANG = 1 << 30, 10, 60
COMMANDS = {
    "rank": "rank fin --masks {}",
    "rank-task": "rank fin --masks {} --task pos --json",
    "rank-early": "rank fin --masks {} --layers early",
    "rank-recipe": "rank deu --masks {} --recipe p0.3 --latex",
    "explain": "explain --masks {}",
    "explain-pair": "explain fin swe --masks {}",
    "evaluate": "evaluate --gold pos --masks {} --predictors xsns,random",
    "push": "push {} {}-mine",
    "check": "check {}",
    "scores": "scores {} --remove pos",
    "repair": "check {} --repair",
}


def command(words: str, folder: Path) -> str:
    """Run a command; return what is wrong with how it ended."""
    sys.argv = ["xsns", *words.replace("{}", str(folder)).split()]
    output, errors = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as stopped:
        said = errors.getvalue()
        if stopped.code not in (0, 2, None):
            return f"exit code {stopped.code}: {said[-200:]}"
        if stopped.code == 2 and said.strip().splitlines()[-1:] != [said.strip().rpartition("\n")[2]]:
            return f"not a sentence: {said[-200:]}"
        shown = output.getvalue() + said
        strange = {letter for letter in shown if not letter.isprintable() and letter != "\n"}
        return f"prints {strange!a}" if strange else ""
    return "didn't end"


def python(ask: Callable[[Path], object], folder: Path) -> str:
    """Ask something in Python; anything but an error of our own is wrong."""
    with contextlib.suppress(XsnsError):
        ask(folder)
    return ""


def ask(folder: Path) -> None:
    masks = MaskDataset.from_pretrained(folder)
    for question in (
        lambda: (masks.languages, masks.recipes, repr(masks)),
        masks._repr_html_,
        masks.similarity,
        lambda: [masks.subnetwork(code, seed) for code in masks.languages for seed in (0, 1)],
    ):
        with contextlib.suppress(XsnsError):
            question()


def visit(folder: Path) -> None:
    """Ask what the page asks."""
    shelf = Shelf([str(folder)])
    shelf.notes()
    for query in (Query("fin"), Query("fin", task="pos"), Query("deu", candidates=("swe", "eng"))):
        with contextlib.suppress(XsnsError):
            given = answer(query, shelf)
            card_html(given)
            table_html(given)


def add(folder: Path) -> None:
    values = hostile.np.random.default_rng(9).random(hostile.LAYOUT.size).astype("float32")
    mask = select(values, hostile.LAYOUT, 0.15)
    MaskRepository(folder).add(records(hostile.RECIPES[0], "nob", {0: mask}))


def memory() -> float:
    """Return the most memory since this was last asked, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    Path("/proc/self/clear_refs").write_text("5")
    return peak


def act(folder: Path, copy: Path) -> dict:
    """Do everything with a dataset; return what went wrong."""
    actions = {name: lambda words=words: command(words, folder) for name, words in COMMANDS.items()}
    actions |= {"python": lambda: python(ask, folder), "add": lambda: python(add, copy)}
    actions |= {"space": lambda: python(visit, folder), "repair-copy": lambda: command("check {} --repair", copy)}
    memory()
    start, wrong, slowest, largest = memory(), {}, (0.0, ""), (0.0, "")
    for name, action in actions.items():
        began = time.monotonic()
        try:
            problem = action()
        except BaseException as error:
            problem = (
                f"{type(error).__name__}: {str(error)[:120]} at {traceback.extract_tb(error.__traceback__)[-1].name}"
            )
        if problem:
            wrong[name] = problem
        slowest = max(slowest, (round(time.monotonic() - began, 2), name))
        largest = max(largest, (round(memory() - start), name))
    return {"wrong": wrong, "seconds": slowest, "megabytes": largest}


def besiege(name: str, attack: hostile.Attack, sound: Path, place: Path) -> dict:
    """Make a dataset and do everything with it, in another process; return what went wrong."""
    folder, copy, result = place / "masks", place / "copy", place / "result"
    for made in (folder, copy):
        shutil.copytree(sound, made)
        attack(made)
    child = os.fork()
    if child == 0:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2 * ROOM, used + 2 * ROOM))
        result.write_text(json.dumps(act(folder, copy)))
        os._exit(0)
    until = time.monotonic() + HANG
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)
    found = json.loads(result.read_text()) if result.exists() else {"wrong": {"all": "killed or hung"}}
    return {"name": name} | found


def run(every: int, part: str) -> None:
    """Besiege every so many datasets, and print what went wrong with each."""
    with tempfile.TemporaryDirectory() as folder:
        sound = hostile.sound(Path(folder) / "sound")
        warm = Path(folder) / "warm"
        shutil.copytree(sound, warm)
        assert not act(warm, warm)["wrong"], "and what takes seconds to import is there before processes part"
        for number, (name, attack) in enumerate(hostile.attacks().items()):
            if number % every == 0 and part in name:
                place = Path(folder) / str(number)
                place.mkdir()
                print(json.dumps(besiege(name, attack, sound, place)), flush=True)
                shutil.rmtree(place)


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2] if len(sys.argv) > 2 else "")
