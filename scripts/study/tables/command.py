"""The command line, and which parts there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from study.markdown import write
from study.reproduction import TASKS, Study
from study.tables.density import figure3
from study.tables.low_resource import low_resource
from study.tables.predictors import all_languages, table1, table2
from study.tables.regressions import table3
from study.tables.same_checkpoint import same_checkpoint
from xsns_hf.recipe import EMBEDDED


@dataclass(frozen=True)
class Part:
    """A table or a figure.

    Attributes:
        lines: returns it as Markdown, for some tasks.
        tasks: that it can be made for.
        needs_data: whether there is nothing to make it from without --data.
        embedded_only: whether there are gold scores for the embedded checkpoint only.
    """

    lines: Callable[[Study, Sequence[str]], list[str]]
    tasks: Sequence[str] = tuple(TASKS)
    needs_data: bool = False
    embedded_only: bool = False


PARTS = {
    "table1": Part(table1),
    "table2": Part(table2),
    "table3": Part(table3, needs_data=True),  # of the languages that X-POS knows
    "same-checkpoint": Part(same_checkpoint, ("pos",), embedded_only=True),
    "figure3": Part(figure3),
    "low-resource": Part(low_resource, ("ner",)),
    "all-languages": Part(all_languages, ("pos",)),
}


def main(
    data: Annotated[
        Path | None, typer.Option(help="Text, labels and gold scores. Default: the Hub's and ours.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Masks and results.")] = Path("results/tables"),
    tasks: str = ",".join(TASKS),
    parts: str = ",".join(PARTS),
    seeds: Annotated[int, typer.Option(help="Of the masks of the task's own text.")] = 3,
    model: Annotated[str, typer.Option(help="A masked language model, as `xsns extract` takes it.")] = EMBEDDED,
) -> None:
    """Make the masks that are missing, then each table."""
    if unknown := [name for name in parts.split(",") if name not in PARTS]:
        raise typer.BadParameter(f"There is no {', '.join(unknown)}: choose from {', '.join(PARTS)}.")
    write_parts(Study(data, out, seeds, model), tasks.split(","), parts.split(","))


def write_parts(study: Study, tasks: Sequence[str], names: Sequence[str]) -> None:
    """Write and print some parts for some tasks; say what is left out."""
    with_gold = [task for task in tasks if task == "pos" or study.data]
    for name in names:
        part = PARTS[name]
        for_part = [task for task in with_gold if task in part.tasks]
        if not for_part or (part.needs_data and not study.data):
            print(f"{name} is left out: it is for none of these tasks, or for none without --data.\n")
        elif part.embedded_only and study.model != EMBEDDED:
            print(f"{name} is left out: the scores at hand are the embedded checkpoint's.\n")
        else:
            write(part.lines(study, for_part), study.out / f"{name}.md")
            print(flush=True)
