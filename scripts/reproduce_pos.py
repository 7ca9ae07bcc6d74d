"""How well does sub-network similarity predict POS transfer? The paper's 20 languages, published gold scores.

    python scripts/reproduce_pos.py --text TEXT --gold udpos-ft-10000.csv

TEXT is a folder with one <code>.txt per language (Universal Dependencies sentences, as in the paper). The gold file is
that of de Vries et al. 2022 (github.com/wietsedv/xpos, results): XLM-R base fine-tuned on each language. Metrics are
the paper's (§4.3) as its released code computes them: per target, without the target itself, averaged over targets
and over seeds. Stopped, it resumes.
"""

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from scipy.stats import pearsonr, rankdata, spearmanr
from sklearn.metrics import ndcg_score

from xsns_hf import MaskRepository, XsnsError, identify, processes
from xsns_hf.recipes import Recipe
from xsns_hf.tasks import candidate_pool

METRICS = ["pearson", "spearman", "top_1", "ndcg@3", "regret"]


def main(
    text: Annotated[Path, typer.Option(help="Folder with one <code>.txt per language.")],
    gold: Annotated[Path, typer.Option(help="CSV with lang_train, lang_pred, score; or source, target, score.")],
    out: Annotated[Path, typer.Option(help="Folder of the masks.")] = Path("results/pos-masks"),
    head: Literal["fitted", "tied"] = "fitted",
    examples: int = 256,
    seeds: int = 1,
    density: float = 0.15,
    fisher: Literal["exact", "released"] = "exact",
) -> None:
    """Extract masks of the paper's POS languages with the embedded checkpoint and evaluate the ranking."""
    pool = candidate_pool("pos")
    options = {
        "--text": text, "--languages": ",".join(pool), "--examples": examples, "--seeds": seeds,
        "--density": density, "--head": head, "--fisher": fisher, "--corpus-name": "ud", "--out": out.resolve(),
    }  # fmt: skip
    arguments = ["extract", *(str(part) for pair in options.items() for part in pair)]
    failed = processes.run(arguments, processes.default_number())
    if failed:
        raise typer.Exit(failed)
    recipe = Recipe("embedded", "", head, "ud", fisher=fisher, examples=examples, density=density).name
    similarity = MaskRepository(out).similarity().query("recipe == @recipe and seed < @seeds")
    report(recipe, evaluate(similarity, read_gold(gold, pool)))


def read_gold(path: Path, pool: list[str]) -> pd.DataFrame:
    """Return the scores as a table [source, target] over the pool."""
    table = pd.read_csv(path, keep_default_na=False).rename(columns={"lang_train": "source", "lang_pred": "target"})
    table["score"] = table["score"].astype(float)
    for side in ("source", "target"):
        table[side] = table[side].map(_code)
    table = table[table["source"].isin(pool) & table["target"].isin(pool)]
    return table.pivot_table(index="source", columns="target", values="score")


def _code(label: str) -> str | None:
    try:
        return identify(label)
    except XsnsError:
        return None  # a language that isn't asked about


def evaluate(similarity: pd.DataFrame, gold: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics as fractions, and the regret in points, a row per seed and target."""
    rows = []
    for (seed, target), found in similarity.groupby(["seed", "target"]):
        predicted = found.set_index("source")["jaccard"]
        scores = gold[target].reindex(predicted.index)
        ranks = rankdata(scores), rankdata(predicted)
        rows.append(
            {
                "seed": seed,
                "target": target,
                "pearson": pearsonr(predicted, scores).statistic,
                "spearman": spearmanr(predicted, scores).statistic,
                "top_1": float(predicted.idxmax() == scores.idxmax()),
                "ndcg@3": ndcg_score([ranks[0]], [ranks[1]], k=3),
                "regret": scores.max() - scores[predicted.idxmax()],
            }
        )
    return pd.DataFrame(rows)


def report(recipe: str, results: pd.DataFrame) -> None:
    """Print the averages over targets, for each seed and over all."""
    table = Table(title=f"{recipe}, {results['target'].nunique()} targets")
    for column in ["seed", *METRICS]:
        table.add_column(column, justify="right")
    by_seed = results.groupby("seed")[METRICS].mean()
    for label, row in [*by_seed.iterrows(), ("mean", by_seed.mean())]:
        cells = [f"{100 * row[metric]:.1f}" for metric in METRICS[:-1]]
        table.add_row(str(label), *cells, f"{row['regret']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
