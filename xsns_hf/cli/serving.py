"""Command that answers in a browser: space."""

from typing import Annotated

import typer

from xsns_hf.cli.options import app
from xsns_hf.cli.starting import say


@app.command()
def space(
    masks: Annotated[
        str | None,
        typer.Option(help="Mask datasets, with commas: folders, or user/repo on the Hub. Default: what ships."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The masks' checkpoint, for new languages, if it isn't found by its name."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to serve at; 0.0.0.0 is open to the network.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Default: the first free one from 7860.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Answer "best source for language X" on a web page, from masks: the Space on your own machine.

    Examples:
        xsns space
        xsns space --masks xsns-demo
    """
    from xsns_hf.dataset.stores.ready import READY, ready_names

    say(f"Reading {masks or READY} …")
    from xsns_hf.space.catalogue import Shelf, datasets_in
    from xsns_hf.space.page import launch_options, make_space

    shelf = Shelf(datasets_in(masks) if masks is not None else ready_names())
    shelf.choices()  # a mistake in --masks is better said here than on the page
    make_space(shelf, model).launch(server_name=host, server_port=port, inbrowser=browser, **launch_options())
