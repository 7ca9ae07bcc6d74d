"""Command that compares recipes: sweep."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xsns_hf.cli.options import AsJson, app, console, local_corpus
from xsns_hf.errors import XsnsError

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.gold import Gold


@app.command()
def sweep(
    masks: Annotated[str, typer.Option(help="Mask datasets, with commas: folders, or user/repo on the Hub.")],
    gold: Annotated[
        str,
        typer.Option(
            metavar="FILE.csv|TASK",
            help="CSV with source, target, score (and perhaps seed, metric), or a task published with the masks.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the figures (PNG) and tables (CSV).")],
    recipes: Annotated[str, typer.Option(help="Which recipes, by name with * and ?, with commas.")] = "*",
    metric: Annotated[str | None, typer.Option(help="Which scores of a gold file that has several metrics.")] = None,
    text: Annotated[
        Path | None, typer.Option(help="Folder with one CODE.txt per language: compares embeddings too (Table 4).")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(metavar="NAME=PATH,…", help="With --text: where the masks' checkpoints are, if in a folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the recipes of masks that are there: density, sample size, checkpoint, seeds (Figures 3 and 6, Table 4).

    Examples: `xsns extract --examples 64,128,256 --density 0.05,0.15,0.3 --out masks`

    `xsns sweep --masks masks --gold scores.csv --out sweep`

    `xsns sweep --masks xlmr-masks,mbert-masks --gold scores.csv --text ./my-text --out sweep` (two checkpoints)
    """
    from xsns_hf.cli.sweep_report import answer, print_sweep
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.evaluation.sweep import sweep as compare
    from xsns_hf.evaluation.sweep_plots import figure_over, lines, shown
    from xsns_hf.plotting import png

    if models and not text:
        raise XsnsError("--models says where checkpoints to embed --text are: give that too, or leave --models out.")
    names = dict.fromkeys(each.strip().rstrip("/") for each in masks.split(","))
    repositories = [MaskRepository(each) for each in names if each]
    if not repositories:
        raise XsnsError(f"--masks {masks!r} names no mask dataset: give folders or user/repo, with commas.")
    scores = _gold_of(gold, repositories, metric)
    found = compare(
        repositories,
        scores,
        patterns=[each.strip() for each in recipes.split(",")],
        corpus=local_corpus(text, None) if text else None,
        models=_models(models),
    )
    about = [*found.recipes["checkpoint"].unique(), *(f"text {each}" for each in found.recipes["corpus"].unique())]
    for field in ("examples", "density"):
        if found.recipes[field].nunique() == 1:
            about.append(shown(field, found.recipes[field].iloc[0]))
    title = f"{', '.join(about)}: {len(found.candidates)} targets, {found.pairs} pairs"
    files = {"recipes.csv": found.recipes.to_csv(index=False).encode()}
    if len(found.stability):
        files["stability.csv"] = found.stability.to_csv(index=False).encode()
    if len(found.checkpoints):
        files["checkpoints.csv"] = found.checkpoints.to_csv(index=False).encode()
    for field in ("density", "examples"):
        if drawn := lines(found, field):
            files[f"{field}.png"] = png(figure_over(field, drawn, title))
    _write(out, files)
    pictures = [str(out / file) for file in files if file.endswith(".png")]
    if as_json:
        print(json.dumps(answer(found, scores.name, pictures), ensure_ascii=False, indent=1))
        return
    print_sweep(found, scores.name, console)
    console.print(f"Written to {out}: {', '.join(files)}.", soft_wrap=True)


def _gold_of(gold: str, repositories: "list[MaskRepository]", metric: str | None) -> "Gold":
    """Read a file, or take a task's scores from the first repository that publishes them."""
    from xsns_hf.ranking.expected_scores import gold_of

    publishing = [each for each in repositories if gold in set(each.scores()["task"])]
    return gold_of(gold, (publishing or repositories)[0], metric)


def _models(text: str | None) -> dict[str, str]:
    pairs = [each.strip().partition("=") for each in text.split(",")] if text else []
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
