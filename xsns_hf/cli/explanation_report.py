"""What `xsns explain` prints: tables and sentences for people."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from xsns_hf.cli.trees import drawn
from xsns_hf.explanation.cover import Cover, Covering
from xsns_hf.explanation.overlap import Pair
from xsns_hf.explanation.overview import Overview
from xsns_hf.languages.codes import name, name_and_code, script_name

TREE_WIDTH = 26
"""Characters of a tree beside names and families: all of it in a terminal of 80."""


def print_pair(pair: Pair, to: Console) -> None:
    """Print where two languages share their sub-network: by layer, by module and in all, beside chance."""
    table = Table(title=f"{name_and_code(pair.one)} and {name_and_code(pair.other)}", caption=pair.recipe)
    table.add_column("part", no_wrap=True)
    for column in (f"in {pair.one}", f"in {pair.other}", "Jaccard", "by chance", "× chance"):
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
    own = ", ".join(f"{value:.3f} for {name(code)}" for code, value in pair.own.items() if value == value)
    if own:
        to.print(f"For comparison, the Jaccard of a language's own samples of text: {own}.", soft_wrap=True)


def print_cover(cover: Cover, to: Console) -> None:
    """Print which three languages cover most of a target's sub-network, beside the three most similar ones."""
    target = name(cover.target)
    table = Table(title=f"What covers the sub-network of {name_and_code(cover.target)}", caption=cover.recipe)
    for column in ("cover most", "together", "most similar", "together"):
        table.add_column(column, justify="right" if column == "together" else "left")
    for best, similar in zip(_steps(cover.best), _steps(cover.similar), strict=True):
        table.add_row(*best, *similar)
    to.print(table)
    to.print(
        f"{_listed(cover.best)} together cover {_share(cover.best)} of {target}'s sub-network. {_beside_similar(cover)}"
        f" {_how_searched(cover)} Mean over {_number(len(cover.seeds), 'seed')}.",
        soft_wrap=True,
    )
    to.print("This explains the masks: that sources which cover more transfer better isn't shown.", soft_wrap=True)


def _steps(covering: Covering) -> list[tuple[str, str]]:
    """Return for each language its name, with a + before what is added, and what is covered so far."""
    signs = ["", *["+ "] * (len(covering.languages) - 1)]
    return [
        (f"{sign}{name_and_code(code)}", _percent(share))
        for sign, code, share in zip(signs, covering.languages, covering.covered, strict=True)
    ]


def _listed(covering: Covering) -> str:
    *others, last = map(name, covering.languages)
    return f"{', '.join(others)} and {last}"


def _share(covering: Covering) -> str:
    spread = "" if covering.std is None else f" (± {100 * covering.std:.1f})"
    return f"{_percent(covering.covered[-1])}{spread}"


def _beside_similar(cover: Cover) -> str:
    if set(cover.best.languages) == set(cover.similar.languages):
        return "They are also the three most similar ones."
    return f"The three most similar ones, {_listed(cover.similar)}, cover {_share(cover.similar)}."


def _how_searched(cover: Cover) -> str:
    if cover.exact:
        return f"All triples of {cover.candidates} languages were compared."
    return (
        f"Of {cover.candidates} languages, the best to add was taken each time; other triples may cover a little more."
    )


def print_overview(overview: Overview, to: Console, top: int = 0) -> None:
    """Print what the masks of many languages share, how they cluster and, if asked for, the neurons of scripts.

    Args:
        overview: of their masks.
        to: where to print.
        top: how many neurons to list.
    """
    to.print(_core_table(overview))
    to.print(_core_sentence(overview), soft_wrap=True)
    to.print(_tree_table(overview))
    to.print(_agreement_sentence(overview), soft_wrap=True)
    if overview.neurons is not None:
        _print_neurons(overview, overview.neurons, to, top)


def _core_table(overview: Overview) -> Table:
    table = Table(title=f"What {len(overview.order)} languages share", caption=overview.recipe)
    table.add_column("part", no_wrap=True)
    for column in ("in a mask", "in some mask", "core, of a mask", "by chance"):
        table.add_column(column, justify="right")
    for row in overview.core(["stack", "layer"]).to_dict("records"):
        table.add_row(_layer(row), *_core_cells(row))
    table.add_section()
    for row in overview.core(["module"]).to_dict("records"):
        table.add_row(row["module"], *_core_cells(row))
    table.add_section()
    table.add_row("all", *_core_cells(overview.core().to_dict("records")[0]))
    return table


