"""How much text is enough? Fixed |D| against `--examples auto` on the paper's 20 POS languages.

    python scripts/study_sample_size.py --text TEXT --gold udpos-ft-10000.csv

One pass over 1,024 sentences a language, one process a core; masks are taken at every size at which `auto` would
compare the halves of the sample, so that any agreement can be judged afterwards; the paper's Figure 6 is drawn beside
them. TEXT is a folder with one <code>.txt per language (Universal Dependencies sentences), the gold file that of de
Vries et al. (2022) in `results` of github.com/wietsedv/xpos. About half an hour on 2 cores; stopped, it resumes with
the languages that are missing.
"""

import multiprocessing
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from tqdm import tqdm

from xsns_hf import identify, native
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.extraction.examples import text_examples
from xsns_hf.extraction.extract import check_sizes
from xsns_hf.gold import read_gold, restricted
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard, jaccard_matrix
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.metrics.source_ranking.scoring import score
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.loading import Checkpoint, load_checkpoint
from xsns_hf.models.objectives import Encoded
from xsns_hf.recipe import AGREEMENT, Recipe
from xsns_hf.tasks import candidate_pool
from xsns_hf.text.folder import text_folder

METRICS = ["pearson", "spearman", "top_1", "ndcg@3", "regret"]
MOST, DENSITY = 1024, 0.15
FIXED = (64, 128, 256, 512, 1024)
AGREEMENTS = (0.64, 0.67, 0.70, 0.73, 0.76, 0.80)


def main(
    text: Annotated[Path, typer.Option(help="Folder with one <code>.txt per language.")],
    gold: Annotated[Path, typer.Option(help="CSV with lang_train, lang_pred, score; or source, target, score.")],
    out: Annotated[Path, typer.Option(help="Where the masks go: a gigabyte.")] = Path("results/sample-size"),
    seed: int = 0,
    processes: Annotated[int, typer.Option(help="Languages worked on at a time.")] = native.threads(),
) -> None:
    """Extract at every sample size, then say what each way of choosing one costs and loses."""
    out.mkdir(parents=True, exist_ok=True)
    pool = [identify(code) for code in candidate_pool("pos")]
    missing = [code for code in pool if not (out / f"{code}-{seed}.npz").exists()]
    with multiprocessing.get_context("spawn").Pool(processes, torch.set_num_threads, (1,)) as workers:
        work = workers.imap_unordered(partial(extract, text, out, seed), missing)
        for _ in tqdm(work, total=len(missing), desc="languages"):
            pass
    truth = restricted(read_gold(gold), pool, pool).matrix()
    report({code: dict(np.load(out / f"{code}-{seed}.npz")) for code in pool}, truth, out / "figure6.png")


@flushed_denormals()
def extract(text: Path, out: Path, seed: int, language: str) -> None:
    """Save the masks of the first n sentences for each n, and the agreement of their halves' masks."""
    checkpoint = load_checkpoint("embedded")
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, "ud", examples=MOST, density=DENSITY)
    examples = text_examples(checkpoint, text_folder(text, "ud"), recipe, language, seed)
    halves = [ExactFisher(checkpoint.body) for _ in range(2)]
    layout = halves[0].layout
    sizes, agreements, packed, done = sorted({FIXED[0], *check_sizes(len(examples))}), [], [], 0
    for size in sizes:
        for number, half in enumerate(halves):
            _add(half, examples[done + number : size : 2], checkpoint, recipe)
        done = size
        agreements.append(jaccard(*(select(half.sums.numpy(), layout, DENSITY) for half in halves)))
        packed.append(select((halves[0].sums + halves[1].sums).numpy(), layout, DENSITY).bits)
    with (out / f".{language}-{seed}").open("wb") as unfinished:
        np.savez(unfinished, sizes=sizes, agreements=agreements, packed=packed)
    (out / f".{language}-{seed}").rename(out / f"{language}-{seed}.npz")


def _add(half: ExactFisher, examples: list[Encoded], checkpoint: Checkpoint, recipe: Recipe) -> None:
    cpu = torch.device("cpu")
    for _, batch in batches(examples, half.layout, cpu):
        half.add(**collate(batch, checkpoint.padding, cpu), head=checkpoint.head)


