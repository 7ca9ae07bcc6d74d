"""Commands that rank, and say how good rankings are: rank, predictors, evaluate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from xsns_hf.cli.options import AsJson, GoldScores, Masks, Model, RecipeName, app, codes_of, console, local_corpus
from xsns_hf.errors import XsnsError
from xsns_hf.tasks import TaskName

if TYPE_CHECKING:
    import pandas as pd

    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.gold import Gold
    from xsns_hf.ranking.rank import Ranking
    from xsns_hf.text.corpus import Corpus

ScoresToLearnFrom = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.csv|TASK",
        help="Also say what score to expect: from scores on other targets, or those published with the masks.",
    ),
]
Pool = Annotated[
    TaskName | None,
    typer.Option(help="The paper's pool of a task, for sources and, unless --targets is given, targets."),
]


@app.command()
def rank(
    target: Annotated[str, typer.Argument(help="The language to transfer to: fin, fi, fin_Latn, Finnish.")],
    masks: Masks,
    recipe: RecipeName = None,
    candidates: Annotated[str | None, typer.Option(help="Languages with labelled data, with commas.")] = None,
    task: Annotated[TaskName | None, typer.Option(help="The paper's candidates for a task.")] = None,
    top: Annotated[int | None, typer.Option(help="Show the best so many only.")] = None,
    predict_score: ScoresToLearnFrom = None,
    metric: Annotated[str | None, typer.Option(help="Which of the scores, where there are several metrics.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rank source languages for a target, the most similar sub-network first.

    Examples: `xsns rank fin --masks masks --candidates deu,rus,swe`

    `xsns rank Finnish --masks masks --task pos --top 3` (the best three are also the advice for several sources)

    `xsns rank Finnish --masks masks --predict-score scores.csv` (scores of any source → target, as for `evaluate`)

    `xsns rank Finnish --masks user/xlmr-masks --predict-score pos` (scores that were published with the masks)
    """
    from xsns_hf.cli.reports import print_choice, print_ranking
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.ranking.rank import rank_sources
    from xsns_hf.tasks import candidate_pool

    if candidates and task:
        raise XsnsError("--candidates and --task both say which languages to rank: give one of them.")
    pool = candidate_pool(task) if task else candidates.split(",") if candidates else None
    repository = MaskRepository(masks)
    ranking = rank_sources(target, repository, recipe=recipe, candidates=pool, top=top)
    gold, expected = _expected(ranking, repository, predict_score, metric)
    if as_json:
        print(json.dumps(_record(ranking, expected), ensure_ascii=False, indent=1))
        return
    print_ranking(ranking, console, expected)
    if recipe is None:
        print_choice(repository, ranking.recipe, console)
    if gold and gold.origin:
        console.print(f"Expected from {gold.name}: {gold.origin}", soft_wrap=True, markup=False)


def _expected(
    ranking: "Ranking", repository: "MaskRepository", scores: str | None, metric: str | None
) -> "tuple[Gold, pd.DataFrame] | tuple[None, None]":
    """Return the scores to learn from and those to expect, if they are asked for."""
    if not scores:
        return None, None
    from xsns_hf.ranking.expected_scores import expected_scores, gold_of  # with scikit-learn, which takes a second

    gold = gold_of(scores, repository, metric)
    return gold, expected_scores(ranking, repository.masks(ranking.recipe), gold)


def _record(ranking: "Ranking", expected: "pd.DataFrame | None") -> dict[str, Any]:
    record = ranking.to_dict()
    if expected is not None:
        for source in record["sources"]:
            source |= expected.loc[source["language"]].round(4).to_dict()
    return record