def _core_cells(row: Mapping[str, Any]) -> list[str]:
    return [_percent(row[column]) for column in ("density", "reached", "core", "core_by_chance")]


def _core_sentence(overview: Overview) -> str:
    core, private = overview.core().to_dict("records")[0], overview.languages().sort_values("private")
    least, most = private.iloc[0], private.iloc[-1]
    return (
        f"{_percent(core['core'])} of a mask is the core: in the masks of all {len(private)} languages "
        f"({_percent(core['core_by_chance'])} if masks that select as much of each tensor were independent). "
        f"What no other language selects is {_percent(least['private'])} of the mask of {least['name']} to "
        f"{_percent(most['private'])} of that of {most['name']}. Mean over {_number(len(overview.seeds), 'seed')}."
    )


def _tree_table(overview: Overview) -> Table:
    table = Table(title="Languages by sub-network", caption=f"{overview.recipe}; 1 − Jaccard, average linkage")
    table.add_column("language", no_wrap=True)
    if overview.groups:
        table.add_column("relatives", no_wrap=True)
    table.add_column("private", justify="right", no_wrap=True)
    table.add_column("tree", no_wrap=True)
    numbers = {code: number for number, code in enumerate(overview.similarity.index)}
    lines = drawn(overview.tree, [numbers[code] for code in overview.order], width=TREE_WIDTH)
    for row, line in zip(overview.languages().to_dict("records"), lines, strict=True):
        table.add_row(
            row["name"],
            *([overview.groups.get(row["language"], "–")] if overview.groups else []),
            _percent(row["private"]),
            line,
        )
    return table


def _agreement_sentence(overview: Overview) -> str:
    agreement = overview.agreement
    sentences = [f"The tree keeps the similarities to {agreement.faithful:.2f} (cophenetic correlation)."]
    if agreement.rand == agreement.rand:
        sentences.append(
            f"Cut into {agreement.groups} clusters, it agrees with the {agreement.groups} groups of relatives by an "
            f"adjusted Rand index of {agreement.rand:.2f} (1: the same, 0: chance)."
        )
    if agreement.correlation == agreement.correlation:
        sentences.append(
            f"Distances in it and in descent correlate by {agreement.correlation:.2f} "
            f"(Mantel's test, p = {agreement.p:.3f})."
        )
    return " ".join(sentences)


def _print_neurons(overview: Overview, neurons: pd.DataFrame, to: Console, top: int) -> None:
    table = Table(title="Neurons that one script owns", caption=overview.recipe)
    table.add_column("part", no_wrap=True)
    table.add_column("matrix", overflow="fold")
    for column in ("neuron", "script", "inside ≥", "outside ≤"):
        table.add_column(column, justify="left" if column == "script" else "right", no_wrap=True)
    for row in neurons.head(top).to_dict("records"):
        matrix = row["tensor"].removesuffix(".weight").rpartition(f".{row['layer']}.")[2]
        shares = (_percent(row[column]) for column in ("inside", "outside"))
        table.add_row(_layer(row), matrix, str(row["neuron"]), script_name(row["script"]), *shares)
    to.print(table)
    for script, chance in overview.neurons_by_chance.items():
        own = int((neurons["script"] == script).sum())
        to.print(
            f"{script_name(script)} owns {_number(own, 'neuron')}: each of its languages selects more of them than any "
            f"other language does. Scripts dealt out at random would give it {chance:.1f}.",
            soft_wrap=True,
        )


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _percent(value: float) -> str:
    return "–" if value != value else f"{100 * value:.1f} %"


def _layer(row: Mapping[str, Any]) -> str:
    if pd.isna(row["layer"]):
        return f"{row['stack']} outside layers".strip()
    return f"{row['stack']} layer {row['layer']}".strip()


def _cells(row: Mapping[str, Any]) -> list[str]:
    shares = [_percent(row[column]) for column in ("density_one", "density_other")]
    values = [_fixed(row["jaccard"], 3), _fixed(row["by_chance"], 3), _fixed(row["ratio"], 1)]
    return shares + values


def _fixed(value: float, digits: int) -> str:
    return "–" if value != value else f"{value:.{digits}f}"
