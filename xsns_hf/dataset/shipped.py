"""Gold scores that ship with the package: other people's tables, and the embedded checkpoint's own.

Another table is another CSV and another entry of `assets/gold/tables.toml`.
"""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from xsns_hf.gold import Gold, read_gold

_FOLDER = Path(__file__).parents[1] / "assets" / "gold"


@dataclass(frozen=True)
class ShippedTable:
    """Transfer scores of one task and model.

    Attributes:
        name: of its file.
        task: a name.
        metric: by which the scores are, in percent.
        model: which was fine-tuned.
        origin: whom to cite.
        licence: of the scores; "" where none is stated: they are quoted as published results.
        checkpoint: the masks' checkpoint that the scores are of, as recipes have it; "" for one of the Hub.
    """

    name: str
    task: str
    metric: str
    model: str
    origin: str
    licence: str
    checkpoint: str = ""

    @property
    def path(self) -> Path:
        """Its file: source, target, score and perhaps more."""
        return _FOLDER / f"{self.name}.csv"


@cache
def shipped_tables() -> dict[str, ShippedTable]:
    """Return the tables by name, in the order in which they are preferred."""
    entries = tomllib.loads((_FOLDER / "tables.toml").read_text("utf-8"))
    return {name: ShippedTable(name, **entry) for name, entry in entries.items()}


def shipped_table(wanted: str, checkpoint: str = "") -> ShippedTable | None:
    """Return the table of a name, or that of a task which suits masks best; None if there is none.

    Args:
        wanted: name of a table or a task.
        checkpoint: of the masks, as recipes have it: a table of its own scores comes before others.
    """
    if wanted in shipped_tables():
        return shipped_tables()[wanted]
    of_task = [table for table in shipped_tables().values() if table.task == wanted]
    own = [table for table in of_task if table.checkpoint and table.checkpoint == checkpoint]
    return next(iter([*own, *of_task]), None)


def shipped_gold(table: ShippedTable) -> Gold:
    """Read a table."""
    gold = read_gold(table.path)
    return replace(gold, name=f"{table.task} ({table.metric}, {table.model})", metric=table.metric, origin=table.origin)
