"""Commands that make masks: demo, languages, corpora, fit-head, extract."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from xsns_hf import processes as process_group
from xsns_hf.cli.options import (
    AsJson,
    Head,
    Model,
    Revision,
    Text,
    TrustRemoteCode,
    app,
    check_text,
    codes_of,
    console,
    local_corpus,
    numbers,
    sample_size,
)
from xsns_hf.errors import XsnsError
from xsns_hf.recipe import (
    AGREEMENT,
    LANGUAGE_MODELLING,
    Importance,
    Objective,
    Precision,
    Recipe,
    Stacks,
    masking_of,
)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the masks go.")] = Path("xsns-demo"),
) -> None:
    """Extract masks for a dozen languages, open them as a dataset and rank sources: no Hub, no GPU, no token.

    Example: `xsns demo`
    """
    from xsns_hf.cli.demo_run import run_demo

    run_demo(out, console)


@app.command()
def languages(
    text: Text = None,
    as_json: AsJson = False,
) -> None:
    """List the languages that there is text for.

    Example: `xsns languages --text ./my-text`
    """
    from xsns_hf.languages.codes import name

    corpus = local_corpus(text, None)
    rows = [
        {
            "language": code,
            "name": name(code),
            "sentences": len(corpus.sentences(code)),
            "licence": corpus.licences.get(code),
        }
        for code in corpus.languages
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(title=f"Text in {corpus.name}: {len(rows)} languages")
    for column in ("code", "name", "sentences", "licence"):
        table.add_column(column, justify="right" if column == "sentences" else "left")
    for row in rows:
        table.add_row(*(str(cell or "–") for cell in row.values()))
    console.print(table)


@app.command()
def corpora(as_json: AsJson = False) -> None:
    """List the corpora on the Hub that `--corpus` knows: what each is and the languages it has.

    Example: `xsns corpora`
    """
    from xsns_hf.text.hub import SOURCES

    rows: list[dict[str, Any]] = [
        {
            "corpus": key,
            "dataset": each.id,
            "licence": each.licence,
            "about": each.about,
            "languages": sorted(each.configs),
        }
        for key, each in SOURCES.items()
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(title="Corpora on the Hub", show_lines=True)
    for column in ("corpus", "dataset", "languages", "licence", "about"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["corpus"], row["dataset"], ", ".join(row["languages"]), row["licence"] or "see its card", row["about"]
        )
    console.print(table)


@app.command("fit-head")
def fit_head_command(
    text: Annotated[Path, typer.Option(help="Folder with one CODE.txt per language, a sentence a line.")],
    model: Model = "embedded",
    minutes: Annotated[float, typer.Option(help="About how long to train; the steps taken are reported.")] = 15.0,
    steps: Annotated[
        int | None, typer.Option(help="Exactly so many steps instead: the same head again, on as many threads.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the head's initial weights and of the batches.")] = 0,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Train a small masked-language-model head on text, the encoder frozen, for encoders that ship none.

    Example: `xsns fit-head --model intfloat/multilingual-e5-base --text ./my-text`
    """
    from xsns_hf.models.head_fitting import fit_head
    from xsns_hf.models.heads import fitted_head_path, save_head
    from xsns_hf.models.loading import load_checkpoint

    corpus = local_corpus(text, None)
    checkpoint = load_checkpoint(
        model, objective="mlm", head="tied", revision=revision, trust_remote_code=trust_remote_code
    )
    texts = {code: corpus.sentences(code) for code in corpus.languages}
    head, report = fit_head(checkpoint.body, checkpoint.tokenizer, texts, minutes=minutes, steps=steps, seed=seed)
    path = fitted_head_path(checkpoint.revision)
    save_head(head, path, {"revision": checkpoint.revision, "corpus": corpus.name} | report.metadata())
    print(report)
    print(f"Saved to {path}; use it with `xsns extract --model {model} --head fitted …`.")


