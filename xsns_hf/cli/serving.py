"""Command that answers in a browser: space."""

from typing import Annotated

import typer

from xsns_hf.cli.options import app
from xsns_hf.cli.starting import say
from xsns_hf.errors import HubError, MasksMissing, XsnsError


@app.command()
def space(
    masks: Annotated[
        str | None,
        typer.Option(help="Mask datasets, with commas: folders, or user/repo on the Hub. Default: what ships."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A checkpoint to load for visitors who bring a new language: a model id, or a folder that the masks "
            "were made from. May be repeated. Default: `embedded` only."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to serve at; 0.0.0.0 is open to the network.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Default: the first free one from 7860.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Answer "best source for language X" on a web page, from masks: the Space on your own machine.

    Examples:
        xsns space
        xsns space --masks xsns-demo
        xsns space --masks user/xlmr-masks --model FacebookAI/xlm-roberta-base
    """
    from xsns_hf.dataset.stores.ready import READY, ready_names

    say(f"Reading {masks or READY} …")
    from xsns_hf.space.catalogue import Shelf, datasets_in

    shelf = Shelf(datasets_in(masks) if masks is not None else ready_names())
    try:
        shelf.choices()
    except (MasksMissing, HubError):  # a mistake in --masks is better said here than on the page
        raise
    except XsnsError as error:
        typer.echo(f"{error} The page starts all the same, and says so.", err=True)
    else:
        for note in shelf.notes():
            typer.echo(note, err=True)
    from xsns_hf.space.page import launch_options, make_space
    from xsns_hf.space.visitors import Visitors

    visitors = Visitors()
    options = launch_options(shelf, visitors) | {"server_name": host, "server_port": port, "inbrowser": browser}
    make_space(shelf, visitors, model or []).launch(**options)
