"""All sources × targets × seeds: what is missing is trained and scored, what can't be is listed."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout
from tqdm import tqdm

from xsns_hf import processes
from xsns_hf.checkpoints import TaskModel
from xsns_hf.errors import XsnsError
from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.results import Results, Run
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.training import FineTuned, Note, fine_tune


@dataclass
class Summary:
    """What a call of `transfer` did.

    Attributes:
        trained: models that were fine-tuned.
        scored: pairs of a model and a target that were scored.
        there: pairs that had been scored before.
        elsewhere: runs that another process was busy with.
        problems: what can't be done, and why: sources and targets with wrong or missing data.
    """

    trained: int = 0
    scored: int = 0
    there: int = 0
    elsewhere: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def transfer(
    data: TaskData,
    model: TaskModel,
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
        XsnsError: the model can't be loaded.
    """
    summary = Summary()
    usable = _usable(targets, summary, lambda target: data.test(target, settings.tested))
    runs = [Run(data.task.name, source, seed) for seed in seeds for source in sources]
    with tqdm(runs, desc=f"transfer, {data.task.name}", unit="model", disable=not processes.is_first()) as bar:
        for run in bar:
            missing = results.missing(run, usable)
            summary.there += len(usable) - len(missing)
            if not missing or run.source in summary.problems:
                continue
            try:
                with results.claim(run):
                    note = _noting(bar, run)
                    # Another process may have done it between the look and the claim.
                    _do(run, results.missing(run, usable), data, model, results, settings, keep, summary, note)
            except Timeout:
                summary.elsewhere.append(run.label)
            results.write_card()
    return summary


def _do(
    run: Run,
    targets: Sequence[str],
    data: TaskData,
    model: TaskModel,
    results: Results,
    settings: Settings,
    keep: Path | None,
    summary: Summary,
    note: Note,
) -> None:
    try:
        train, dev = data.training(run.source, settings.examples, run.seed)
    except XsnsError as error:
        summary.problems[run.source] = str(error)
        return
    folder = results.work_folder(run)
    tuned = fine_tune(model, data.task, train, dev, settings, seed=run.seed, folder=folder, note=note)
    summary.trained += 1
    for target in targets:
        note(f"testing on {target}")
        scores = tuned.score(data.test(target, settings.tested))
        if processes.is_first():
            results.append(run, target, scores)
        summary.scored += 1
    _finish(tuned, model, folder, keep / run.label if keep else None)


def _finish(tuned: FineTuned, model: TaskModel, folder: Path, kept: Path | None) -> None:
    if not processes.is_first():
        return
    if kept is not None:
        tuned.trainer.save_model(str(kept))
        model.tokenizer.save_pretrained(kept)
    shutil.rmtree(folder, ignore_errors=True)


def _usable(languages: Sequence[str], summary: Summary, read: Callable) -> list[str]:
    found = []
    for language in languages:
        try:
            read(language)
        except XsnsError as error:
            summary.problems[language] = str(error)
        else:
            found.append(language)
    return found


def _noting(bar: tqdm, run: Run) -> Note:
    return lambda text: bar.set_postfix_str(f"{run.source}, seed {run.seed}: {text}")
