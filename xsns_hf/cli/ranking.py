"""Commands that rank, and say how good rankings are: rank, predictors, evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from xsns_hf.cli.options import (
    AsCsv,
    AsJson,
    AsLatex,
    CompareIn,
    GoldScores,
    MasksOrReady,
    Model,
    RecipeName,
    app,
    check_one_format,
    codes_of,
    console,
    local_corpus,
    open_masks,
    print_json,
)
from xsns_hf.cli.starting import say
from xsns_hf.dataset.stores.ready import READY
from xsns_hf.errors import XsnsError
from xsns_hf.tasks import TaskName

if TYPE_CHECKING:
    import pandas as pd

    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.gold import Gold
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
    masks: MasksOrReady = READY,
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
    as_csv: AsCsv = False,
    as_latex: AsLatex = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.pdf|png|svg", help="Also draw similarities and the scores to expect.")
    ] = None,
) -> None:
    """Rank source languages for a target: by what is expected of them, or by the similarity of sub-networks.

    Examples:
        # from the similarities that ship, without masks of your own
        xsns rank Swahili --task ner
        # the most similar sub-network first
        xsns rank fin --masks masks --candidates deu,rus,swe
        # by what NER scores on other targets let expect, and a picture of it
        xsns rank Finnish --masks masks --task ner --top 3 --plot sources.pdf
        # the paper's candidates and order
        xsns rank fin --masks masks --task ner --candidates pool --by similarity
        # from scores of your own, of any source and target, as for evaluate
        xsns rank Finnish --masks masks --predict-score scores.csv
    """
    if masks != READY:
        say(f"Reading {masks} …")
    from xsns_hf.cli.reports import print_choice, print_suggestions
    from xsns_hf.expectation.learning import WORDS
    from xsns_hf.plotting import check_picture
    from xsns_hf.ranking.suggestions import candidates_of, suggest

    check_one_format(as_json=as_json, as_csv=as_csv, as_latex=as_latex)
    if plot:
        check_picture(plot)
    wanted = candidates_of(candidates, task)  # a mistake is told before masks are fetched
    repository = open_masks(masks)
    suggestions = suggest(
        target,
        repository,
        candidates=wanted,
        task=task,
        top=top,
        by=by,
        recipe=recipe,
        layers=layers,
        predict_score=predict_score,
        metric=metric,
        further={WORDS: _shared_words(text, repository)} if text else None,
    )
    if as_json:
        print_json(suggestions.to_dict())
    elif as_csv:
        print(suggestions.to_frame().to_csv(index=False), end="")
    elif as_latex:
        print(suggestions.to_latex(), end="")
    else:
        print_suggestions(suggestions, console)
        if recipe is None:
            print_choice(repository, suggestions.recipe, console)
    if plot:
        suggestions.plot().save(plot)


def _shared_words(text: Path, masks: "MaskRepository") -> "pd.DataFrame":
    """Return how much of their sub-words the languages with masks share, by the tokenizer of the masks' checkpoint."""
    from xsns_hf.predictors import Inputs, make_predictors

    model, languages = masks.masks().recipe.checkpoint, sorted(set(masks.index()["language"]))
    (lexical,) = make_predictors(["lexical"], Inputs(text=local_corpus(text, None), model=model))
    return lexical.scores(languages, languages)


@app.command()
def predictors(as_json: AsJson = False) -> None:
    """List the predictors of transfer that `xsns evaluate` compares, and what each needs.

    Examples:
        xsns predictors
    """
    from xsns_hf.predictors import known_predictors

    rows: list[dict[str, Any]] = [
        {"predictor": name, "needs": list(kind.needs), "by target": kind.targeted, "about": kind.about}
        for name, kind in known_predictors().items()
    ]
    if as_json:
        print_json(rows)
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
    masks: MasksOrReady = READY,
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
    as_csv: AsCsv = False,
    as_latex: AsLatex = False,
) -> None:
    """Hold predictors against gold transfer scores: the paper's Table 2 for your own.

    Examples:
        xsns evaluate --gold scores.csv --masks masks
        # scores that ship with xsns, a table for a paper
        xsns evaluate --gold ner --masks masks --predictors xsns,english --latex
        xsns evaluate --gold scores.csv --masks masks --text my-text \\
            --predictors xsns,lang2vec,lexical,ensemble
    """
    say(f"Reading {masks} …")
    from xsns_hf.cli.evaluation_report import print_evaluation
    from xsns_hf.cli.reports import print_choice
    from xsns_hf.evaluation.asked import asked_for
    from xsns_hf.evaluation.evaluate import evaluate as compare
    from xsns_hf.predictors import Inputs, make_predictors
    from xsns_hf.ranking.wording import shipped

    check_one_format(as_json=as_json, as_csv=as_csv, as_latex=as_latex)
    if seeds < 1 or examples < 1:
        raise XsnsError(f"--seeds {seeds} --examples {examples} samples no text: use at least 1 of each.")
    repository = open_masks(masks)
    asked = asked_for(
        gold,
        repository,
        metric=metric,
        learn_from=learn_from,
        targets=codes_of(targets),
        sources=codes_of(sources),
        task=task,
    )
    scores, sentences = asked.scores, _text_of(asked.scores, text, corpus)
    chosen = repository.masks(recipe, having=[{*scores.targets, *scores.sources}])
    inputs = Inputs(repository, chosen.name, sentences, model, examples, layer, range(seeds), asked.learnt, layers)
    evaluation = compare(scores, make_predictors([name.strip() for name in predictors.split(",")], inputs), k=[k])
    if as_json:
        print_json(evaluation.to_dict(per_target=per_target))
    elif as_csv:
        print((evaluation.per_target if per_target else evaluation.table).to_csv(), end="")
    elif as_latex:
        print(evaluation.to_latex(), end="")
    else:
        print_evaluation(evaluation, scores, console, per_target=per_target)
        if note := shipped(chosen):
            console.print(note, soft_wrap=True)
        if recipe is None:
            print_choice(repository, chosen.name, console)


def _text_of(scores: "Gold", text: Path | None, corpus: str | None) -> "Corpus | None":
    """Open the text that predictors may need; of the Hub's, those languages of the scores that it has."""
    from xsns_hf.text.catalogue import SOURCES
    from xsns_hf.text.hub import hub_corpus

    if text and corpus:
        raise XsnsError("--text and --corpus both say where the text is: give one of them.")
    if corpus:
        languages = sorted({*scores.targets, *scores.sources})
        known = SOURCES[corpus].configs if corpus in SOURCES else languages
        return hub_corpus(corpus, [code for code in languages if code in known])
    return local_corpus(text, None) if text else None
