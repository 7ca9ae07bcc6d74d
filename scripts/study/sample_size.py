"""How much text is enough? Fixed |D| against `--examples auto` on the paper's 20 POS languages.

For example:

    python scripts/study sample-size --text TEXT --gold udpos-ft-10000.csv

One pass over 1,024 sentences a language, one process a core; masks are taken at every size at which `auto` would
compare the halves of the sample, so that any agreement can be judged afterwards; the paper's Figure 6 is drawn beside
them. TEXT is a folder with one <code>.txt per language (Universal Dependencies sentences), the gold file that of de
Vries et al. (2022) in `results` of github.com/wietsedv/xpos. About half an hour on 2 cores; stopped, it resumes with
the languages that are missing.

What fixed |D| give is what `xsns extract --examples 64,128,256,512,1024` and `xsns sweep` give too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from study.growing_samples import LEAST, MOST, Samples, grown, similarity_of
from study.markdown import METRICS, shown
from xsns_hf import native
from xsns_hf.evaluation.evaluate import compare
from xsns_hf.evaluation.sweep import SPREAD
from xsns_hf.evaluation.sweep_plots import Line, figure_over
from xsns_hf.gold import Gold, read_gold, restricted
from xsns_hf.plotting import rendered
from xsns_hf.recipe import AGREEMENT, RECOMMENDED, ImportanceName
from xsns_hf.tasks import candidate_pool

FIXED = (LEAST, 128, 256, 512, MOST)
AGREEMENTS = (0.64, 0.67, 0.70, 0.73, 0.76, 0.80, 0.84)

Ways = dict[str, dict[str, int]]
"""By way of choosing |D| and by language: the number of the sample."""


def main(
    text: Annotated[Path, typer.Option(help="Folder with one <code>.txt per language.")],
    gold: Annotated[Path, typer.Option(help="CSV with lang_train, lang_pred, score; or source, target, score.")],
    out: Annotated[Path, typer.Option(help="Where the masks go: a gigabyte.")] = Path("results/sample-size"),
    importance: Annotated[ImportanceName, typer.Option(help="As for `xsns extract`.")] = RECOMMENDED,
    most: Annotated[int, typer.Option(help="Sentences of a language.")] = MOST,
    seed: int = 0,
    processes: Annotated[int, typer.Option(help="Languages worked on at a time.")] = native.threads(),
) -> None:
    """Extract at every sample size, then say what each way of choosing one costs and loses."""
    pool = candidate_pool("pos")
    samples = grown(pool, text, out / f"{importance}-{most}", importance, seed, processes, most=most)
    report(samples, restricted(read_gold(gold), pool, pool), out / "figure6.png")


def report(samples: Mapping[str, Samples], gold: Gold, figure: Path) -> None:
    """Draw Figure 6, and print a row for each way of choosing |D|.

    That is its cost, how its rankings compare with those of all text, and how good they are.
    """
    ways = ways_of_choosing(samples)
    tables = {way: similarity_of(samples, numbers) for way, numbers in ways.items()}
    everything = similarity_of(samples, {code: len(own.sizes) - 1 for code, own in samples.items()})
    known = {way: [table.reindex(index=gold.targets, columns=gold.sources)] for way, table in tables.items()}
    metrics = compare(gold, known).table
    figure.write_bytes(rendered(figure6(metrics)))
    everyone = f"{len(samples)} languages; rankings against those of |D| = {max(fixed_sizes(samples))}"
    title = f"{everyone}, and against published scores"
    table = Table(title=title)
    for column in ("|D|", "mean", "least", "most", "ranks", "same first", *METRICS):
        table.add_column(column, justify="right")
    for way, numbers in ways.items():
        sizes = [int(own.sizes[numbers[code]]) for code, own in samples.items()]
        ranks, same_first = rankings_compared(tables[way], everything)
        cells = [f"{np.mean(sizes):.0f}", str(min(sizes)), str(max(sizes)), f"{ranks:.3f}", f"{100 * same_first:.0f} %"]
        cells += [shown(metric, metrics.at[way, metric]) for metric in METRICS]
        table.add_row(way, *cells, style="bold" if way == f"auto {AGREEMENT:g}" else "")
    Console(width=120).print(table)


def ways_of_choosing(samples: Mapping[str, Samples]) -> Ways:
    """Return the samples that each way takes: so many sentences, or as many as it takes for the halves to agree."""
    sizes = fixed_sizes(samples)
    fixed = {str(size): {code: own.first_of(size) for code, own in samples.items()} for size in sizes}
    return fixed | {
        f"auto {agreement:g}": {code: own.first_agreeing(agreement) for code, own in samples.items()}
        for agreement in AGREEMENTS
    }


def fixed_sizes(samples: Mapping[str, Samples]) -> list[int]:
    """Return the fixed |D| that some language has enough sentences for."""
    most = max(int(own.sizes[-1]) for own in samples.values())
    return [size for size in FIXED if size <= most]


def figure6(metrics: pd.DataFrame) -> Figure:
    """Return NDCG@3 over fixed |D| as a figure."""
    sizes = [size for size in FIXED if str(size) in metrics.index]
    points = pd.DataFrame({"ndcg@3": [metrics.at[str(size), "ndcg@3"] for size in sizes], SPREAD: np.nan}, index=sizes)
    return figure_over("examples", [Line("", points)], "POS, embedded checkpoint, one seed")


def rankings_compared(similarity: pd.DataFrame, reference: pd.DataFrame) -> tuple[float, float]:
    """Return the mean Spearman correlation of two tables' rankings, and how often the first source is the same."""
    pairs = [(similarity[target].drop(target), reference[target].drop(target)) for target in reference]
    ranks = [spearmanr(own, theirs).statistic for own, theirs in pairs]
    return float(np.mean(ranks)), float(np.mean([own.idxmax() == theirs.idxmax() for own, theirs in pairs]))