def report(found: dict[str, dict[str, np.ndarray]], gold: pd.DataFrame, figure: Path) -> None:
    """Draw Figure 6, and print a line for each way of choosing |D|.

    That is its cost, how its rankings compare with those of all text, and how good they are.
    """
    last = {code: len(each["sizes"]) - 1 for code, each in found.items()}
    reference = _similarity(found, last)
    table = Table(title=f"{len(found)} languages; rankings against those of |D| = {MOST}, and against published scores")
    for column in ("|D|", "mean", "least", "most", "ranks", "same first", *METRICS):
        table.add_column(column, justify="right")
    ways = {str(size): _first(found, "sizes", size) for size in FIXED}
    ways |= {f"auto {agreement:g}": _first(found, "agreements", agreement) for agreement in AGREEMENTS}
    points: dict[int, float] = {}
    for name, chosen in ways.items():
        sizes = [int(found[code]["sizes"][chosen[code]]) for code in found]
        similarity = _similarity(found, chosen)
        same_ranks, same_first = _compared(similarity, reference)
        scores = _scores(similarity, gold)
        points |= {int(name): scores["ndcg@3"]} if name.isdigit() else {}
        cells = [
            f"{np.mean(sizes):.0f}",
            str(min(sizes)),
            str(max(sizes)),
            f"{same_ranks:.3f}",
            f"{100 * same_first:.0f} %",
        ]
        cells += [f"{100 * scores[metric]:.1f}" for metric in METRICS[:-1]]
        bold = "bold" if name == f"auto {AGREEMENT:g}" else ""
        table.add_row(name, *cells, f"{scores['regret']:.2f}", style=bold)
    Console(width=120).print(table)
    _draw(points, figure)


def _scores(similarity: pd.DataFrame, gold: pd.DataFrame) -> dict[str, float]:
    """Return the mean metrics over targets, each removed from its candidates."""
    rows = [(similarity.loc[target].drop(target), gold.loc[target]) for target in similarity.index]
    return score([row.tolist() for row, _ in rows], [true[row.index].tolist() for row, true in rows])


def _draw(points: dict[int, float], path: Path) -> None:
    axes = (figure := Figure(figsize=(5, 3), layout="constrained")).subplots()
    axes.plot(list(points), [100 * value for value in points.values()], marker="o")
    axes.set(
        xscale="log", xlabel="|D|, sentences a language", ylabel="NDCG@3", title="POS, embedded checkpoint, one seed"
    )
    axes.set_xticks(list(points), [str(size) for size in points])
    axes.minorticks_off()
    figure.savefig(path, dpi=150)


def _first(found: dict[str, dict[str, np.ndarray]], what: str, least: float) -> dict[str, int]:
    """Return for each language the first check at which something has reached a value; else the last."""
    reached = {code: np.flatnonzero(each[what] >= least) for code, each in found.items()}
    return {code: int(checks[0]) if len(checks) else len(found[code][what]) - 1 for code, checks in reached.items()}


def _similarity(found: dict[str, dict[str, np.ndarray]], chosen: dict[str, int]) -> pd.DataFrame:
    size = next(iter(found.values()))["packed"].shape[1]
    layout = ParameterLayout.of([("all", (8 * size,))])
    masks = [SubNetwork(layout, found[code]["packed"][chosen[code]], 0.0) for code in found]
    return pd.DataFrame(jaccard_matrix(masks), index=list(found), columns=list(found))


def _compared(similarity: pd.DataFrame, reference: pd.DataFrame) -> tuple[float, float]:
    """Return the mean Spearman correlation of the rankings, and how often the first source is the same."""
    pairs = [(similarity[target].drop(target), reference[target].drop(target)) for target in reference]
    ranks = [spearmanr(one, other).statistic for one, other in pairs]
    return float(np.mean(ranks)), float(np.mean([one.idxmax() == other.idxmax() for one, other in pairs]))


if __name__ == "__main__":
    typer.run(main)
