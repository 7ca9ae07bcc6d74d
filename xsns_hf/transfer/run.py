"""All sources × targets × seeds: what is missing is trained and scored, what can't be is listed."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from tqdm import tqdm

from xsns_hf import processes
from xsns_hf.errors import XsnsError
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.finding import Pretrained
from xsns_hf.tasks.rows import DataError, Example
from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.results import Results, Run
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.training import DivergenceError, FineTuned, Note, fine_tune

V = TypeVar("V")


@dataclass
class Summary:
    """What a call of `transfer` did.

    Attributes:
        trained: models that were fine-tuned.
        scored: pairs of a model and a target that were scored.
        kept: pairs that had been scored before.
        elsewhere: runs that another process was busy with.
        problems: what can't be done (`source fin`, `target fin`), and why: wrong or missing data, training diverged.
    """

    trained: int = 0
    scored: int = 0
    kept: int = 0
    elsewhere: list[str] = field(default_factory=list)
    problems: dict[str, XsnsError] = field(default_factory=dict)


def transfer(
    data: TaskData,
    model: Pretrained,
    sources: Sequence[str],
    targets: Sequence[str],
    results: Results,
    settings: Settings,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    keep: Path | None = None,
) -> Summary:
    """Fine-tune on each source and evaluate zero-shot on each target; each score is kept as it is measured.

    What has been scored is left alone, so the same call goes on where another was stopped. Calls at the same time, from
    several processes, share the work: each run is done by one of them.

    Args:
        data: the task's labelled data.
        model: what is fine-tuned.
        sources: canonical codes, or mixes of several joined by `+`.
        targets: canonical codes.
        results: where scores are kept.
        settings: of fine-tuning.
        seeds: a model is fine-tuned for each.
        keep: folder for the fine-tuned models; by default they are dropped when they have been scored.

    Raises:
        XsnsError: the model can't be loaded, or the data's folder isn't there.
    """
    work = _Work(data, model, results, settings, keep)
    tests = work.tests(targets)
    runs = [Run(data.task.name, source, seed) for seed in seeds for source in sources]
    with (
        flushed_denormals(),
        tqdm(runs, desc=f"transfer, {data.task.name}", unit="model", disable=not processes.is_first()) as bar,
    ):
        for run in bar:
            processes.stop_if_interrupted()
            work.do(run, tests, _noting(bar, run))
    return work.summary


@dataclass
class _Work:
    """Runs that are done one after the other, see `transfer`."""

    data: TaskData
    model: Pretrained
    results: Results
    settings: Settings
    keep: Path | None
    summary: Summary = field(default_factory=Summary)

    def tests(self, targets: Sequence[str]) -> dict[str, list[Example]]:
        """Return the test sets of the targets that have one; what is wrong with the others goes into the summary."""
        tests = {}
        for target in targets:
            try:
                tests[target] = self.data.test(target, self.settings.tested)
            except DataError as error:
                self.summary.problems[f"target {target}"] = error
        return tests

    def do(self, run: Run, tests: Mapping[str, Sequence[Example]], note: Note) -> None:
        """Train and score what is missing of a run, unless its source's data are wrong or another process does it."""
        missing = self._missing(run, tests)
        self.summary.kept += len(tests) - len(missing)
        if not missing or _as_source(run) in self.summary.problems:
            return
        lock = self.results.claim(run)
        if not _agreed(processes.is_first() and _acquired(lock)):
            self.summary.elsewhere.append(run.label)
            return
        try:
            missing = self._missing(run, tests)  # another process may have done it between the look and the claim
            if tuned := self._trained(run, note):
                self._score(run, tuned, {target: tests[target] for target in missing}, note)
                self._finish(run, tuned)
        finally:
            lock.release()
        if processes.is_first():
            self.results.write_card()

    def _missing(self, run: Run, targets: Iterable[str]) -> list[str]:
        return _agreed(self.results.missing(run, list(targets), self.data.task.metrics))

    def _trained(self, run: Run, note: Note) -> FineTuned | None:
        """Return a run's model; None if its data are wrong or training diverged, which goes into the summary."""
        try:
            train, dev = self.data.training(run.source, self.settings.examples, run.seed)
            folder = self.results.work_folder(run)
            tuned = fine_tune(
                self.model, self.data.task, train, dev, self.settings, seed=run.seed, folder=folder, note=note
            )
        except DataError as error:
            self.summary.problems[_as_source(run)] = error
            return None
        except DivergenceError as error:  # another seed may do better
            self.summary.problems[f"{_as_source(run)}, seed {run.seed}"] = error
            return None
        self.summary.trained += 1
        return tuned

    def _score(self, run: Run, tuned: FineTuned, tests: Mapping[str, Sequence[Example]], note: Note) -> None:
        for target, examples in tests.items():
            note(f"testing on {target}")
            scores = tuned.score(examples)
            if processes.is_first():
                self.results.append(run, target, scores)
            self.summary.scored += 1

    def _finish(self, run: Run, tuned: FineTuned) -> None:
        if not processes.is_first():
            return
        if self.keep is not None:
            tuned.trainer.save_model(str(self.keep / run.label))
            self.model.tokenizer.save_pretrained(self.keep / run.label)
        shutil.rmtree(self.results.work_folder(run), ignore_errors=True)


def _as_source(run: Run) -> str:
    return f"source {run.source}"


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True


def _agreed(value: V) -> V:
    """Return the first process's value in all processes that train one model together."""
    if processes.number() == 1:
        return value
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    PartialState()
    return broadcast_object_list([value])[0]


def _noting(bar: tqdm, run: Run) -> Note:
    return lambda text: bar.set_postfix_str(f"{run.source}, seed {run.seed}: {text}")
