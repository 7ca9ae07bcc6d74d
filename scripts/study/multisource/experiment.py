"""The scores of single sources and mixes that there are, and training of the mixes that lack them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.markdown import table
from xsns_hf import XsnsError
from xsns_hf.gold import SCORES
from xsns_hf.models.finding import Pretrained
from xsns_hf.tasks import Task, load_task
from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.results import MADE, Results, read_made, read_scores
from xsns_hf.transfer.run import Summary, transfer
from xsns_hf.transfer.settings import Settings

Lacking = Mapping[str, Sequence[str]]
"""Mixes, each with targets."""


@dataclass(frozen=True)
class Experiment:
    """Scores of a task in a folder of `xsns transfer`.

    Attributes:
        gold: the folder.
        task: which of the tasks there.
        seeds: how many of fine-tuning.
        model: name of the checkpoint.
        settings: of fine-tuning.
    """

    gold: Path
    task: Task
    seeds: int
    model: str
    settings: Settings

    @classmethod
    def of(cls, gold: Path, task: str, seeds: int) -> "Experiment":
        """Read how the scores in a folder were made.

        Raises:
            XsnsError: it isn't one, or there is no such task.
        """
        if not (gold / MADE).is_file():
            raise XsnsError(f"{gold} is no folder of scores: make one with `xsns transfer … --out {gold}`.")
        made = read_made(gold / MADE)
        return cls(gold, load_task(task), seeds, made["model"], Settings(**made["settings"]))

    def matrix(self) -> pd.DataFrame:
        """Return the scores, targets × sources and mixes: means over the seeds, NaN where one of them is missing."""
        rows, seeds = read_scores(self.gold / SCORES), range(self.seeds)
        own = (rows["task"] == self.task.name) & (rows["metric"] == self.task.metrics[0]) & rows["seed"].isin(seeds)
        if not own.any():
            raise XsnsError(
                f"{self.gold} has no scores of {self.task.name} for seeds 0 to {self.seeds - 1}: make some, "
                "`xsns transfer`."
            )
        pairs = rows[own].groupby(["target", "source"])["score"]
        return pairs.mean().where(pairs.count() == self.seeds).unstack()


def score(matrix: pd.DataFrame, target: str, source: str) -> float:
    """Return a score, NaN where there is none."""
    known = target in matrix.index and source in matrix.columns
    return float(matrix.at[target, source]) if known else float("nan")


def not_scored(mixes: Lacking, matrix: pd.DataFrame) -> dict[str, list[str]]:
    """Return the mixes that lack scores, each with the targets that it lacks."""
    lacking = {
        mix: [target for target in targets if pd.isna(score(matrix, target, mix))] for mix, targets in mixes.items()
    }
    return {mix: targets for mix, targets in lacking.items() if targets}


def plan(mixes: Lacking, missing: Lacking, seeds: int) -> list[str]:
    """Return a table of the mixes, and how much there is to do."""
    rows = [[mix, ", ".join(targets), ", ".join(missing.get(mix, [])) or "–"] for mix, targets in mixes.items()]
    pairs = sum(map(len, missing.values()))
    summary = f"{len(mixes)} mixes; {len(missing) * seeds} models to train, {pairs * seeds} pairs to score."
    return [*table(["mix", "for", "not scored yet"], rows), "", summary]


def train(
    missing: Lacking,
    experiment: Experiment,
    data: TaskData,
    checkpoint: Pretrained,
    run: Callable[..., Summary] = transfer,
) -> list[str]:
    """Train mixes like the single sources, add their scores, and return sentences on what couldn't be done.

    Args:
        missing: the mixes, each with the targets that it is tested on.
        experiment: where the scores go.
        data: the task's.
        checkpoint: that the scores are of.
        run: fine-tunes on sources and tests on targets, as `transfer` does.
    """
    settings = experiment.settings
    results = Results(experiment.gold, checkpoint.name, checkpoint.revision, settings)
    notes: dict[str, None] = {}
    for number, (mix, targets) in enumerate(missing.items(), 1):
        print(f"{number} of {len(missing)}: {mix} for {', '.join(targets)}", flush=True)
        summary = run(data, checkpoint, [mix], targets, results, settings, seeds=range(experiment.seeds))
        notes |= {f"Missing, {what}: {problem}": None for what, problem in summary.problems.items()}
    return list(notes)
