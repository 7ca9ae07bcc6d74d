"""Commands that share masks: push, pull, scores."""

from pathlib import Path
from typing import Annotated

import typer

from xsns_hf.cli.options import Masks, app, codes_of, console


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

    Example: `xsns push masks user/xlmr-masks`
    """
    from xsns_hf.cli.reports import print_pushed
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.dataset.sharing import push as push_masks
    from xsns_hf.dataset.stores.opening import HF, is_folder

    codes = codes_of(languages) or []
    source = MaskRepository(folder)
    place = repo if is_folder(repo) else f"{HF}{repo.removeprefix(HF)}"  # nobody pushes to a folder that isn't there
    target = MaskRepository(place, create=True, create_pr=create_pr)
    print_pushed(push_masks(source, target, codes, replace=replace), target, console)


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(help="user/repo or user/repo@revision on the Hub.")],
    folder: Annotated[Path, typer.Argument(help="A new folder, or one that was pulled before.")],
) -> None:
    """Fetch a mask dataset from the Hub into a folder.

    Example: `xsns pull user/xlmr-masks masks`
    """
    from xsns_hf.cli.reports import print_next
    from xsns_hf.dataset.sharing import pull as pull_masks

    repository = pull_masks(repo, folder)
    languages = repository.index()["language"].nunique()
    print(f"{folder} holds masks of {languages} languages, {repository.store.size() / 1e6:.1f} MB.")
    print_next(repository, console)


@app.command()
def scores(
    file: Annotated[Path, typer.Argument(help="CSV with source, target, score (and perhaps seed, metric).")],
    masks: Masks,
    task: Annotated[str, typer.Option(help="What was scored, such as pos.")],
    origin: Annotated[str, typer.Option(help="Who published the scores, and where: a citation or an address.")],
    model: Annotated[str, typer.Option(help="Which model was fine-tuned.")] = "",
    metric: Annotated[str | None, typer.Option(help="By what was scored; of several in the file, which.")] = None,
    licence: Annotated[str, typer.Option(help="Of the scores.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Put other scores of the same task in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
) -> None:
    """Publish gold transfer scores with masks, so that anyone can see how well these predict, and what to expect.

    Example: `xsns scores pos.csv --masks user/xlmr-masks --task pos --model "XLM-R base" --metric accuracy
    --origin "de Vries et al. 2022, https://aclanthology.org/2022.acl-long.529"`
    """
    from xsns_hf.cli.reports import print_published
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.gold import read_gold

    gold = read_gold(file, metric)
    target = MaskRepository(masks, create_pr=create_pr)
    added = target.add_scores(gold, task, origin=origin, model=model, licence=licence, replace=replace)
    print_published(added, gold, task, target, console)
