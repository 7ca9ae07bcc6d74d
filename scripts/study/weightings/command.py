"""Runs the study of weightings; see `study.weightings`."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from study import markdown
from study.importance import compared
from study.markdown import METRICS
from study.reproduction import Study
from study.weightings.orders import orders, predicted_sets
from study.weightings.samples import CAPS, Samples
from xsns_hf import native
from xsns_hf.dataset.shipped import shipped_gold, shipped_tables
from xsns_hf.evaluation.evaluate import compare
from xsns_hf.gold import Gold, restricted
from xsns_hf.importance.weighted import CappedFisher
from xsns_hf.recipe import EMBEDDED
from xsns_hf.tasks import candidate_pool
from xsns_hf.text.corpus import Corpus

# NLI's pairs of sentences and QA's paragraphs take several times as long as a sentence.
SIZES = {"pos": (64, 128, 256), "ner": (64, 128, 256), "nli": (64,), "qa": (64,)}
FEW_TOKENS = ("pos", "ner")
"""Tasks whose text is short enough to try several caps on."""

FURTHER = {"ner": ("bul", "deu", "hin", "hun", "nld", "por", "swh")}
"""Languages beside the paper's pool, which has only fifteen that DATA has text of."""


def main(
    data: Annotated[Path, typer.Option(help="As for `tables`.")],
    out: Annotated[Path, typer.Option(help="As for `tables`.")] = Path("results/tables"),
    tasks: str = ",".join(SIZES),
    seeds: int = 3,
    processes: Annotated[int, typer.Option(help="Languages worked on at a time.")] = native.threads(),
) -> None:
    """Make the samples that are missing, then print what each weighting and each order of the sources is worth."""
    study = Study(data, out, seeds)
    sampled = {task: samples_of(study, task) for task in tasks.split(",")}
    for samples in sampled.values():
        samples.make(range(seeds), processes)
    lines: list[str] = []
    for title, table in (("Weightings", weightings), ("Agreement", agreements), ("Orders", order_rows), ("Sets", sets)):
        lines += [f"## {title}", "", *table(study, sampled), ""]
    markdown.write(lines, out / "weightings.md")


def samples_of(study: Study, task: str) -> Samples:
    """Return the samples of a task's text, made or not."""
    corpus = study.corpus(task, [*candidate_pool(task), *FURTHER.get(task, ())])
    caps = CAPS if task in FEW_TOKENS else (CappedFisher.cap,)
    return Samples(EMBEDDED, corpus, study.out / "weightings" / task, SIZES[task], caps)


def golds_of(study: Study, task: str, corpus: Corpus) -> dict[str, Gold]:
    """Return the gold scores of a task that ship with the package, by name, of the languages of a text.

    Of POS, DATA has more: what ships is of the languages with sample text.
    """
    golds = {name: shipped_gold(table) for name, table in shipped_tables().items() if table.task == task}
    golds |= {"xpos": study.all_gold(task)} if task == "pos" else {}
    return {name: restricted(gold, corpus.languages, corpus.languages) for name, gold in golds.items()}


Sampled = dict[str, Samples]


def weightings(study: Study, sampled: Sampled) -> list[str]:
    """Return the lines of a table: each weighting at each |D|, compared with exact on the same samples."""
    rows = []
    for task, samples in sampled.items():
        for name, gold in golds_of(study, task, samples.corpus).items():
            for size, number in product(samples.sizes, dict.fromkeys((1, study.seeds))):
                ways = common(samples, range(number))
                tables = {way: {s: samples.similarity(way, size, s) for s in range(number)} for way in ways}
                rows += compared(f"{name}, {size}, {number} seed{'s' * (number > 1)}", gold, tables)
    return markdown.table(["gold, |D|", "weighting", "pairs", *METRICS], rows)


def common(samples: Samples, seeds: Sequence[int]) -> list[str]:
    """Return the weightings that all seeds have."""
    return samples.ways(max(seeds))


def agreements(study: Study, sampled: Sampled) -> list[str]:
    """Return the lines of a table: how well the rankings of two seeds agree, mean Spearman over targets and pairs."""
    rows = []
    for task, samples in sampled.items():
        for size in samples.sizes if study.seeds > 1 else ():
            cells = [f"{samples.agreement(way, size, range(study.seeds)):.3f}" for way in common(samples, [1])]
            rows.append([task, str(size), *cells])
    return markdown.table(["text", "|D|", *common(samples, [1])], rows)


def order_rows(study: Study, sampled: Sampled) -> list[str]:
    """Return the lines of a table: what each way to order the sources is worth at the largest |D|, targets left out."""
    rows = []
    for task, samples in sampled.items():
        for name, gold in golds_of(study, task, samples.corpus).items():
            table = compare(gold, orders(samples, gold, samples.sizes[-1], range(study.seeds))).table
            for way, row in table.iterrows():
                rows.append([name, str(way), *(markdown.shown(metric, row[metric]) for metric in METRICS)])
    return markdown.table(["gold", "order", *METRICS], rows)


def sets(study: Study, sampled: Sampled) -> list[str]:
    """Return the lines of a table: how often the 80 % sets hold the best source, and how large they are."""
    rows = []
    for task, samples in sampled.items():
        for name, gold in golds_of(study, task, samples.corpus).items():
            judged = pd.DataFrame(predicted_sets(samples, gold, samples.sizes[-1], range(study.seeds))).mean()
            rows.append([name, f"{len(gold.targets)}", *(f"{value:.2f}" for value in judged)])
    columns = ["gold", "targets", "holds the best", "sources in it", "of", "said to be within a point", "are"]
    return markdown.table(columns, rows)
