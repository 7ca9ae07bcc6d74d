"""Tables 1 and 2: X-SNS by text and objective, and beside other predictors."""

from collections.abc import Sequence

from study.markdown import METRICS, table
from study.reproduction import TASKS, Study
from study.tables.rows import row
from xsns_hf.gold import Gold
from xsns_hf.text.folder import Files
from xsns_hf.text.hub import TASK_TEXT

PREDICTORS = ["lang2vec", "lexical", "embedding", "xsns", "genealogy", "geography", "ensemble", "english", "random"]


def table1(study: Study, tasks: Sequence[str]) -> list[str]:
    """Return which text D and which p(y|x) is better: the task's or general ones."""
    rows = []
    for task in tasks:
        own = study.corpus(task)
        made = {"T, L": study.extract(own)}
        if study.data:
            labelled = study.corpus(task, labels=True)
            made["T, T"] = study.extract(labelled, TASKS[task].objective, seeds=1)
        if TASK_TEXT[task] != "wikiann":  # of NER, the general text is the task's
            made["W, L"] = study.extract(study.corpus("ner", own.languages))
        for variant, masks in sorted(made.items()):
            metrics, pairs = study.compare(study.gold(task), ["xsns"], masks)
            rows.append(row([task, variant, str(pairs)], metrics.loc["xsns"], (1, task, variant)))
    columns = ["task", "D, p(y\\|x)", "pairs", *METRICS]
    return ["### Table 1: which text, which p(y|x)", "", *table(columns, rows)]


def table2(study: Study, tasks: Sequence[str]) -> list[str]:
    """Return how good each predictor is."""
    rows = [row for task in tasks for row in predictor_rows(study, task, study.gold(task), study.corpus(task))]
    return ["### Table 2: predictors", "", *table(["task", "predictor", "pairs", *METRICS], rows)]


def predictor_rows(study: Study, task: str, gold: Gold, corpus: Files) -> list[list[str]]:
    """Return a row for each predictor; SuE is compared by itself, since text without spaces may have none."""
    made = study.extract(corpus)
    rows = []
    for group in (PREDICTORS, ["evenness"]):
        metrics, pairs = study.compare(gold, group, made, corpus)
        rows += [row([task, name, str(pairs)], metrics.loc[name], (2, task, name)) for name in group]
    return rows


def all_languages(study: Study, tasks: Sequence[str]) -> list[str]:
    """Return how good the predictors are on POS, over all languages that there are text and gold scores for."""
    gold = study.all_gold("pos")
    corpus = study.corpus("pos", sorted({*gold.targets, *gold.sources}))
    predictors = [name for name in PREDICTORS if name != "embedding"]
    metrics, pairs = study.compare(gold, predictors, study.extract(corpus, seeds=1), corpus)
    targets, sources = (len(set(side) & set(corpus.files)) for side in (gold.targets, gold.sources))
    title = f"### POS, all languages with text: {targets} targets, {sources} sources, {pairs} pairs"
    return [title, "", *table(["predictor", *METRICS], [row([name], metrics.loc[name]) for name in predictors])]
