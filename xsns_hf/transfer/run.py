"""All sources × targets × seeds: what is missing is trained and scored, what can't be is listed."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from xsns_hf import processes
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.finding import Pretrained
from xsns_hf.transfer.data import DataError, Row, TaskData
from xsns_hf.transfer.results import Results, Run
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.training import DivergenceError, FineTuned, Note, fine_tune


@dataclass
class Summary:
    """What a call of `transfer` did.

    Attributes:
        trained: models that were fine-tuned.
        scored: pairs of a model and a target that were scored.
        there: pairs that had been scored before.
        elsewhere: runs that another process was busy with.
        problems: what can't be done (`source fin`, `target fin`), and why: wrong or missing data, training diverged.
    """

    trained: int = 0
    scored: int = 0
    there: int = 0
    elsewhere: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


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
    summary = Summary()
    tests = _tests(data, targets, settings, summary)
    runs = [Run(data.task.name, source, seed) for seed in seeds for source in sources]
    with (
        flushed_denormals(),
        tqdm(runs, desc=f"transfer, {data.task.name}", unit="model", disable=not processes.is_first()) as bar,
    ):
        for run in bar:
            processes.stop_if_interrupted()
            missing = _agreed(results.missing(run, list(tests), data.task.metrics))
            summary.there += len(tests) - len(missing)
            if not missing or _as_source(run) in summary.problems:
                continue
            lock = results.claim(run)
            if not _agreed(processes.is_first() and _acquired(lock)):
                summary.elsewhere.append(run.label)
                continue
            try:
                # Another process may have done it between the look and the claim.
                missing = _agreed(results.missing(run, list(tests), data.task.metrics))
                folder, note = results.work_folder(run), _noting(bar, run)
                if tuned := _trained(run, data, model, settings, folder, summary, note):
                    _score(run, tuned, {target: tests[target] for target in missing}, results, summary, note)
                    _finish(tuned, model, folder, keep / run.label if keep else None)
            finally:
                lock.release()
            if processes.is_first():
                results.write_card()
    return summary


def _trained(
    run: Run, data: TaskData, model: Pretrained, settings: Settings, folder: Path, summary: Summary, note: Note
) -> FineTuned | None:
    """Return a run's model; None if its data are wrong or training diverged, which goes into the summary."""
    try:
        train, dev = data.training(run.source, settings.examples, run.seed)
        tuned = fine_tune(model, data.task, train, dev, settings, seed=run.seed, folder=folder, note=note)
    except DataError as error:
        summary.problems[_as_source(run)] = str(error)
        return None
    except DivergenceError as error:  # another seed may do better
        summary.problems[f"{_as_source(run)}, seed {run.seed}"] = str(error)
        return None
    summary.trained += 1
    return tuned


def _score(
    run: Run, tuned: FineTuned, tests: Mapping[str, Sequence[Row]], results: Results, summary: Summary, note: Note
) -> None:
    for target, rows in tests.items():
        note(f"testing on {target}")
        scores = tuned.score(rows)
        if processes.is_first():
            results.append(run, target, scores)
        summary.scored += 1


def _finish(tuned: FineTuned, model: Pretrained, folder: Path, kept: Path | None) -> None:
    if not processes.is_first():
        return
    if kept is not None:
        tuned.trainer.save_model(str(kept))
        model.tokenizer.save_pretrained(kept)
    shutil.rmtree(folder, ignore_errors=True)


def _tests(data: TaskData, targets: Sequence[str], settings: Settings, summary: Summary) -> dict[str, list[Row]]:
    """Return the test rows of the targets that have some; what is wrong with the others goes into the summary."""
    found = {}
    for target in targets:
        try:
            found[target] = data.test(target, settings.tested)
        except DataError as error:
            summary.problems[f"target {target}"] = str(error)
    return found


def _as_source(run: Run) -> str:
    return f"source {run.source}"


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True


def _agreed(value):
    """Return the first process's value in all processes that train one model together."""
    if processes.number() == 1:
        return value
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    PartialState()
    return broadcast_object_list([value])[0]


def _noting(bar: tqdm, run: Run) -> Note:
    return lambda text: bar.set_postfix_str(f"{run.source}, seed {run.seed}: {text}")
