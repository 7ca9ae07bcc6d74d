"""Is there a better measure of importance than the Fisher information? Alternatives on real gold scores.

    python scripts/study_importance.py --data DATA                                # POS and NER; 40 minutes on 2 cores
    python scripts/study_importance.py --data DATA --tasks ner --seeds 3 --masks-only    # 25 minutes more
    python scripts/study_importance.py --data DATA --tasks nli,qa                 # an hour more

DATA and OUT are those of `reproduce_tables.py`; without --data, text comes from the Hub and only POS has gold scores.
Masks are kept in OUT/masks and Fisher information in OUT/vectors (85 MB a language and seed), and made where they are
missing. POS is judged by the scores of XLM-R base and by those of the embedded checkpoint itself.

Each alternative is compared with the default target by target, on the same sentences. A difference is starred where
95 % of the means over targets drawn with replacement lie on one side of zero. That counts the noise of targets; that of
sentences shows in more seeds. Among so many comparisons one in twenty is starred by chance.
"""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from reproduce_tables import EXAMPLES, METRICS, OWN_GOLD, Study
from tqdm import tqdm

from xsns_hf import native
from xsns_hf.evaluation.evaluate import evaluate
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.extraction.examples import text_examples
from xsns_hf.gold import Gold, read_gold, restricted
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.masks.soft_similarity import cosine, log_ranks, log_ratios, weighted_jaccard
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.embedded import EMBEDDED
from xsns_hf.models.finding import find_pretrained
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.predictors import Predictor
from xsns_hf.recipe import Recipe
from xsns_hf.tasks import candidate_pool
from xsns_hf.text.corpus import Corpus

DEFAULT, MASKS = "exact", ("exact", "gradient", "snip", "activation")
WEIGHTED: dict[str, tuple[Callable, Callable]] = {
    "log F, Σ min / Σ max": (log_ratios, weighted_jaccard),
    "log F, cosine": (log_ratios, cosine),
    "log rank of F, Σ min / Σ max": (log_ranks, weighted_jaccard),
}
RESAMPLES = 10_000


class Given(Predictor):
    """Similarities that are there already, a table for each seed."""

    name = "given"
    about = "similarities computed before"

    def __init__(self, tables: Mapping[int, pd.DataFrame]):
        self.tables = tables

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of the tables."""
        return sorted(self.tables)

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return one seed's table."""
        return self.tables[seed].reindex(index=targets, columns=sources)


