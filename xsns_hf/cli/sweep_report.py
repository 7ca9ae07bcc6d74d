"""What `xsns sweep` prints: its tables and sentences for people."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from xsns_hf.evaluation.sweep import FIELDS, SPREAD, Sweep
from xsns_hf.evaluation.sweep_plots import shown, varied

METRICS = ("pearson", "spearman", "top_1", "ndcg@3", "regret")
_TITLES = {"repository": "in", "examples": "|D|", "density": "p", "max_length": "tokens", "agreement": "auto"}


def answer(found: Sweep, gold: str, figures: Sequence[str]) -> dict[str, Any]:
    """Return everything as plain records; None stands for what is undefined."""
    return {
        "gold": gold,
        "targets": len(found.candidates),
        "pairs": found.pairs,
        "recipes": _records(found.recipes),
        "stability": _records(found.stability),
        "checkpoints": _records(found.checkpoints),
        "lacking": found.lacking,
        "without_text": found.without_text,
        "figures": list(figures),
    }


def print_sweep(found: Sweep, gold: str, to: Console) -> None:
    """Print a line per recipe with what it differs in from the others, and per checkpoint if they are compared."""
    rows = found.recipes.merge(
        found.stability.drop(columns=["seeds", SPREAD]), "left", ["repository", "recipe"], suffixes=("", "_seeds")
    )
    where = list(rows["repository"].unique())
    rows = rows.assign(repository=rows["repository"].map(lambda each: str(where.index(each) + 1)))
    differ = varied(rows, FIELDS)
    differ += ["repository"] if rows.duplicated(FIELDS).any() else []
    same = [
        shown(each, rows[each].iloc[0])
        for each in ("checkpoint", "corpus", "examples", "density")
        if each not in differ
    ]
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # so that ten columns fit into 80 characters
    )
    for each in differ:
        table.add_column(_TITLES.get(each, each), justify="right" if each in {"examples", "density"} else "left")
    short = bool((rows["sentences"] < rows["examples"]).any())
    for column in [*["sentences"] * short, *METRICS]:
        table.add_column(column, justify="right", min_width=len(column))
    several = bool((rows["seeds"] > 1).any())
    for column in ("± seeds", "ranks agree", "same first") if several else ():
        table.add_column(column, justify="right")
    best = rows["ndcg@3"].idxmax()
    for number, row in rows.iterrows():
        if len(differ) > 1 and number and row[differ[0]] != rows.loc[int(number) - 1, differ[0]]:
            table.add_section()
        cells = [_cell(each, row[each]) for each in differ]
        cells += [f"{row['sentences']:.0f}"] * short
        cells += [_number(metric, row[metric]) for metric in METRICS]
        cells += [_number(each, row[each]) for each in (SPREAD, "spearman_seeds", "same_first")] if several else []
        table.add_row(*cells, style="bold" if number == best else "")
    # Not as a title and a caption, which would be no wider than the table.
    to.print(f"{gold}: {len(found.candidates)} targets, {found.pairs} pairs of languages", soft_wrap=True, markup=False)
    to.print(table)
    to.print(f"{', '.join([*same, 'in percent'])}; regret in the unit of the scores", soft_wrap=True, markup=False)
    if "repository" in differ:
        named = ", ".join(f"{number} {each}" for number, each in enumerate(where, 1))
        to.print(f"in: {named}", soft_wrap=True, markup=False)
    if several:
        to.print(
            f"Over seeds NDCG@3 has a standard deviation of {100 * rows[SPREAD].mean():.1f} points, on average over "
            "recipes: differences of about that size say nothing.",
            soft_wrap=True,
        )
    if len(found.checkpoints):
        to.print(_checkpoints(found.checkpoints))
    if found.lacking:
        to.print(f"Left out, since only some recipes have masks of them: {', '.join(found.lacking)}.", soft_wrap=True)
    if found.without_text:
        to.print(f"Left out, since there is no text of them: {', '.join(found.without_text)}.", soft_wrap=True)


def _checkpoints(rows: pd.DataFrame) -> Table:
    table = Table(title="Checkpoints (Table 4)", box=box.SIMPLE_HEAD)
    for column in ("checkpoint", "|D|", "p", "predictor", *METRICS):
        table.add_column(column, justify="left" if column in {"checkpoint", "predictor"} else "right")
    for row in rows.to_dict("records"):
        about = [row["checkpoint"], str(row["examples"]), f"{row['density']:g}", row["predictor"]]
        table.add_row(*about, *(_number(metric, row[metric]) for metric in METRICS))
    return table


def _cell(field: str, value: object) -> str:
    return f"{value:g}" if isinstance(value, float | int) and not pd.isna(value) else shown(field, value)


def _number(metric: str, value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}" if metric == "regret" else f"{100 * value:.1f}"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")
