"""Command that makes masks: extract."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from xsns_hf.cli import launching
from xsns_hf.cli.extraction_request import Request
from xsns_hf.cli.options import Head, Model, Revision, TrustRemoteCode, app
from xsns_hf.cli.starting import say
from xsns_hf.cli.text_options import AnyText, Column, Config, Corpus, CorpusName, LanguageColumn, Split
from xsns_hf.processes import is_first, is_launched
from xsns_hf.recipe import (
    AGREEMENT,
    EXAMPLES,
    RECOMMENDED,
    ImportanceName,
    Objective,
    Stacks,
    WantedPrecision,
    display_name,
)


@app.command()
def extract(
    context: typer.Context,
    out: Annotated[
        str, typer.Option(help="Mask dataset, a folder or user/repo on the Hub; made if there is none, else added to.")
    ],
    model: Model = "embedded",
    text: AnyText = None,
    corpus: Corpus = None,
    config: Config = None,
    split: Split = None,
    column: Column = None,
    language_column: LanguageColumn = None,
    languages: Annotated[
        str | None, typer.Option(help="Codes or names, with commas. Default: all in the text.")
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Of these languages the I-th, I+N-th … only, as one of N workers, each with another I from 1 to N.",
        ),
    ] = None,
    examples: Annotated[
        str,
        typer.Option(
            help="|D|: sentences per language and seed; several, with commas, cost as much as the largest; or "
            "`auto`: as many as the mask needs to settle."
        ),
    ] = str(EXAMPLES),
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
        ImportanceName,
        typer.Option(
            help="What makes a parameter important: the paper's equation, as it is, with a cap on each sentence, or "
            "with each sentence's gradient divided by its norm; what its released code computes; |gradient|, "
            "|weight × gradient| (SNIP), or how often a feed-forward neuron is active."
        ),
    ] = RECOMMENDED,
    preset: Annotated[
        Literal["paper"] | None,
        typer.Option(
            help="`paper`: the paper's settings, which are --importance exact, --examples 1024, --density 0.15 and "
            "--seeds 3; what is given beside it counts."
        ),
    ] = None,
    precision: Annotated[
        WantedPrecision,
        typer.Option(
            help="Of the forward and backward pass, or of the weights too; sums stay float32. `auto`: bfloat16, twice "
            "as fast, where the processor or GPU has units for it and masks of a few sentences come out alike."
        ),
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
    corpus_name: CorpusName = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    replace: Annotated[bool, typer.Option("--replace", help="Extract again what is there already.")] = False,
    processes: Annotated[
        int | None, typer.Option(help=f"Default: one with a GPU, else one a core, at most {launching.MOST}.")
    ] = None,
) -> None:
    """Extract the sub-network of each language and add it to a mask dataset. Repeat the command to resume.

    Examples:
        xsns extract --languages fin,deu --examples 256 --out masks
        xsns extract --model FacebookAI/xlm-roberta-base --text my-text --out masks
        xsns extract --model google/mt5-base --stacks encoder --text my-text \\
            --out mt5-masks
        # any dataset on the Hub
        xsns extract --corpus owner/name --config "{code_Script}" \\
            --languages fin,swh --out masks
        # nine recipes, one pass
        xsns extract --text my-text --examples 64,128,256 \\
            --density 0.05,0.15,0.3 --out masks
        # several GPUs
        accelerate launch --num_processes 2 -m xsns_hf extract --out masks
        # the third of eight machines
        xsns extract --text my-text --share 3/8 --out user/xlmr-masks
    """
    request = Request.of(**locals())  # the parameters, all of them
    say(f"Masks of {display_name(model)} in {out} …")
    request.check()
    repository = request.open()
    number = 1
    if not is_launched():
        if request.is_fulfilled(repository):
            return
        repository.store.prepare()  # a token that may not write is noticed before anything else is looked for
        request = request.at_commit()
        number = processes or launching.default_number()
    if number > 1:
        raise typer.Exit(launching.run(request.command(repository), number))
    try:
        request.fulfil(repository)
    except KeyboardInterrupt:
        if is_first():
            print("\nInterrupted: finished languages are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
