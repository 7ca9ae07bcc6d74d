"""The gold dataset: a folder with a CSV to which each score is appended as it is measured, and a card."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.gold import MIX, SCORES
from xsns_hf.safe_text import code_for_markdown, for_markdown, for_yaml
from xsns_hf.transfer.settings import Settings

MADE, CARD = "transfer.json", "README.md"
COLUMNS = ["task", "model", "revision", "source", "target", "seed", "metric", "score"]

_IN_FILE = {"max_length": "longest"}
"""Settings that `transfer.json` calls otherwise."""


@dataclass(frozen=True)
class Run:
    """One fine-tuned model: what it is trained for, on and with."""

    task: str
    source: str
    seed: int

    @property
    def label(self) -> str:
        """Its name as a folder."""
        return f"{self.task}-{self.source}-seed{self.seed}"


class Results:
    """Scores of one checkpoint with one set of settings, in a folder that `load_dataset` opens.

    Attributes:
        folder: where they are.
    """

    def __init__(self, out: Path | str, model: str, revision: str, settings: Settings):
        """Open a folder, or begin a new one.

        Args:
            out: the folder, a new or empty one, or one that an earlier call began.
            model: name of the checkpoint.
            revision: its commit or content hash.
            settings: of fine-tuning.

        Raises:
            XsnsError: the folder holds something else, or scores of another checkpoint or other settings.
        """
        self.folder, self.model, self.revision = Path(out), model, revision
        self._made: dict[str, Any] = {"model": model, "revision": revision, "settings": asdict(settings)}
        if not (self.folder / MADE).is_file():
            self._begin()
        self._compare()

    def rows(self) -> pd.DataFrame:
        """Return all scores, columns as in `COLUMNS`; a line that was being written when its run was killed is none."""
        with self._lock():
            return read_scores(self.folder / SCORES)

    def missing(self, run: Run, targets: Sequence[str], metrics: Iterable[str]) -> list[str]:
        """Return the targets that a run hasn't been scored on yet by all metrics."""
        rows = self.rows()
        return [target for target in targets if not _measured(rows, run, target).issuperset(metrics)]

    def append(self, run: Run, target: str, scores: dict[str, float]) -> None:
        """Append a run's scores on a target, all its metrics in one write; those that are there already stay."""
        with self._lock():
            path = self.folder / SCORES
            _drop_torn_line(path)
            measured = _measured(read_scores(path), run, target)
            if not path.exists() or not path.stat().st_size:
                path.write_text(",".join(COLUMNS) + "\n", "utf-8")
                self._write_card()  # without it, load_dataset would take the description for data
            lines, of_run = io.StringIO(), [run.task, self.model, self.revision, run.source, target, run.seed]
            new = {metric: score for metric, score in scores.items() if metric not in measured}
            csv.writer(lines, lineterminator="\n").writerows(
                [*of_run, metric, round(score, 4)] for metric, score in new.items()
            )
            with path.open("a", encoding="utf-8") as file:
                file.write(lines.getvalue())
                file.flush()
                os.fsync(file.fileno())

    def claim(self, run: Run) -> FileLock:
        """Return the lock of a run: who holds it does the run, others leave it alone."""
        folder = self.folder / ".runs"
        folder.mkdir(exist_ok=True)
        return FileLock(folder / f"{run.label}.lock", blocking=False)

    def work_folder(self, run: Run) -> Path:
        """Return where a run keeps its checkpoints while it trains."""
        return self.folder / ".runs" / run.label

    def write_card(self) -> None:
        """Write the card: what the scores are and how they were made."""
        with self._lock():
            self._write_card()

    def _write_card(self) -> None:
        (self.folder / CARD).write_text(card(read_scores(self.folder / SCORES), self._made), "utf-8")

    def _lock(self) -> FileLock:
        return FileLock(self.folder / ".lock")

    def _begin(self) -> None:
        """Describe a new folder; several processes may do so at once."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(not path.name.startswith(".") and path.name != MADE for path in self.folder.iterdir()):
                raise XsnsError(
                    f"{self.folder} holds something other than scores: give {parameter('out')} a new or empty folder."
                )
            unfinished = self.folder / f".{MADE}.{os.getpid()}"
            settings = _renamed(self._made["settings"], _IN_FILE)
            unfinished.write_text(json.dumps(self._made | {"settings": settings}, indent=1) + "\n", "utf-8")
            unfinished.replace(self.folder / MADE)
        except OSError as error:
            raise XsnsError(
                f"{self.folder} can't be written ({error.strerror}): give {parameter('out')} a folder of yours."
            ) from error

    def _compare(self) -> None:
        wanted, made = self._made, read_made(self.folder / MADE)
        if made != wanted:
            different = [
                *(name for name in ("model", "revision") if made[name] != wanted[name]),
                *(name for name, value in wanted["settings"].items() if made["settings"].get(name) != value),
            ]
            raise XsnsError(
                f"{self.folder} holds scores made with another {', '.join(different)}: give {parameter('out')} "
                "another folder, so that scores in one can be compared."
            )


def is_mix(source: str) -> bool:
    """Return whether a source is several."""
    return MIX in source


def read_made(path: Path) -> dict[str, Any]:
    """Return how the scores of a folder were made: model, revision and settings, named as in `Settings`."""
    made = json.loads(path.read_text("utf-8"))
    return made | {"settings": _renamed(made["settings"], {stored: name for name, stored in _IN_FILE.items()})}


def read_scores(path: Path) -> pd.DataFrame:
    """Return the scores of a file, columns as in `COLUMNS`, without a last line that isn't whole."""
    text = path.read_text("utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if not whole:
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(io.StringIO(whole), keep_default_na=False, dtype={"revision": str})


def _renamed(settings: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in settings.items()}


def _measured(rows: pd.DataFrame, run: Run, target: str) -> set[str]:
    """Return the metrics by which a run has been scored on a target."""
    of_run = (rows["task"] == run.task) & (rows["source"] == run.source) & (rows["seed"] == run.seed)
    return {*rows.loc[of_run & (rows["target"] == target), "metric"]}


def _drop_torn_line(path: Path) -> None:
    content = path.read_bytes() if path.exists() else b"\n"
    if not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)


