"""What the tests of transfer share: settings, what is called, and what is compared."""

import json
from pathlib import Path

import pandas as pd

from xsns_hf.transfer.results import COLUMNS, Results, Run
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.training import FineTuned

QUICK = Settings(learning_rate=1e-3, batch=4, epochs=1, patience=None, max_length=40, stride=8)
SIZES = {"eng": 12, "fin": 9, "rus": 7}
"""Training rows of each language: none has as many as another."""


def arguments_of(task: object, model: Path, data: Path, out: Path) -> list[object]:
    where = ["transfer", "--task", task, "--model", model, "--data", data, "--out", out]
    return [*where, "--preset", "small", "--batch", 4, "--max-length", 40, "--seeds", 1]


def interrupted_after(calls: int):
    """Return a stand-in of `FineTuned.score` that is interrupted after some calls."""
    score, done = FineTuned.score, []

    def stopping(self, rows):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(rows)
        return score(self, rows)

    return stopping


def same(*tables: pd.DataFrame) -> bool:
    """Return whether two tables have the same scores, in any order."""
    first, second = (rows.sort_values(COLUMNS[:-1], ignore_index=True) for rows in tables)
    return first.equals(second)


def scores(folder: Path, *targets: str, settings: Settings = QUICK, score: float = 50.5) -> Path:
    """Make a folder of scores without measuring any."""
    results = Results(folder / "gold", "tiny-bert", "abc", settings)
    for target in targets:
        results.append(Run("pos", "eng", 0), target, {"accuracy": score, "sentence_accuracy": 100 / 3})
    results.write_card()
    return results.folder


def originals(labelled: Path, split: str) -> dict[tuple[str, ...], str]:
    """Return the language of each row of POS data, by its words."""
    paths = (labelled / "pos").glob(f"*/{split}.jsonl")
    return {tuple(json.loads(line)["tokens"]): path.parent.name for path in paths for line in path.open()}
