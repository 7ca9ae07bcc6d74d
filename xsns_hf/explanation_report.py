"""What `xsns explain` prints: tables and sentences for people."""

from collections.abc import Mapping

import pandas as pd
from rich.console import Console
from rich.table import Table

from xsns_hf.explanation import Pair
from xsns_hf.languages import name
from xsns_hf.reports import name_and_code


def print_pair(pair: Pair, to: Console) -> None:
    """Print where two languages share their sub-network: by layer, by module and in all, beside chance."""
    table = Table(title=f"{name_and_code(pair.one)} and {name_and_code(pair.other)}", caption=pair.recipe)
    table.add_column("part")
    for column in (f"share in {pair.one}", f"share in {pair.other}", "Jaccard", "by chance", "× chance"):
        table.add_column(column, justify="right")
    for row in pair.by(["stack", "layer"]).to_dict("records"):
        table.add_row(_layer(row), *_cells(row))
    table.add_section()
    for row in pair.by("module").to_dict("records"):
        table.add_row(row["module"], *_cells(row))
    table.add_section()
    total = pair.by([]).to_dict("records")[0]
    table.add_row("all", *_cells(total))
    to.print(table)
    to.print(
        f"{name(pair.one)} and {name(pair.other)} share {total['ratio']:.1f} times as many parameters as independent "
        f"masks of their size would.",
        soft_wrap=True,
    )
    own = [f"{value:.3f} for {name(code)}" for code, value in pair.own.items() if value == value]
    if own:
        to.print(f"For comparison, the Jaccard of a language's own samples of text: {', '.join(own)}.", soft_wrap=True)


def _layer(row: Mapping) -> str:
    if pd.isna(row["layer"]):
        return f"{row['stack']} outside layers".strip()
    return f"{row['stack']} layer {row['layer']}".strip()


def _cells(row: Mapping) -> list[str]:
    shares = [f"{100 * row[column]:.1f} %" for column in ("density_one", "density_other")]
    values = [_fixed(row["jaccard"], 3), _fixed(row["by_chance"], 3), _fixed(row["ratio"], 1)]
    return shares + values


def _fixed(value: float, digits: int) -> str:
    return "–" if value != value else f"{value:.{digits}f}"