def card(rows: pd.DataFrame, made: dict[str, Any]) -> str:
    """Return the dataset card of scores.

    Args:
        rows: columns as in `COLUMNS`.
        made: model, revision and settings.
    """
    settings = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in made["settings"].items())
    return "\n".join(
        [
            "---",
            for_yaml(_metadata(rows, made)).strip(),
            "---",
            "",
            f"# Cross-lingual transfer scores of {for_markdown(made['model'])}",
            "",
            f"{code_for_markdown(made['model'])} (revision {for_markdown(str(made['revision']))}) "
            "fine-tuned on a source language, tested zero-shot on a "
            "target. A row per task, source, target, seed and metric; scores in percent. Sources joined by + were "
            "mixed in equal parts. Models were selected on the source's development set alone.",
            "",
            f"Settings: {settings}.",
            "",
            *_overview(rows),
            "",
            "Made with `xsns transfer` of xsns_hf; `xsns evaluate --gold FOLDER` holds predictors against them.",
            "",
        ]
    )


def _metadata(rows: pd.DataFrame, made: dict[str, Any]) -> dict[str, Any]:
    return {
        "pretty_name": f"Cross-lingual transfer scores of {made['model']}",
        "tags": ["cross-lingual-transfer", "x-sns"],
        # `load_dataset` of a folder looks at its configurations only to know whether its cache is still good.
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": SCORES}],
                "description": f"{len(rows)} scores",
            }
        ],
    }


def _overview(rows: pd.DataFrame) -> Iterable[str]:
    yield "| task | metric | sources | targets | seeds | mean, own language | mean, other languages |"
    yield "|---|---|---|---|---|---|---|"
    single = rows[~rows["source"].map(is_mix).astype(bool)] if len(rows) else rows
    for (task, metric), part in single.groupby(["task", "metric"]):
        own, others = part[part["source"] == part["target"]], part[part["source"] != part["target"]]
        means = [f"{scores['score'].mean():.1f}" if len(scores) else "–" for scores in (own, others)]
        counts = [str(part[column].nunique()) for column in ("source", "target", "seed")]
        yield f"| {' | '.join([task, metric, *counts, *means])} |"
