"""The command line: which scores and masks are of which task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from study.markdown import write
from study.suggestions import LOW_RESOURCE
from study.transfer.differences import figure5
from study.transfer.measured import read
from study.transfer.sources import figure1, figure7
from xsns_hf import XsnsError, identify


def main(
    gold: Annotated[list[str], typer.Option(help="task=PATH or task=PATH:metric; a folder or a CSV.")],
    masks: Annotated[list[str] | None, typer.Option(help="task=MASKS, a mask dataset.")] = None,
    recipe: Annotated[list[str] | None, typer.Option(help="task=NAME, of masks with several recipes.")] = None,
    out: Annotated[Path, typer.Option(help="For the figures and tables.")] = Path("results/transfer"),
    low_resource: Annotated[str, typer.Option(help="Codes or names, with commas.")] = ",".join(LOW_RESOURCE),
) -> None:
    """Draw what there are data for."""
    paths, datasets, recipes = by_task(gold, "--gold"), by_task(masks, "--masks"), by_task(recipe, "--recipe")
    for option, given in {"--masks": datasets, "--recipe": recipes}.items():
        if strange := sorted(set(given) - set(paths)):
            raise XsnsError(f"{option} {strange[0]}=… is for a task without scores: give --gold {strange[0]}=….")
    measured = [read(task, path, datasets.get(task), recipes.get(task)) for task, path in paths.items()]
    out.mkdir(parents=True, exist_ok=True)
    wanted = [identify(language) for language in low_resource.split(",")]
    lines = [*figure1(measured, out), "", *figure5(measured, out), "", *figure7(measured, wanted, out)]
    write(lines, out / "transfer.md")


def by_task(options: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return the values of an option that is given once a task.

    Raises:
        XsnsError: one isn't task=VALUE, or a task is given twice.
    """
    values: dict[str, str] = {}
    for text in options or ():
        task, equals, value = text.partition("=")
        if not (task and equals and value):
            raise XsnsError(f"{option} {text} isn't task=VALUE: give such as {option} pos={text}.")
        if task in values:
            raise XsnsError(f"{option} is given twice for {task}: give one, or call the other task by another name.")
        values[task] = value
    return values
