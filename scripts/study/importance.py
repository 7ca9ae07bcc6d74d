"""Is there a better measure of importance than the Fisher information? Alternatives on real gold scores.

For example:

    python scripts/study importance --data DATA                                # POS and NER; 40 minutes on 2 cores
    python scripts/study importance --data DATA --tasks ner --seeds 3 --masks-only    # 25 minutes more
    python scripts/study importance --data DATA --tasks nli,qa                 # an hour more

DATA and OUT are those of `tables`; without --data, text comes from the Hub and only POS has gold scores. Masks are kept
in OUT/masks and Fisher information in OUT/vectors (85 MB a language and seed), and made where they are missing. POS is
judged by the scores of XLM-R base and by those of the embedded checkpoint itself.

Each alternative is compared with the default target by target, on the same sentences. A difference is starred where
95 % of the means over targets drawn with replacement lie on one side of zero. That counts the noise of targets; that of
sentences shows in more seeds. Among so many comparisons one in twenty is starred by chance.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from study import markdown
from study.markdown import METRICS
from study.reproduction import OWN_GOLD, Study
from study.vectors import WEIGHTED, make_vectors, weighted
from xsns_hf import native
from xsns_hf.evaluation.evaluate import REGRET, compare
from xsns_hf.gold import Gold, read_gold, restricted
from xsns_hf.models.finding import find_pretrained
from xsns_hf.recipe import EMBEDDED
from xsns_hf.tasks import candidate_pool

DEFAULT, MASKS = "exact", ("exact", "gradient", "snip", "activation")
RESAMPLES = 10_000

Tables = Mapping[str, Mapping[int, pd.DataFrame]]
"""By importance, the default first, and by seed: the similarities of all languages, a square table."""


def main(
    data: Annotated[Path | None, typer.Option(help="As for `tables`.")] = None,
    out: Annotated[Path, typer.Option(help="As for `tables`.")] = Path("results/tables"),
    tasks: str = "pos,ner",
    seeds: int = 1,
    masks_only: Annotated[bool, typer.Option("--masks-only", help="Leave out what needs OUT/vectors.")] = False,
    processes: Annotated[int, typer.Option(help="Languages worked on at a time.")] = native.threads(),
    model: Annotated[str, typer.Option(help="As for `tables`.")] = EMBEDDED,
) -> None:
    """Make what is missing, then print a line for each importance and task."""
    study = Study(data, out, seeds, model)
    rows = []
    for task in tasks.split(","):
        rows += task_rows(study, task, masks_only, processes)
    markdown.write(markdown.table(["task", "importance", "pairs", *METRICS], rows), out / "importance.md")


def task_rows(study: Study, task: str, masks_only: bool, processes: int) -> list[list[str]]:
    """Return a row for each gold score of a task and each importance."""
    tables = of_masks(study, task)
    if not masks_only:
        tables |= of_vectors(study, task, processes)
    return [row for label, gold in golds(study, task).items() for row in compared(label, gold, tables)]


def golds(study: Study, task: str) -> dict[str, Gold]:
    """Return the gold scores of a task; for POS also those of the embedded checkpoint, if the masks are of it."""
    if task != "pos" or study.model != EMBEDDED:
        return {task: study.gold(task)}
    pool = candidate_pool(task)
    return {task: study.gold(task), f"{task}, same checkpoint": restricted(read_gold(OWN_GOLD), pool, pool)}


def of_masks(study: Study, task: str) -> dict[str, Mapping[int, pd.DataFrame]]:
    """Return the similarities of masks."""
    corpus = study.corpus(task)
    tables: dict[str, Mapping[int, pd.DataFrame]] = {}
    for importance in MASKS:
        made = study.extract(corpus, importance=importance)
        by_seed = made.repository().masks(made.recipe).by_seed
        tables[importance] = {seed: by_seed[seed] for seed in range(study.seeds)}
    return tables


def of_vectors(study: Study, task: str, processes: int) -> dict[str, Mapping[int, pd.DataFrame]]:
    """Return the similarities of the Fisher information itself."""
    corpus = study.corpus(task)
    folder = study.out / "vectors" / f"{corpus.name}-{find_pretrained(study.model).revision}"
    seeds = range(study.seeds)
    for seed in seeds:
        make_vectors(study.model, corpus, folder, seed, study.examples, processes)
    return {way: {seed: weighted(way, folder, corpus.languages, seed) for seed in seeds} for way in WEIGHTED}


def compared(task: str, gold: Gold, tables: Tables) -> list[list[str]]:
    """Return a row for each importance: its metrics, and how they differ from the default's."""
    rows, default = [], pd.DataFrame()
    for importance, by_seed in tables.items():
        known = [table.reindex(index=gold.targets, columns=gold.sources) for table in by_seed.values()]
        evaluation = compare(gold, {importance: known})
        scale = [1 if metric == REGRET else 100 for metric in METRICS]
        per_target = evaluation.per_target.loc[importance][METRICS] * scale
        if importance == DEFAULT:
            default = per_target
        cells = [cell(per_target[metric], default[metric], importance == DEFAULT) for metric in METRICS]
        rows.append([task, importance, str(sum(map(len, evaluation.candidates.values()))), *cells])
    return rows


def cell(values: pd.Series, default: pd.Series, is_default: bool) -> str:
    """Return the mean over targets with its difference from the default's, starred where that is outside the noise."""
    digits = 2 if values.name == REGRET else 1
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
