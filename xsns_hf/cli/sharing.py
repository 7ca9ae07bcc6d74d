"""Commands that share masks: push, pull."""

from pathlib import Path
from typing import Annotated

import typer

from xsns_hf.cli.options import app, codes_of, console


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a mask dataset.")],
    repo: Annotated[str, typer.Argument(help="user/repo on the Hub; made if there is none, else added to.")],
    languages: Annotated[str | None, typer.Option(help="Codes or names, with commas. Default: all.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put other masks of the same language in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
) -> None:
    """Add the masks of a folder to a dataset on the Hub, in one commit. What is there already stays.

    Example: `xsns push masks user/xlmr-masks`
    """
    from xsns_hf.reports import print_pushed
    from xsns_hf.repository import MaskRepository
    from xsns_hf.sharing import push as push_masks

    codes = codes_of(languages) or []
    source = MaskRepository(folder)
    target = MaskRepository(repo, create=True, create_pr=create_pr)
    print_pushed(push_masks(source, target, codes, replace=replace), target, console)


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(help="user/repo or user/repo@revision on the Hub.")],
    folder: Annotated[Path, typer.Argument(help="A new folder, or one that was pulled before.")],
) -> None:
    """Fetch a mask dataset from the Hub into a folder.

    Example: `xsns pull user/xlmr-masks masks`
    """
    from xsns_hf.sharing import pull as pull_masks

    repository = pull_masks(repo, folder)
    languages = repository.index()["language"].nunique()
    print(f"{folder} holds masks of {languages} languages, {repository.store.size() / 1e6:.1f} MB.")
