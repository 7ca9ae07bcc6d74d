"""Command that compares recipes: sweep."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xsns_hf.cli.options import AsJson, GoldScores, app, console, local_corpus, open_masks, print_json
from xsns_hf.cli.starting import say
from xsns_hf.errors import XsnsError
from xsns_hf.plotting import Kind

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.evaluation.sweep import Sweep
    from xsns_hf.gold import Gold

TextToEmbed = Annotated[
    Path | None, typer.Option(help="Folder with one CODE.txt per language: compares embeddings too (Table 4).")
]
Places = Annotated[
    str | None,
    typer.Option(metavar="NAME=PATH,…", help="With --text: where the masks' checkpoints are, if in a folder."),
]


@app.command()
def sweep(
    masks: Annotated[str, typer.Option(help="Mask datasets, with commas: folders, or user/repo on the Hub.")],
    gold: GoldScores,
    out: Annotated[Path, typer.Option(help="Folder for the figures and tables (CSV).")],
    recipes: Annotated[str, typer.Option(help="Which recipes, by name with * and ?, with commas.")] = "*",
    metric: Annotated[str | None, typer.Option(help="Which scores of a gold file that has several metrics.")] = None,
    text: TextToEmbed = None,
    models: Places = None,
    figures: Annotated[Kind, typer.Option(help="What kind of files the figures are.")] = "png",
    as_json: AsJson = False,
) -> None:
    """Compare the recipes of masks that are there: density, sample size, checkpoint, seeds (Figures 3 and 6, Table 4).

    Examples:
        xsns extract --examples 64,128,256 --density 0.05,0.15,0.3 --out masks
        xsns sweep --masks masks --gold scores.csv --out sweep
        # two checkpoints, figures for print
        xsns sweep --masks xlmr-masks,mbert-masks --gold scores.csv \\
            --text my-text --out sweep --figures pdf
    """
    if not as_json:
        say(f"Reading {masks} …")
    from xsns_hf.cli.sweep_report import answer, print_sweep
    from xsns_hf.evaluation.sweep import sweep as compare

    if models and not text:
        raise XsnsError("--models says where checkpoints to embed --text are: give that too, or leave --models out.")
    names = dict.fromkeys(name.strip().rstrip("/") for name in masks.split(","))
    repositories = [open_masks(name) for name in names if name]
    if not repositories:
        raise XsnsError(f"--masks {masks!r} names no mask dataset: give folders or user/repo, with commas.")
    scores = _gold_of(gold, repositories, metric)
    patterns = [pattern.strip() for pattern in recipes.split(",")]
    corpus = local_corpus(text, None) if text else None
    result = compare(repositories, scores, recipes=patterns, text=corpus, models=_models(models))
    files = _tables(result) | _figures(result, figures)
    _write(out, files)
    if as_json:
        pictures = [str(out / file) for file in files if file.endswith(figures)]
        print_json(answer(result, scores.name, pictures))
        return
    print_sweep(result, scores.name, console)
    console.print(f"Written to {out}: {', '.join(files)}.", soft_wrap=True)


def _tables(result: "Sweep") -> dict[str, bytes]:
    """Return the files of the tables that have rows, by name."""
    tables = {"recipes.csv": result.recipes, "stability.csv": result.stability, "checkpoints.csv": result.checkpoints}
    return {file: table.to_csv(index=False).encode() for file, table in tables.items() if len(table)}


def _figures(result: "Sweep", kind: Kind) -> dict[str, bytes]:
    """Return the pictures that there is something to draw in, by name."""
    from xsns_hf.evaluation.sweep_plots import AXES, figure_over, lines, shown
    from xsns_hf.plotting import rendered

    rows = result.recipes
    about = [*rows["checkpoint"].unique(), *(f"text {corpus}" for corpus in rows["corpus"].unique())]
    about += [shown(field, rows[field].iloc[0]) for field in ("examples", "density") if rows[field].nunique() == 1]
    title = f"{', '.join(about)}: {len(result.candidates)} targets, {result.pairs} pairs"
    drawn = {field: lines(result, field) for field in AXES}
    return {f"{field}.{kind}": rendered(figure_over(field, some, title), kind) for field, some in drawn.items() if some}


def _gold_of(gold: str, repositories: "list[MaskRepository]", metric: str | None) -> "Gold":
    """Return the scores of a file, or those of a task from the first repository that publishes them."""
    from xsns_hf.ranking.expected_scores import gold_of

    publishing = [repository for repository in repositories if gold in set(repository.scores()["task"])]
    return gold_of(gold, (publishing or repositories)[0], metric)


def _models(text: str | None) -> dict[str, str]:
    pairs = [pair.strip().partition("=") for pair in text.split(",")] if text else []
    for name, _, path in pairs:
        if not name or not path:
            raise XsnsError(f"--models {text} doesn't say where each model is: give NAME=PATH, several with commas.")
    return {name: path for name, _, path in pairs}


def _write(out: Path, files: dict[str, bytes]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise XsnsError(f"--out {out} can't be written ({error.strerror}): give a folder of yours.") from error
