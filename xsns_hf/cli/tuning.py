"""Commands that measure transfer: transfer, push-gold."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsns_hf import processes
from xsns_hf.cli.options import Model, Revision, TrustRemoteCode, app, codes_of, console
from xsns_hf.cli.starting import heavy_imports, say
from xsns_hf.errors import XsnsError
from xsns_hf.recipe import display_name
from xsns_hf.transfer.settings import PRESETS, Preset, Settings

if TYPE_CHECKING:
    from xsns_hf.tasks import Task


@app.command()
def transfer(
    task: Annotated[str, typer.Option(help="pos, ner, nli, pi, qa, or a TOML file that describes another.")],
    out: Annotated[Path, typer.Option(help="Folder for the scores; one that was begun is gone on with.")],
    sources: Annotated[
        str | None,
        typer.Option(help="Codes or names, with commas; `deu+rus+fin` is a mix. Default: the task's candidates."),
    ] = None,
    targets: Annotated[str | None, typer.Option(help="Codes or names, with commas. Default: the sources.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with CODE/train.jsonl, test.jsonl (and dev.jsonl). Default: the task's, on the Hub."),
    ] = None,
    model: Model = "embedded",
    seeds: Annotated[int, typer.Option(help="Models fine-tuned on each source.")] = 3,
    preset: Annotated[
        Preset,
        typer.Option(help="Hyper-parameters: usual ones, those of the paper's released code, or for a CPU."),
    ] = "paper",
    learning_rate: Annotated[float | None, typer.Option(help="In place of the preset's, as all below.")] = None,
    batch: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data at most.")] = None,
    examples: Annotated[int | None, typer.Option(help="Training examples at most; a mix shares them.")] = None,
    tested: Annotated[int | None, typer.Option(help="Test examples of a target at most.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest input in tokens.")] = None,
    freeze_embeddings: Annotated[
        bool | None, typer.Option("--freeze-embeddings/--train-embeddings", help="Keep word embeddings as they are.")
    ] = None,
    keep_models: Annotated[Path | None, typer.Option(help="Folder to keep the fine-tuned models in.")] = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Fine-tune on each source, evaluate zero-shot on each target: gold scores for `xsns evaluate`.

    Repeat the command to resume. Run it several times at once to share the work, on a CPU best once a core.

    Examples:
        xsns transfer --task pos --model FacebookAI/xlm-roberta-base --out gold
        xsns transfer --task pos --data my-labels --sources deu,deu+rus+fin \\
            --targets est --preset small --out gold
    """
    say(f"Loading {display_name(model)} …")
    if not processes.is_launched():  # what isn't there is told before torch is imported
        from xsns_hf.models.locations import exact_revision

        revision = exact_revision(model, revision)
    with heavy_imports():
        from xsns_hf.cli.reports import print_transfer
        from xsns_hf.models.finding import agreed_revision
        from xsns_hf.tasks import load_task
        from xsns_hf.transfer.data import TaskData
        from xsns_hf.transfer.models import find_task_model
        from xsns_hf.transfer.results import Results
        from xsns_hf.transfer.run import transfer as run

    if seeds < 1:
        raise XsnsError(f"--seeds {seeds} trains nothing: use at least 1.")
    labelled = TaskData(load_task(task), data)
    trained_on, tested_on = _languages(sources, targets, labelled.task)
    settings = _changed(
        PRESETS[preset], learning_rate=learning_rate, batch=batch, epochs=epochs, examples=examples, tested=tested,
        max_length=max_length, freeze_embeddings=freeze_embeddings,
    )  # fmt: skip
    agreed = agreed_revision(model, revision, trust_remote_code)
    checkpoint = find_task_model(model, revision=agreed, trust_remote_code=trust_remote_code)
    results = Results(out, checkpoint.name, checkpoint.revision, settings)
    with _interruptible():
        summary = run(
            labelled, checkpoint, trained_on, tested_on, results, settings, seeds=range(seeds), keep=keep_models
        )
    if processes.is_first():
        print_transfer(summary, results, labelled.task, console)
    if summary.problems:
        raise typer.Exit(1)


@app.command("push-gold")
def push_gold(
    folder: Annotated[Path, typer.Argument(help="Folder that `xsns transfer` made.")],
    repo: Annotated[str, typer.Argument(help="user/repo on the Hub; made if there is none, else added to.")],
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
) -> None:
    """Put gold scores on the Hub, as a dataset of their own, in one commit. What is there already stays.

    Examples:
        xsns push-gold gold user/xlmr-pos-transfer
    """
    say(f"Reading {folder} …")
    from xsns_hf.transfer.publishing import push_results

    new, address = push_results(folder, repo, create_pr=create_pr)
    print(f"{new} new scores, at {address}" if new else f"Nothing new: {address} has them all.")


def _languages(sources: str | None, targets: str | None, task: "Task") -> tuple[list[str], list[str]]:
    """Return what to train on and what to test on: the task's candidates, or what the options say."""
    from xsns_hf.gold import MIX

    trained_on = _mixes(sources) if sources else task.languages
    if not trained_on:
        raise XsnsError(f"The task {task.name} has no candidates of its own: say which with --sources.")
    return trained_on, codes_of(targets) or sorted({code for source in trained_on for code in source.split(MIX)})


def _mixes(sources: str) -> list[str]:
    """Return sources as canonical codes, the languages of a mix sorted: `deu+fin+rus`."""
    from xsns_hf.gold import MIX

    mixes = []
    for source in sources.split(","):
        codes = codes_of(source.replace(MIX, ",")) or []
        if len(set(codes)) < len(codes):
            raise XsnsError(f"The mix {source} has a language twice: leave one out.")
        mixes.append(MIX.join(sorted(codes)))
    return list(dict.fromkeys(mixes))


def _changed(settings: Settings, **changes: Any) -> Settings:
    """Return settings with the changes that aren't None."""
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say how to go on, if what is done is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        if processes.is_first():
            print("\nInterrupted: scores are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
