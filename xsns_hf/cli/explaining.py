"""Command that looks inside the masks: explain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsns_hf.cli.options import AsJson, Masks, app, codes_of, console
from xsns_hf.errors import XsnsError

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository


@app.command()
def explain(
    masks: Masks,
    one: Annotated[str | None, typer.Argument(help="A language; without any, all are looked at.")] = None,
    other: Annotated[str | None, typer.Argument(help="The language to compare it with.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Which masks, where the dataset has several recipes.")] = None,
    languages: Annotated[
        str | None, typer.Option(help="Which languages to look at, with commas. Default: all that have masks.")
    ] = None,
    neurons: Annotated[
        int, typer.Option(metavar="N", help="Also list so many neurons of one script's languages and of no others'.")
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Also draw it: overlap by layer, or the tree of languages.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look inside the masks: where two languages overlap; or what all have in common, and which belong together.

    Examples: `xsns explain swh eng --masks masks` (by layer and by module, beside chance)

    `xsns explain --masks masks --plot tree.png` (core of all, private parts, clusters and language families)

    `xsns explain --masks masks --neurons 10` (neurons that one script owns)
    """
    from xsns_hf.cli.reports import print_choice
    from xsns_hf.dataset.repository import MaskRepository

    if neurons < 0:
        raise XsnsError(f"--neurons {neurons} lists nothing: ask for at least 1, or leave it out.")
    if plot is not None:
        _check_writable(plot)
    repository = MaskRepository(masks)
    chosen = repository.masks(recipe).name
    if one is None:
        answer, draw = _all(repository, chosen, codes_of(languages), neurons, as_json)
    elif languages or neurons:
        raise XsnsError(
            "--languages and --neurons are about many languages: leave out the two, or leave these options out."
        )
    else:
        answer, draw = _two(repository, chosen, one, other, as_json)
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    elif recipe is None:
        print_choice(repository, chosen, console)
    if plot is not None:
        _write(plot, draw())


Answer = tuple[dict[str, Any], Callable[[], bytes]]
"""What `--json` prints, and what draws it for `--plot`."""


def _all(repository: "MaskRepository", recipe: str, languages: list[str] | None, neurons: int, as_json: bool) -> Answer:
    from xsns_hf.cli.explanation_report import print_overview
    from xsns_hf.explanation.overview import overview
    from xsns_hf.explanation.plots import tree_of_languages

    whole = overview(repository, recipe, languages, with_neurons=neurons > 0)
    if not as_json:
        print_overview(whole, console, neurons)
    return whole.to_dict(neurons), lambda: tree_of_languages(whole)


def _two(repository: "MaskRepository", recipe: str, one: str, other: str | None, as_json: bool) -> Answer:
    from xsns_hf.cli.explanation_report import print_pair
    from xsns_hf.explanation.overlap import explain_pair
    from xsns_hf.explanation.plots import overlap_by_layer
    from xsns_hf.languages.codes import identify

    if other is None:
        raise XsnsError(f"{one} is one language: give a second one to compare it with, or none to look at all.")
    codes = identify(one), identify(other)
    if codes[0] == codes[1]:
        raise XsnsError(f"{one} and {other} are the same language ({codes[0]}): give two different ones.")
    masks = repository.masks(recipe)
    for code in codes:
        masks.require(code)
    pair = explain_pair(repository, recipe, *codes)
    if not as_json:
        print_pair(pair, console)
    return pair.to_dict(), lambda: overlap_by_layer(pair)


def _check_writable(plot: Path) -> None:
    """Refuse a place for a picture before masks are read for it."""
    if plot.suffix.lower() != ".png":
        raise XsnsError(f"--plot {plot} isn't the name of a PNG: give one that ends in .png.")
    if plot.is_dir() or not plot.absolute().parent.is_dir():
        raise XsnsError(f"--plot {plot} can't be written: give a file in a folder that exists.")


def _write(plot: Path, picture: bytes) -> None:
    try:
        plot.write_bytes(picture)
    except OSError as error:
        raise XsnsError(
            f"--plot {plot} can't be written ({error.strerror}): give a file in a folder of yours."
        ) from error
