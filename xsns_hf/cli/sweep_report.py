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
_OVER_SEEDS = {SPREAD: "± seeds", "spearman_seeds": "ranks agree", "same_first": "same first"}


def answer(sweep: Sweep, gold: str, figures: Sequence[str]) -> dict[str, Any]:
    """Return everything as plain records; None stands for what is undefined."""
    return {
        "gold": gold,
        "targets": len(sweep.candidates),
        "pairs": sweep.pairs,
        "recipes": _records(sweep.recipes),
        "stability": _records(sweep.stability),
        "checkpoints": _records(sweep.checkpoints),
        "lacking": sweep.lacking,
        "without_text": sweep.without_text,
        "figures": list(figures),
    }


def print_sweep(sweep: Sweep, gold: str, to: Console) -> None:
    """Print a line per recipe with what it differs in from the others, and per checkpoint if they are compared."""
    rows = sweep.recipes.merge(
        sweep.stability.drop(columns=["seeds", SPREAD]), "left", ["repository", "recipe"], suffixes=("", "_seeds")
    )
    repositories = list(rows["repository"].unique())
    rows = rows.assign(repository=rows["repository"].map(lambda name: str(repositories.index(name) + 1)))
    differing = varied(rows, FIELDS)
    differing += ["repository"] if rows.duplicated(FIELDS).any() else []
    alike = [
        shown(field, rows[field].iloc[0])
        for field in ("checkpoint", "corpus", "examples", "density")
        if field not in differing
    ]
    # Not as a title and a caption, which would be no wider than the table.
    to.print(f"{gold}: {len(sweep.candidates)} targets, {sweep.pairs} pairs of languages", soft_wrap=True)
    to.print(_recipes(rows, differing))
    to.print(f"{', '.join([*alike, 'in percent'])}; regret in the unit of the scores", soft_wrap=True)
    if "repository" in differing:
        numbered = ", ".join(f"{number} {name}" for number, name in enumerate(repositories, 1))
        to.print(f"in: {numbered}", soft_wrap=True)
    if _several_seeds(rows):
        to.print(
            f"Over seeds NDCG@3 has a standard deviation of {100 * rows[SPREAD].mean():.1f} points, on average over "
            "recipes: differences of about that size say nothing.",
            soft_wrap=True,
        )
    if len(sweep.checkpoints):
        to.print(_checkpoints(sweep.checkpoints))
    if sweep.lacking:
        to.print(f"Left out, since only some recipes have masks of them: {', '.join(sweep.lacking)}.", soft_wrap=True)
    if sweep.without_text:
        to.print(f"Left out, since there is no text of them: {', '.join(sweep.without_text)}.", soft_wrap=True)


def _recipes(rows: pd.DataFrame, differing: Sequence[str]) -> Table:
    """Return a line for each recipe, the best in bold: the fields that differ, and the metrics."""
    narrow = (0, 1, 0, 0)  # so that ten columns fit into 80 characters
    table = Table(box=box.SIMPLE_HEAD, padding=narrow)
    for field in differing:
        table.add_column(_TITLES.get(field, field), justify="right" if field in {"examples", "density"} else "left")
    sentences = ["sentences"] if (rows["sentences"] < rows["examples"]).any() else []
    for column in (*sentences, *METRICS):
        table.add_column(column, justify="right", min_width=len(column))
    over_seeds = _OVER_SEEDS if _several_seeds(rows) else {}
    for title in over_seeds.values():
        table.add_column(title, justify="right")
    best, previous = rows["ndcg@3"].idxmax(), None
    for number, row in rows.iterrows():
        if previous is not None and len(differing) > 1 and row[differing[0]] != previous:
            table.add_section()
        previous = row[differing[0]]
        cells = [_cell(field, row[field]) for field in differing]
        cells += [f"{row[column]:.0f}" for column in sentences]
        cells += [_number(column, row[column]) for column in (*METRICS, *over_seeds)]
        table.add_row(*cells, style="bold" if number == best else "")
    return table


def _several_seeds(rows: pd.DataFrame) -> bool:
    return bool((rows["seeds"] > 1).any())


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
