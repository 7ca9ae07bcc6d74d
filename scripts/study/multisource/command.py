"""The command line: choose sources, train the mixes that are missing, compare."""

from pathlib import Path
from typing import Annotated

import typer

from study.multisource.choosing import choose, mixes_of, predictions_of
from study.multisource.experiment import Experiment, not_scored, plan, train
from study.multisource.report import write_report
from xsns_hf import identify
from xsns_hf.predictors import Inputs, make_predictors
from xsns_hf.text.folder import text_folder
from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.models import find_task_model
from xsns_hf.transfer.results import is_mix

TARGETS = "fin,cmn,hin,kor,rus,tur,ind,fra"
"""Eight of the paper's POS languages, of six families; the three Indo-European ones are of different branches."""


def main(
    gold: Annotated[Path, typer.Option(help="Folder of `xsns transfer` with the single sources; mixes are added.")],
    data: Annotated[Path | None, typer.Option(help="As for `xsns transfer`. Default: the task's, on the Hub.")] = None,
    masks: Annotated[str | None, typer.Option(help="Mask dataset, for xsns and ensemble.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Which of its masks, where it has several recipes.")] = None,
    text: Annotated[Path | None, typer.Option(help="Folder of text, for lexical, embedding and ensemble.")] = None,
    task: Annotated[str, typer.Option(help="As for `xsns transfer`.")] = "pos",
    targets: Annotated[str, typer.Option(help="Codes or names, with commas.")] = TARGETS,
    predictors: Annotated[str, typer.Option(help="Names, with commas.")] = "xsns,lang2vec,lexical,ensemble",
    seeds: Annotated[int, typer.Option(help="Models a mix; of the single sources, the same seeds count.")] = 1,
    model: Annotated[str | None, typer.Option(help="What GOLD is of, if that is a folder.")] = None,
    out: Annotated[Path, typer.Option(help="For the tables and the figure.")] = Path("results/multisource"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Train nothing; say what would be trained.")] = False,
) -> None:
    """Choose sources, train the mixes that are missing, compare."""
    experiment = Experiment.of(gold, task, seeds)
    model = model or experiment.model
    corpus = text_folder(text) if text else None
    inputs = Inputs(masks=masks, recipe=recipe, text=corpus, model=model)
    wanted = list(dict.fromkeys(identify(target) for target in targets.split(",")))
    scores = experiment.matrix()
    truth = scores[[source for source in scores if not is_mix(source)]]
    chosen = choose(truth, predictions_of(make_predictors(predictors.split(","), inputs), truth, wanted), wanted)
    if unscored := [source for source in experiment.task.languages if source not in truth]:
        chosen.notes.append(f"There are no scores with {', '.join(unscored)} yet: BEST may change.")
    missing = not_scored(mixes_of(chosen.choices), scores)
    if dry_run:
        print("\n".join([*chosen.notes, *plan(mixes_of(chosen.choices), missing, seeds)]))
        return
    if missing:
        chosen.notes.extend(train(missing, experiment, TaskData(experiment.task, data), find_task_model(model)))
    write_report(experiment, chosen, out)
