"""What `xsns evaluate` prints: a table, and a count of what isn't in it."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from xsns_hf.errors import some
from xsns_hf.languages.codes import name_and_code

if TYPE_CHECKING:  # takes seconds to import
    import pandas as pd

    from xsns_hf.evaluation.evaluate import Evaluation
    from xsns_hf.gold import Gold


def print_evaluation(evaluation: "Evaluation", gold: "Gold", to: Console, *, per_target: bool = False) -> None:
    """Print the metrics of each predictor in percent, and what couldn't be evaluated."""
    title = f"{gold.name}: {len(evaluation.candidates)} targets, {len(gold.sources)} sources"
    table = Table(title=title, caption="in percent; regret in the unit of the scores")
    table.add_column("predictor")
    if per_target:
        table.add_column("target")
    for column in evaluation.table.columns:
        table.add_column(str(column), justify="right")
    for predictor, row in evaluation.table.iterrows():
        table.add_row(str(predictor), *(["mean"] if per_target else []), *_percentages(row))
        if per_target:
            for target, own in evaluation.per_target.loc[predictor].iterrows():
                table.add_row("", str(target), *_percentages(own), style="dim")
    to.print(table)
    print_unknown(gold, to)
    _print_left_out(evaluation, to)


def _print_left_out(evaluation: "Evaluation", to: Console) -> None:
    """Count what couldn't be evaluated."""
    skipped = [name_and_code(target) for target in evaluation.skipped]
    if len(skipped) == 1:
        to.print(f"{skipped[0]} isn't evaluated: {next(iter(evaluation.skipped.values()))}.", soft_wrap=True)
    elif skipped:
        to.print(
            f"{len(skipped)} targets aren't evaluated, for want of two sources that all predictors know: "
            f"{some(skipped)}.",
            soft_wrap=True,
        )
    partly = {target: sources for target, sources in evaluation.left_out.items() if target not in evaluation.skipped}
    if partly:
        those = f"{name_and_code(next(iter(partly)))} is" if len(partly) == 1 else f"{len(partly)} targets are"
        lacked = sorted(set().union(*partly.values()))
        number = f"{len(lacked)} sources ({some(lacked)})" if len(lacked) > 3 else ", ".join(lacked)
        to.print(f"{those} evaluated without {number}, which some predictor lacks.", soft_wrap=True)


def print_unknown(gold: "Gold", to: Console) -> None:
    """Count the labels that stand for no language."""
    labels = [label[:20] for label in gold.unknown]
    if len(labels) == 1:
        to.print(f"{labels[0]} is no language that we know: its rows are left out.", soft_wrap=True)
    elif labels:
        to.print(
            f"{len(labels)} languages of the scores are no languages that we know ({some(labels)}): their rows are "
            "left out.",
            soft_wrap=True,
            markup=False,
        )


def _percentages(row: "pd.Series") -> list[str]:
    return [
        "–" if value != value else f"{value:.2f}" if metric == "regret" else f"{100 * value:.1f}"
        for metric, value in row.items()
    ]