def main(
    data: Annotated[Path | None, typer.Option(help="As for reproduce_tables.py.")] = None,
    out: Annotated[Path, typer.Option(help="As for reproduce_tables.py.")] = Path("results/tables"),
    tasks: str = "pos,ner",
    seeds: int = 1,
    masks_only: Annotated[bool, typer.Option("--masks-only", help="Leave out what needs OUT/vectors.")] = False,
    processes: Annotated[int, typer.Option(help="Languages worked on at a time.")] = native.threads(),
    model: Annotated[str, typer.Option(help="As for reproduce_tables.py.")] = EMBEDDED,
) -> None:
    """Make what is missing, then print a line for each importance and task."""
    study = Study(data, out, seeds, model)
    lines = [f"| task | importance | pairs | {' | '.join(METRICS)} |", "|---" * (len(METRICS) + 3) + "|"]
    for task in tasks.split(","):
        tables = of_masks(study, task)
        if not masks_only:
            tables |= of_vectors(study, task, processes)
        for label, gold in golds(study, task).items():
            lines += compared(label, gold, tables)
    text = "\n".join(lines)
    (out / "importance.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def golds(study: Study, task: str) -> dict[str, Gold]:
    """Return the gold scores of a task; for POS also those of the embedded checkpoint, if the masks are of it."""
    if task != "pos" or study.model != EMBEDDED:
        return {task: study.gold(task)}
    pool = candidate_pool(task)
    return {task: study.gold(task), f"{task}, same checkpoint": restricted(read_gold(OWN_GOLD), pool, pool)}


def of_masks(study: Study, task: str) -> dict[str, dict[int, pd.DataFrame]]:
    """Return by importance, the default first, and by seed the similarities of all languages' masks."""
    corpus, seeds = study.corpus(task), range(study.seeds)
    found: dict[str, dict[int, pd.DataFrame]] = {}
    for fisher in MASKS:
        rows = study.extract(corpus, importance=fisher).similarity().groupby("seed")
        found[fisher] = {s: rows.get_group(s).pivot(index="target", columns="source", values="jaccard") for s in seeds}
    return found


def of_vectors(study: Study, task: str, processes: int) -> dict[str, dict[int, pd.DataFrame]]:
    """Return the same for similarities of the Fisher information itself."""
    corpus = study.corpus(task)
    folder = study.out / "vectors" / f"{corpus.name}-{find_pretrained(study.model).revision}"
    found: dict[str, dict[int, pd.DataFrame]] = {way: {} for way in WEIGHTED}
    for seed in range(study.seeds):
        make_vectors(study.model, corpus, folder, seed, processes)
        for way, tables in found.items():
            tables[seed] = weighted(way, folder, corpus.languages, seed)
    return found


def make_vectors(model: str, corpus: Corpus, folder: Path, seed: int, processes: int) -> None:
    """Save the Fisher information of each language that lacks it."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [code for code in corpus.languages if not (folder / f"{code}-{seed}.npy").exists()]
    if not missing:
        return
    with multiprocessing.get_context("spawn").Pool(processes, torch.set_num_threads, (1,)) as workers:
        work = workers.imap_unordered(partial(save_vector, model, corpus, folder, seed), missing)
        for _ in tqdm(work, total=len(missing), desc=f"{corpus.name}: Fisher information"):
            pass


@flushed_denormals()
def save_vector(model: str, corpus: Corpus, folder: Path, seed: int, language: str) -> None:
    """Compute the Fisher information from the sentences that the masks are made from too."""
    checkpoint, cpu = load_checkpoint(model), torch.device("cpu")
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, corpus.name, examples=EXAMPLES)
    fisher = ExactFisher(checkpoint.body)
    examples = text_examples(checkpoint, corpus, recipe, language, seed)
    for _, batch in batches(examples, fisher.layout, cpu, alone=not checkpoint.batched):
        fisher.add(**collate(batch, checkpoint.padding, cpu), head=checkpoint.head)
    with (folder / f".{language}-{seed}").open("wb") as unfinished:
        np.save(unfinished, fisher.values().numpy())
    (folder / f".{language}-{seed}").rename(folder / f"{language}-{seed}.npy")


def weighted(way: str, folder: Path, languages: Sequence[str], seed: int) -> pd.DataFrame:
    """Return the similarities of all languages' Fisher information, a square table."""
    weights_of, similarity = WEIGHTED[way]
    loading = tqdm(languages, desc=f"{way}: weights", leave=False)
    weights = {code: weights_of(np.load(folder / f"{code}-{seed}.npy")) for code in loading}
    table = pd.DataFrame(1.0, index=list(languages), columns=list(languages))
    pairs = list(combinations(languages, 2))
    for one, other in tqdm(pairs, desc=f"{way}: pairs", leave=False):
        table.loc[one, other] = table.loc[other, one] = similarity(weights[one], weights[other])
    return table


def compared(task: str, gold: Gold, tables: Mapping[str, Mapping[int, pd.DataFrame]]) -> list[str]:
    """Return a line of the table for each importance: its metrics, and how they differ from the default's."""
    lines, default = [], pd.DataFrame()
    for importance, by_seed in tables.items():
        found = evaluate(gold, [Given(by_seed)])
        per_target = found.per_target.loc["given"][METRICS] * [1 if metric == "regret" else 100 for metric in METRICS]
        if importance == DEFAULT:
            default = per_target
        cells = [cell(per_target[metric], default[metric], importance == DEFAULT) for metric in METRICS]
        pairs = sum(map(len, found.candidates.values()))
        lines.append(f"| {task} | {importance} | {pairs} | {' | '.join(cells)} |")
    return lines


def cell(values: pd.Series, default: pd.Series, is_default: bool) -> str:
    """Return the mean over targets with its difference from the default's, starred where that is outside the noise."""
    digits = 2 if values.name == "regret" else 1
    mean = f"{values.mean():.{digits}f}"
    if is_default:
        return mean
    difference = (values - default).dropna()
    low, high = interval(difference.to_numpy())
    star = "\\*" if low > 0 or high < 0 else ""
    return f"{mean} ({values.mean() - default.mean():+.{digits}f}{star})"


def interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the bounds of 95 % of the means over targets drawn with replacement; NaN where no target has a value."""
    if not len(differences):
        return np.nan, np.nan
    drawn = np.random.default_rng(0).integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    typer.run(main)
