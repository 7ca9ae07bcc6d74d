"""Commands that rank, and say how good rankings are: rank, predictors, evaluate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from xsns_hf.cli.options import (
    AsJson,
    CompareIn,
    GoldScores,
    Masks,
    Model,
    RecipeName,
    app,
    codes_of,
    console,
    local_corpus,
)
from xsns_hf.errors import MasksMissing, XsnsError
from xsns_hf.tasks import TaskName

if TYPE_CHECKING:
    import pandas as pd

    from xsns_hf.dataset.recipe_masks import RecipeMasks
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.gold import Gold
    from xsns_hf.ranking.expected_scores import Outlook
    from xsns_hf.ranking.rank import Ranking
    from xsns_hf.text.corpus import Corpus

ScoresToLearnFrom = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.csv|TASK", help="Scores on other targets to learn from. Default: those known of the --task."
    ),
]
By = Annotated[
    Literal["expectation", "similarity"] | None,
    typer.Option(
        help="The order: by what scores on other targets let expect, the default where there are any, or not."
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
    candidates: Annotated[
        str | None,
        typer.Option(help="Languages with labelled data, with commas; `pool`: the paper's for --task. Default: all."),
    ] = None,
    task: Annotated[TaskName | None, typer.Option(help="Learn from what scores are known of a task.")] = None,
    top: Annotated[int | None, typer.Option(help="Show the best so many only.")] = None,
    by: By = None,
    layers: CompareIn = "all",
    predict_score: ScoresToLearnFrom = None,
    metric: Annotated[str | None, typer.Option(help="Which of the scores, where there are several metrics.")] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="With scores: text, a CODE.txt per language in a folder, whose sub-words count too."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rank source languages for a target: by what is expected of them, or by the similarity of sub-networks.

    Examples: `xsns rank fin --masks masks --candidates deu,rus,swe` (the most similar sub-network first)

    `xsns rank Finnish --masks masks --task ner --top 3` (by what NER scores on other targets let expect; published with
    the masks, or those that ship with xsns)

    `xsns rank Finnish --masks masks --task ner --candidates pool --by similarity` (the paper's candidates and order)

    `xsns rank Finnish --masks masks --predict-score scores.csv` (scores of any source → target, as for `evaluate`)
    """
    from xsns_hf.cli.reports import print_choice, print_outlook, print_ranking
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.ranking.rank import rank_sources

    wanted = _candidates(candidates, task)
    repository = MaskRepository(masks)
    ranking = rank_sources(target, repository, recipe=recipe, candidates=wanted, top=top, layers=layers)
    gold = _gold_to_learn_from(repository, task, predict_score, metric)
    if by == "expectation" and gold is None:
        raise XsnsError(
            "--by expectation takes scores to learn from: give --predict-score, or a --task with known ones."
        )
    compared = repository.masks(ranking.recipe, layers)
    outlook = _outlook(ranking, compared, gold, text, needed=bool(predict_score or by == "expectation"))
    if outlook and by != "similarity":
        ranking = ranking.ordered(outlook.order)
    if as_json:
        record = _record(ranking, outlook, by) | {"layers": layers}
        print(json.dumps(record, ensure_ascii=False, indent=1))
        return
    print_ranking(ranking, console, outlook.table if outlook else None)
    if layers == "early":
        console.print("Masks are compared in all layers and again in the lower half of them; similarity is the mean.")
    if outlook:
        print_outlook(ranking, outlook, console, ordered=by != "similarity")
    elif task:
        lack = f"The scores of {task} are of too few languages with masks to learn from"
        lack = lack if gold else f"No scores of {task} are known"
        console.print(f"{lack}: the order is by similarity.", soft_wrap=True)
    if recipe is None:
        print_choice(repository, ranking.recipe, console)


def _candidates(text: str | None, task: TaskName | None) -> list[str] | None:
    """Return the candidates that are asked for; None for all."""
    from xsns_hf.tasks import candidate_pool

    if text != "pool":
        return text.split(",") if text else None
    if task is None:
        raise XsnsError("--candidates pool means the paper's of a task: say with --task of which.")
    return candidate_pool(task)


def _gold_to_learn_from(
    repository: "MaskRepository", task: TaskName | None, scores: str | None, metric: str | None
) -> "Gold | None":
    """Return the scores that are asked for, or those known of the task, if any."""
    from xsns_hf.dataset.published import task_gold
    from xsns_hf.ranking.expected_scores import gold_of

    if scores:
        return gold_of(scores, repository, metric)
    return task_gold(repository, task, metric) if task else None


def _shared_words(text: Path, masks: "RecipeMasks") -> "pd.DataFrame":
    """Return how much of their sub-words the languages with masks share, by the tokenizer of the masks' checkpoint."""
    from xsns_hf.predictors import Inputs, make_predictors

    (lexical,) = make_predictors(["lexical"], Inputs(text=local_corpus(text, None), model=masks.recipe.checkpoint))
    return lexical.scores(masks.languages, masks.languages)


def _outlook(
    ranking: "Ranking", masks: "RecipeMasks", gold: "Gold | None", text: Path | None, *, needed: bool
) -> "Outlook | None":
    """Return what to expect of the candidates; None where scores are too few, unless it was asked for."""
    from xsns_hf.expectation.learning import WORDS
    from xsns_hf.ranking.expected_scores import outlook

    if gold is None:
        return None
    try:
        return outlook(ranking, masks, gold, {WORDS: _shared_words(text, masks)} if text else None)
    except MasksMissing:
        if needed:
            raise
        return None


def _record(ranking: "Ranking", outlook: "Outlook | None", by: str | None) -> dict[str, Any]:
    """Return what `--json` prints."""
    from xsns_hf.ranking.advice import advice

    record = ranking.to_dict() | {"ordered_by": "similarity"}
    if outlook is None:
        return record
    names = {"best": "probability_best", "close": "probability_within_a_point"}
    table = outlook.table.rename(columns=names).round(4)
    for source in record["sources"]:
        source |= table.loc[source["language"]].to_dict()
    record["ordered_by"] = by or "expectation"
    return record | outlook.to_dict() | {"advice": advice(ranking, outlook)}


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
    layers: CompareIn = "all",
    text: Annotated[Path | None, typer.Option(help="Folder with one CODE.txt per language.")] = None,
    corpus: Annotated[str | None, typer.Option(help="Text from the Hub instead, see `xsns corpora`.")] = None,
    model: Model = "embedded",
    examples: Annotated[int, typer.Option(help="Sentences of each language that run through the model.")] = 256,
    layer: Annotated[int, typer.Option(help="Whose hidden states are compared; -1 is the last.")] = -1,
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
    learnt = gold_of(learn_from, repository) if learn_from else _restricted(known, None, sources, task)
    inputs = Inputs(masks, recipe, sentences, model, examples, layer, range(seeds), learnt, layers)
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
        known = (corpus in SOURCES and SOURCES[corpus].configs) or languages
        return hub_corpus(corpus, [code for code in languages if code in known])
    return local_corpus(text, None) if text else None
