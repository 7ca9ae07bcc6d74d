"""The `xsns` command: a few lines over the library for each subcommand.

Heavy imports stay inside the commands, so that `xsns rank` answers at once.
"""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from xsns_hf import processes as process_group
from xsns_hf.errors import XsnsError
from xsns_hf.recipes import AGREEMENT

if TYPE_CHECKING:
    from xsns_hf.corpora import Corpus

app = typer.Typer(
    name="xsns",
    help="Which source language should I fine-tune on? Sub-network similarity (X-SNS) for multilingual checkpoints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
console = Console(highlight=False)

Model = Annotated[str, typer.Option(help="Model id on the Hub, local folder, or `embedded`.")]
Masks = Annotated[str, typer.Option(help="Mask dataset: a folder, or user/repo or user/repo@revision on the Hub.")]
Text = Annotated[
    Path | None, typer.Option(help="Folder with one CODE.txt per language, a sentence a line. Default: sample text.")
]
Head = Annotated[
    Literal["pretrained", "tied", "fitted"] | None,
    typer.Option(help="The checkpoint's own head, logits through the word embeddings, or one made by fit-head."),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the Hub.")]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run model code from the Hub.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the masks go.")] = Path("xsns-demo"),
) -> None:
    """Extract masks for a dozen languages, open them as a dataset and rank sources: no Hub, no GPU, no token.

    Example: `xsns demo`
    """
    from xsns_hf.demo import run_demo

    run_demo(out, console)


