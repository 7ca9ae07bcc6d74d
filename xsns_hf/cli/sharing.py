"""Commands that share masks: push, pull, scores."""

from pathlib import Path
from typing import Annotated

import typer

from xsns_hf.cli.options import Masks, app, codes_of, console, open_masks
from xsns_hf.cli.starting import say
from xsns_hf.cli.terminal import watched
from xsns_hf.errors import XsnsError


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a mask dataset.")],
    repo: Annotated[str, typer.Argument(help="user/repo on the Hub; made if there is none, else added to.")],
    languages: Annotated[str | None, typer.Option(help="Codes or names, with commas. Default: all.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace other masks of the same language and scores of the same task.")
    ] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
) -> None:
    """Add the masks of a folder to a dataset on the Hub, in one commit. What is there already stays.

    Gold scores that were published with the masks go along, unless languages are chosen.

    Examples:
        xsns push masks user/xlmr-masks
    """
    say(f"Reading {folder} …")
    from xsns_hf.cli.reports import print_pushed
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.dataset.sharing import push as push_masks
    from xsns_hf.dataset.stores.opening import HF, is_folder

    codes = codes_of(languages) or []
    source = open_masks(folder)
    place = repo if is_folder(repo) else f"{HF}{repo.removeprefix(HF)}"  # nobody pushes to a folder that isn't there
    target = MaskRepository(place, create=True, create_pr=create_pr)
    print_pushed(push_masks(source, target, codes, replace=replace), target, console)


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(help="user/repo or user/repo@revision on the Hub.")],
    folder: Annotated[Path, typer.Argument(help="A new folder, or one that was pulled before.")],
) -> None:
    """Fetch a mask dataset from the Hub into a folder.

    Examples:
        xsns pull user/xlmr-masks masks
    """
    say(f"Fetching {repo} …")
    from xsns_hf.cli.reports import print_next
    from xsns_hf.dataset.sharing import pull as pull_masks

    repository = pull_masks(repo, folder, watch=watched)
    languages = repository.index()["language"].nunique()
    print(f"{folder} holds masks of {languages} languages, {repository.store.size() / 1e6:.1f} MB.")
    print_next(repository, console)


@app.command()
def scores(
    masks: Masks,
    file: Annotated[
        Path | None, typer.Argument(help="CSV with source, target, score (and perhaps seed, metric).")
    ] = None,
    task: Annotated[str | None, typer.Option(help="What was scored, such as pos.")] = None,
    origin: Annotated[
        str | None, typer.Option(help="Who published the scores, and where: a citation or an address.")
    ] = None,
    model: Annotated[str, typer.Option(help="Which model was fine-tuned.")] = "",
    metric: Annotated[
        str | None, typer.Option(help="By what was scored, or which to remove. Default: the file's, or the task's.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the scores.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Put other scores of the same task in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    remove: Annotated[
        str | None, typer.Option(metavar="TASK", help="Remove the scores of this task instead, all or of one --metric.")
    ] = None,
) -> None:
    """Publish gold transfer scores with masks, so that anyone can see how well these predict, and what to expect.

    Examples:
        xsns scores pos.csv --masks user/xlmr-masks --task pos \\
            --model "XLM-R base" --metric accuracy \\
            --origin "de Vries et al. 2022, aclanthology.org/2022.acl-long.529"
        # take them back
        xsns scores --remove pos --masks user/xlmr-masks
    """
    say(f"Reading {masks} …")
    from xsns_hf.cli.reports import print_published
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.gold import read_gold

    if remove is not None:
        _check_alone(remove, file, task, origin)
        target = MaskRepository(masks, create_pr=create_pr)
        target.remove_scores(remove, metric)
        console.print(f"Removed scores of {remove}.\n{target.store.address()}", soft_wrap=True)
        return
    if file is None or task is None or origin is None:
        raise XsnsError("To publish scores give the CSV, --task and --origin; to remove some, --remove TASK alone.")
    gold = read_gold(file, metric)
    target = MaskRepository(masks, create_pr=create_pr)
    added = target.add_scores(gold, task, origin=origin, model=model, licence=licence, replace=replace)
    print_published(added, gold, task, target, console)


def _check_alone(remove: str, *publishing: object) -> None:
    """Make sure that scores are removed or published, not both."""
    if any(given is not None for given in publishing):
        raise XsnsError(f"--remove {remove} publishes nothing: leave the CSV, --task and --origin out.")
