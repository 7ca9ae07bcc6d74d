"""Commands that measure transfer: transfer, push-gold."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from xsns_hf import processes
from xsns_hf.cli.options import Model, Revision, TrustRemoteCode, app, codes_of, console
from xsns_hf.errors import XsnsError


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
        Literal["paper", "authors", "small"],
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

    Examples: `xsns transfer --task pos --model FacebookAI/xlm-roberta-base --out gold`

    `xsns transfer --task pos --data ./my-labels --sources deu,deu+rus+fin --targets est --preset small --out gold`
    """
    from xsns_hf.cli.reports import print_transfer
    from xsns_hf.gold import MIX
    from xsns_hf.models.finding import agreed_revision
    from xsns_hf.tasks import load_task
    from xsns_hf.transfer import PRESETS, Results, TaskData
    from xsns_hf.transfer import transfer as run_transfer
    from xsns_hf.transfer.models import find_task_model

    if seeds < 1:
        raise XsnsError(f"--seeds {seeds} trains nothing: use at least 1.")
    labelled = TaskData(load_task(task), data)
    wanted = _mixes(sources) if sources else [*labelled.task.languages]
    tested_on = codes_of(targets) or sorted({code for source in wanted for code in source.split(MIX)})
    if not wanted:
        raise XsnsError(f"The task {task} has no candidates of its own: say which with --sources.")
    changes: dict[str, Any] = {
        "learning_rate": learning_rate, "batch": batch, "epochs": epochs, "examples": examples, "tested": tested,
        "longest": max_length, "freeze_embeddings": freeze_embeddings,
    }  # fmt: skip
    settings = replace(PRESETS[preset], **{key: value for key, value in changes.items() if value is not None})
    agreed = agreed_revision(model, revision, trust_remote_code)
    checkpoint = find_task_model(model, revision=agreed, trust_remote_code=trust_remote_code)
    results = Results(out, checkpoint.name, checkpoint.revision, settings)
    try:
        summary = run_transfer(
            labelled, checkpoint, wanted, tested_on, results, settings, seeds=range(seeds), keep=keep_models
        )
    except KeyboardInterrupt:
        if processes.is_first():
            print("\nInterrupted: scores are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
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

    Example: `xsns push-gold gold user/xlmr-pos-transfer`
    """
    from xsns_hf.transfer.publishing import push_results

    new, address = push_results(folder, repo, create_pr=create_pr)
    print(f"{new} new scores, at {address}" if new else f"Nothing new: {address} has them all.")


def _mixes(sources: str) -> list[str]:
    """Return sources as canonical codes, the languages of a mix sorted: `deu+fin+rus`."""
    from xsns_hf.gold import MIX

    found = []
    for source in sources.split(","):
        codes = codes_of(source.replace(MIX, ",")) or []
        if len(set(codes)) < len(codes):
            raise XsnsError(f"The mix {source} has a language twice: leave one out.")
        found.append(MIX.join(sorted(codes)))
    return list(dict.fromkeys(found))