@app.command()
def extract(
    out: Annotated[
        str, typer.Option(help="Mask dataset, a folder or user/repo on the Hub; made if there is none, else added to.")
    ],
    model: Model = "embedded",
    text: Text = None,
    corpus: Annotated[
        str | None, typer.Option(help="Text from the Hub instead, see `xsns corpora`; with --languages.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help="Codes or names, with commas. Default: all in the text.")
    ] = None,
    examples: Annotated[
        str,
        typer.Option(
            help="|D|: sentences per language and seed; several, with commas, cost as much as the largest; or "
            "`auto`: as many as the mask needs to settle."
        ),
    ] = "1024",
    agreement: Annotated[
        float, typer.Option(help="With auto: how well the masks of two halves of the sentences must agree (Jaccard).")
    ] = AGREEMENT,
    most: Annotated[int, typer.Option(help="With auto: sentences to use at most.")] = 1024,
    seeds: Annotated[int, typer.Option(help="Number of seeds: each draws its own sentences.")] = 3,
    density: Annotated[
        str, typer.Option(help="p: share of parameters in a sub-network; several, with commas, cost no more.")
    ] = "0.15",
    objective: Annotated[
        Objective | None,
        typer.Option(
            help="What is predicted: masked tokens, next tokens, T5's spans or BART's, by default as the model was "
            "pre-trained; or labels in --text, by a random head (Table 1's T, T)."
        ),
    ] = None,
    head: Head = None,
    masking: Annotated[
        float | None, typer.Option(help="Share of tokens masked. Default: 0.15; for infilling 0.35, as in mBART.")
    ] = None,
    stacks: Annotated[Stacks, typer.Option(help="Which blocks of an encoder–decoder masks cover.")] = "both",
    max_length: Annotated[int, typer.Option(help="Longest example in tokens; what is longer is cut.")] = 128,
    importance: Annotated[
        Importance,
        typer.Option(
            help="What makes a parameter important: the paper's equation, what its released code computes, |gradient|, "
            "|weight × gradient| (SNIP), or how often a feed-forward neuron is active."
        ),
    ] = "exact",
    precision: Annotated[
        Precision,
        typer.Option(help="Of the forward and backward pass, or of the weights too; sums stay float32."),
    ] = "float32",
    sums_in: Annotated[
        Path | None,
        typer.Option(
            help="Keep the sums on disk, in this folder. Default: if memory is short, in the temporary one, which must "
            "then be on a disk itself."
        ),
    ] = None,
    device_map: Annotated[
        str | None, typer.Option(help="`auto` spreads a model that is too large for one GPU over several.")
    ] = None,
    corpus_name: Annotated[str | None, typer.Option(help="Name of the text. Default: its folder's name.")] = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    replace: Annotated[bool, typer.Option("--replace", help="Extract again what is there already.")] = False,
    processes: Annotated[
        int | None, typer.Option(help=f"Default: one with a GPU, else one a core, at most {process_group.MOST}.")
    ] = None,
) -> None:
    """Extract the sub-network of each language and add it to a mask dataset. Repeat the command to resume.

    Examples: `xsns extract --languages fin,deu --examples 256 --out masks`

    `xsns extract --model FacebookAI/xlm-roberta-base --text ./my-text --out xlmr-masks`

    `xsns extract --model google/mt5-base --stacks encoder --text ./my-text --out mt5-masks`

    `xsns extract --text ./my-text --examples 64,128,256 --density 0.05,0.15,0.3 --out masks` (nine recipes, one pass)

    Several GPUs: `accelerate launch --num_processes 2 -m xsns_hf extract --out masks`
    """
    # What is wrong with the command is best said before processes are started and torch is imported, which takes time.
    if seeds < 1:
        raise XsnsError(f"--seeds {seeds} extracts nothing: use at least 1.")
    densities = numbers(density, "--density")
    size, sizes = sample_size(examples, agreement, most)
    codes = codes_of(languages) or []
    check_text(text, corpus, codes)
    labelled = objective is not None and objective not in LANGUAGE_MODELLING
    if labelled and head is not None:
        raise XsnsError(f"--objective {objective} takes a random head: leave --head out.")
    settings = {"importance": importance, **size, "max_length": max_length, "precision": precision, "stacks": stacks}
    if masking is not None:
        settings["masking"] = masking
    for each in densities:
        Recipe("", "", "", "", density=each, **settings)
    number = 1 if process_group.is_launched() else processes or process_group.default_number()
    if number > 1:
        raise typer.Exit(process_group.run(sys.argv[1:], number))
    import torch

    from xsns_hf.cli.reports import print_summary
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.extraction.build import build
    from xsns_hf.models.finding import agreed_revision
    from xsns_hf.models.loading import load_checkpoint
    from xsns_hf.text.hub import hub_corpus

    found = hub_corpus(corpus, codes) if corpus else local_corpus(text, corpus_name)
    repository = MaskRepository(out, create=True)
    if process_group.is_first():
        repository.store.prepare()
    checkpoint = load_checkpoint(
        model,
        objective=None if labelled else objective,
        head="random" if labelled else head,
        revision=agreed_revision(model, revision, trust_remote_code),
        trust_remote_code=trust_remote_code,
        dtype=torch.bfloat16 if precision == "bfloat16-weights" else torch.float32,
        device_map=device_map,
    )
    chosen = objective or checkpoint.objective
    if masking is not None and (labelled or chosen == "clm"):
        raise XsnsError(f"The objective {chosen} masks no tokens: leave --masking out.")
    recipe = Recipe(
        checkpoint=checkpoint.name,
        revision=checkpoint.revision,
        head=checkpoint.head_name,
        corpus=found.name,
        objective=chosen,
        density=densities[0],
        **{"masking": masking_of(chosen)} | settings,
    )
    try:
        summary = build(
            repository,
            checkpoint,
            found,
            recipe,
            list(dict.fromkeys(codes or found.languages)),
            range(seeds),
            densities=densities[1:],
            sums_in=sums_in,
            sizes=sizes,
            replace=replace,
        )
    except KeyboardInterrupt:
        if process_group.is_first():
            print("\nInterrupted: finished languages are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    if process_group.is_first():
        print_summary(summary, recipe.name, repository, console)