@app.command()
def languages(
    text: Text = None,
    as_json: AsJson = False,
) -> None:
    """List the languages that there is text for.

    Example: `xsns languages --text ./my-text`
    """
    from xsns_hf.languages import name

    corpus = _corpus(text, None)
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
    from xsns_hf.hub_corpora import SOURCES

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
    from xsns_hf.checkpoints import load_checkpoint
    from xsns_hf.fitting import fit_head
    from xsns_hf.heads import fitted_head_path, save_head

    corpus = _corpus(text, None)
    checkpoint = load_checkpoint(model, head="tied", revision=revision, trust_remote_code=trust_remote_code)
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
        str, typer.Option(help="|D|: sentences per language and seed; or `auto`: as many as the mask needs to settle.")
    ] = "1024",
    agreement: Annotated[
        float, typer.Option(help="With auto: how well the masks of two halves of the sentences must agree (Jaccard).")
    ] = AGREEMENT,
    most: Annotated[int, typer.Option(help="With auto: sentences to use at most.")] = 1024,
    seeds: Annotated[int, typer.Option(help="Number of seeds: each draws its own sentences.")] = 3,
    density: Annotated[float, typer.Option(help="p: share of parameters in a sub-network.")] = 0.15,
    head: Head = None,
    masking: Annotated[float, typer.Option(help="Share of tokens that is predicted.")] = 0.15,
    max_length: Annotated[int, typer.Option(help="Longest example in tokens; what is longer is cut.")] = 128,
    fisher: Annotated[
        Literal["exact", "released"], typer.Option(help="The paper's equation, or what its released code computes.")
    ] = "exact",
    precision: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="Of the forward and backward pass; sums stay float32.")
    ] = "float32",
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

    Several GPUs: `accelerate launch --num_processes 2 -m xsns_hf extract --out masks`
    """
    number = 1 if process_group.is_launched() else processes or process_group.default_number()
    if number > 1:
        raise typer.Exit(process_group.run(sys.argv[1:], number))
    from xsns_hf.build import build
    from xsns_hf.checkpoints import load_checkpoint
    from xsns_hf.languages import identify
    from xsns_hf.recipes import Recipe
    from xsns_hf.reports import print_summary
    from xsns_hf.repository import MaskRepository

    if seeds < 1:
        raise XsnsError(f"--seeds {seeds} extracts nothing: use at least 1.")
    codes = [identify(each) for each in languages.split(",")] if languages else []
    found = _hub_corpus(corpus, codes, text) if corpus else _corpus(text, corpus_name)
    repository = MaskRepository(out, create=True)
    if process_group.is_first():
        repository.store.prepare()
    checkpoint = load_checkpoint(model, head=head, revision=revision, trust_remote_code=trust_remote_code)
    recipe = Recipe(
        checkpoint=checkpoint.name,
        revision=checkpoint.revision,
        head=checkpoint.head_name,
        corpus=found.name,
        fisher=fisher,
        **_sample_size(examples, agreement, most),
        density=density,
        masking=masking,
        max_length=max_length,
        precision=precision,
    )
    try:
        summary = build(
            repository,
            checkpoint,
            found,
            recipe,
            list(dict.fromkeys(codes or found.languages)),
            range(seeds),
            replace=replace,
        )
    except KeyboardInterrupt:
        if process_group.is_first():
            print("\nInterrupted: finished languages are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    if process_group.is_first():
        print_summary(summary, recipe.name, repository, console)


@app.command()
def rank(
    target: Annotated[str, typer.Argument(help="The language to transfer to: fin, fi, fin_Latn, Finnish.")],
    masks: Masks,
    recipe: Annotated[str | None, typer.Option(help="Which masks, where the dataset has several recipes.")] = None,
    candidates: Annotated[str | None, typer.Option(help="Languages with labelled data, with commas.")] = None,
    task: Annotated[
        Literal["ner", "pos", "nli", "pi", "qa"] | None, typer.Option(help="The paper's candidates for a task.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="Show the best so many only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rank source languages for a target, the most similar sub-network first.

    Examples: `xsns rank fin --masks masks --candidates deu,rus,swe`

    `xsns rank Finnish --masks masks --task pos --top 3` (the best three are also the advice for several sources)
    """
    from xsns_hf.ranking import rank_sources
    from xsns_hf.reports import print_ranking
    from xsns_hf.tasks import candidate_pool

    if candidates and task:
        raise XsnsError("--candidates and --task both say which languages to rank: give one of them.")
    pool = candidate_pool(task) if task else candidates.split(",") if candidates else None
    ranking = rank_sources(target, masks, recipe=recipe, candidates=pool, top=top)
    if as_json:
        print(json.dumps(ranking.to_dict(), ensure_ascii=False, indent=1))
    else:
        print_ranking(ranking, console)


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a mask dataset.")],
    repo: Annotated[str, typer.Argument(help="user/repo on the Hub; made if there is none, else added to.")],
    languages: Annotated[str | None, typer.Option(help="Codes or names, with commas. Default: all.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put other masks of the same language in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
) -> None:
    """Add the masks of a folder to a dataset on the Hub, in one commit. What is there already stays.

    Example: `xsns push masks user/xlmr-masks`
    """
    from xsns_hf.languages import identify
    from xsns_hf.reports import print_pushed
    from xsns_hf.repository import MaskRepository
    from xsns_hf.sharing import push as push_masks

    codes = [identify(each) for each in languages.split(",")] if languages else []
    source = MaskRepository(folder)
    target = MaskRepository(repo, create=True, create_pr=create_pr)
    print_pushed(push_masks(source, target, codes, replace=replace), target, console)


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(help="user/repo or user/repo@revision on the Hub.")],
    folder: Annotated[Path, typer.Argument(help="A new folder, or one that was pulled before.")],
) -> None:
    """Fetch a mask dataset from the Hub into a folder.

    Example: `xsns pull user/xlmr-masks masks`
    """
    from xsns_hf.sharing import pull as pull_masks

    repository = pull_masks(repo, folder)
    languages = repository.index()["language"].nunique()
    print(f"{folder} holds masks of {languages} languages, {repository.store.size() / 1e6:.1f} MB.")


def _hub_corpus(corpus: str, codes: list[str], text: Path | None) -> "Corpus":
    from xsns_hf.hub_corpora import hub_corpus

    if text is not None:
        raise XsnsError("--text and --corpus both say where the text is: give one of them.")
    if not codes:
        raise XsnsError("--corpus fetches text: say of which languages with --languages.")
    return hub_corpus(corpus, codes)


def _sample_size(examples: str, agreement: float, most: int) -> dict[str, Any]:
    if examples == "auto":
        return {"examples": most, "agreement": agreement}
    try:
        return {"examples": int(examples)}
    except ValueError:
        raise XsnsError(f"--examples {examples} is neither a number nor `auto`: give one of them.") from None


def _corpus(text: Path | None, corpus_name: str | None) -> "Corpus":
    from xsns_hf.corpora import sample_corpus, text_folder

    return sample_corpus() if text is None else text_folder(text, corpus_name)


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        app()
    except XsnsError as error:
        if process_group.is_first():
            print(f"xsns: {error}", file=sys.stderr)
        sys.exit(2)
