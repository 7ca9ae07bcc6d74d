"""Command that looks inside the masks: explain."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsns_hf.cli.options import AsJson, Masks, RecipeName, app, codes_of, console, open_masks, print_json
from xsns_hf.cli.starting import say
from xsns_hf.errors import XsnsError

if TYPE_CHECKING:
    from xsns_hf.dataset.recipe_masks import RecipeMasks
    from xsns_hf.plotting import Picture


@app.command()
def explain(
    masks: Masks,
    one: Annotated[str | None, typer.Argument(help="A language; without any, all are looked at.")] = None,
    other: Annotated[str | None, typer.Argument(help="The language to compare it with.")] = None,
    recipe: RecipeName = None,
    languages: Annotated[
        str | None, typer.Option(help="Which languages to look at, with commas. Default: all that have masks.")
    ] = None,
    neurons: Annotated[
        int, typer.Option(metavar="N", help="Also list so many neurons of one script's languages and of no others'.")
    ] = 0,
    cover: Annotated[
        bool, typer.Option("--cover", help="Which three of the languages together cover most of ONE's sub-network.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.pdf|png|svg", help="Also draw it: overlap by layer, or the tree of languages."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look inside the masks: where two languages overlap, or what all have in common, and which belong together.

    Examples:
        # by layer and by module, beside chance
        xsns explain swh eng --masks masks
        # three that complete each other, from these
        xsns explain fin --cover --masks masks --languages deu,est,rus,swe
        # core of all, private parts, clusters and language families
        xsns explain --masks masks --plot tree.pdf
        # neurons that one script owns
        xsns explain --masks masks --neurons 10
    """
    say(f"Reading {masks} …")
    from xsns_hf.cli.reports import print_choice
    from xsns_hf.plotting import check_picture

    if neurons < 0:
        raise XsnsError(f"--neurons {neurons} lists nothing: ask for at least 1, or leave it out.")
    if cover:
        _check_cover(one, other, neurons, plot)
    if plot is not None:
        check_picture(plot)
    repository = open_masks(masks)
    of_recipe = repository.masks(recipe)
    if one is None:
        answer, draw = _all(of_recipe, codes_of(languages), neurons, as_json)
    elif cover:
        answer, draw = _cover(of_recipe, one, codes_of(languages), as_json)
    elif languages or neurons:
        raise XsnsError(
            "--languages and --neurons are about many languages: leave out the two, or leave these options out."
        )
    else:
        answer, draw = _two(of_recipe, one, other, as_json)
    if as_json:
        print_json(answer)
    elif recipe is None:
        print_choice(repository, of_recipe.name, console)
    if plot is not None and draw is not None:
        draw().save(plot)


Answer = tuple[dict[str, Any], "Callable[[], Picture] | None"]
"""What `--json` prints, and what draws it for `--plot`, if anything does."""


def _all(masks: "RecipeMasks", languages: list[str] | None, neurons: int, as_json: bool) -> Answer:
    from xsns_hf.cli.explanation_report import print_overview
    from xsns_hf.explanation.overview import overview
    from xsns_hf.explanation.plots import tree_of_languages

    result = overview(masks, languages, neurons=neurons > 0)
    if not as_json:
        print_overview(result, console, neurons)
    return result.to_dict(neurons), lambda: tree_of_languages(result)


def _two(masks: "RecipeMasks", one: str, other: str | None, as_json: bool) -> Answer:
    from xsns_hf.cli.explanation_report import print_pair
    from xsns_hf.explanation.overlap import explain_pair
    from xsns_hf.explanation.plots import overlap_by_layer

    if other is None:
        raise XsnsError(
            f"{one} is one language: give a second one to compare it with, none to look at all, or --cover for three."
        )
    pair = explain_pair(masks, one, other)
    if not as_json:
        print_pair(pair, console)
    return pair.to_dict(), lambda: overlap_by_layer(pair)


def _check_cover(one: str | None, other: str | None, neurons: int, plot: Path | None) -> None:
    """Make sure that what is to be covered is one language, and that nothing else is asked for."""
    if one is None or other is not None:
        raise XsnsError("--cover is about one language that others cover: give one, and perhaps others in --languages.")
    if neurons or plot is not None:
        raise XsnsError("--cover lists no neurons and has no picture: leave out --neurons and --plot.")


def _cover(masks: "RecipeMasks", target: str, candidates: list[str] | None, as_json: bool) -> Answer:
    from xsns_hf.cli.explanation_report import print_cover
    from xsns_hf.explanation.cover import cover
    from xsns_hf.languages.codes import identify

    result = cover(masks, identify(target), candidates)
    if not as_json:
        print_cover(result, console)
    return result.to_dict(), None