@app.command()
def predictors(as_json: AsJson = False) -> None:
    """List the predictors of transfer that `xsns evaluate` compares, and what each needs.

    Example: `xsns predictors`
    """
    from xsns_hf.predictors import known_predictors

    rows: list[dict[str, Any]] = [
        {"predictor": name, "needs": list(kind.needs), "by target": kind.targeted, "about": kind.about}
        for name, kind in known_predictors().items()
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(title="Predictors")
    for column in ("predictor", "needs", "by target", "about"):
        table.add_column(column, overflow="fold")
    for row in rows:
        needs = ", ".join(f"--{need}" for need in row["needs"])
        table.add_row(row["predictor"], needs or "–", "yes" if row["by target"] else "no", row["about"])
    console.print(table)


@app.command()
def evaluate(
    gold: GoldScores,
    predictors: Annotated[str, typer.Option(help="Names with commas, see `xsns predictors`.")] = "xsns,random,english",
    masks: Annotated[str | None, typer.Option(help="Mask dataset: a folder, or user/repo on the Hub.")] = None,
    recipe: RecipeName = None,
    text: Annotated[Path | None, typer.Option(help="Folder with one CODE.txt per language.")] = None,
    corpus: Annotated[str | None, typer.Option(help="Text from the Hub instead, see `xsns corpora`.")] = None,
    model: Model = "embedded",
    examples: Annotated[int, typer.Option(help="Sentences of each language that `embedding` embeds.")] = 256,
    layer: Annotated[int, typer.Option(help="Whose hidden states `embedding` takes; -1 is the last.")] = -1,
    seeds: Annotated[int, typer.Option(help="Samples of text to average over; masks have their own seeds.")] = 1,
    metric: Annotated[str | None, typer.Option(help="Which scores of a gold file that has several metrics.")] = None,
    learn_from: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv|TASK", help="Scores that `donor` and `expected` learn from. Default: --gold, by target."
        ),
    ] = None,
    targets: Annotated[str | None, typer.Option(help="Targets, with commas. Default: all in the gold file.")] = None,
    sources: Annotated[str | None, typer.Option(help="Sources, with commas. Default: all in the gold file.")] = None,
    task: Pool = None,
    k: Annotated[int, typer.Option(help="Cut-off of NDCG.")] = 3,
    per_target: Annotated[bool, typer.Option("--per-target", help="A line for each target as well.")] = False,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print a LaTeX table.")] = False,
) -> None:
    """Hold predictors against gold transfer scores: the paper's Table 2 for your own.

    Examples: `xsns evaluate --gold scores.csv --masks masks`

    `xsns evaluate --gold scores.csv --masks masks --text ./my-text --predictors xsns,lang2vec,lexical,ensemble --latex`
    """
    from xsns_hf.cli.reports import print_choice, print_evaluation
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.evaluation.evaluate import evaluate as compare
    from xsns_hf.predictors import Inputs, make_predictors
    from xsns_hf.ranking.expected_scores import gold_of

    if sum((as_json, as_csv, as_latex)) > 1:
        raise XsnsError("--json, --csv and --latex each say what to print: give one of them.")
    if task and sources:
        raise XsnsError("--sources and --task both say which sources to compare: give one of them.")
    if seeds < 1 or examples < 1:
        raise XsnsError(f"--seeds {seeds} --examples {examples} samples no text: use at least 1 of each.")
    repository = MaskRepository(masks) if masks else None
    known = gold_of(gold, repository, metric)
    scores = _restricted(known, targets, sources, task)
    sentences = _text_of(scores, text, corpus)
    learnt = gold_of(learn_from, repository) if learn_from else known
    inputs = Inputs(masks, recipe, sentences, model, examples, layer, range(seeds), learnt)
    evaluation = compare(scores, make_predictors([name.strip() for name in predictors.split(",")], inputs), k=[k])
    if as_json:
        print(json.dumps(evaluation.to_dict(per_target=per_target), indent=1))
    elif as_csv:
        print((evaluation.per_target if per_target else evaluation.table).to_csv(), end="")
    elif as_latex:
        print(evaluation.to_latex(), end="")
    else:
        print_evaluation(evaluation, scores, console, per_target=per_target)
        if repository and recipe is None:
            print_choice(repository, repository.masks().name, console)


def _restricted(known: "Gold", targets: str | None, sources: str | None, task: TaskName | None) -> "Gold":
    """Return the gold scores of the targets and sources that are asked for, see the options of `evaluate`."""
    from xsns_hf.gold import restricted
    from xsns_hf.tasks import candidate_pool

    pool = candidate_pool(task) if task else codes_of(sources)
    return restricted(known, codes_of(targets) or (pool if task else None), pool)


def _text_of(scores: "Gold", text: Path | None, corpus: str | None) -> "Corpus | None":
    """Open the text that predictors may need; of the Hub's, those languages of the scores that it has."""
    from xsns_hf.text.hub import SOURCES, hub_corpus

    if text and corpus:
        raise XsnsError("--text and --corpus both say where the text is: give one of them.")
    if corpus:
        languages = sorted({*scores.targets, *scores.sources})
        known = SOURCES[corpus].configs if corpus in SOURCES else languages
        return hub_corpus(corpus, [code for code in languages if code in known])
    return local_corpus(text, None) if text else None
