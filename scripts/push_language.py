# /// script
# requires-python = ">=3.11"
# dependencies = ["xsns-hf[embedded]"]
#
# [tool.hf-jobs]
# flavor = "t4-small"
# timeout = "2h"
# secrets = ["HF_TOKEN"]
# ///
"""Add languages to a mask dataset on the Hub: extract their sub-networks, push them in one commit, rank their sources.

    uv run scripts/push_language.py --repo user/xlmr-masks --language swh --text swahili.txt
    hf jobs uv run scripts/push_language.py --repo user/xlmr-masks --language swh,wol --corpus wikiann

The text is said as to `xsns extract`. All settings are those of the masks that are there: the checkpoint at its commit,
|D|, p, seeds, head and the rest, of each recipe that fits what is asked for. So the new masks can be compared with
them, whatever the text is called. For a new repository they are the options below. `--dry-run` extracts and says what
would be uploaded.
"""

import dataclasses
import sys
import tempfile
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from xsns_hf import MaskRepository, XsnsError, identify, rank_sources
from xsns_hf.cli.reports import print_pushed, print_ranking
from xsns_hf.cli.text_options import CORPUS_HELP, AnyText, Column, Config, LanguageColumn, Split
from xsns_hf.dataset.recipe_masks import recipes_by_size
from xsns_hf.dataset.sharing import push
from xsns_hf.extraction.build import build, in_one_pass
from xsns_hf.extraction.planning import Plan
from xsns_hf.importance.choosing import layout_for
from xsns_hf.models.loading import Checkpoint, load_checkpoint
from xsns_hf.recipe import EXAMPLES, LANGUAGE_MODELLING, RECOMMENDED, HeadKind, Recipe, commits_in
from xsns_hf.text.any_dataset import Address
from xsns_hf.text.choice import Choice
from xsns_hf.text.corpus import slug
from xsns_hf.text.opening import TextRequest

console = Console(highlight=False)

Pass = tuple[Checkpoint, list[Recipe], list[int]]
"""Recipes that are extracted at once, with their checkpoint and seeds."""


def main(
    repo: Annotated[str, typer.Option(help="user/repo on the Hub; made if there is none.")],
    language: Annotated[str, typer.Option("--language", "--languages", help="Codes or names, with commas.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Model id, local folder, or `embedded`. Default: the checkpoint of the masks that are there."
        ),
    ] = None,
    text: AnyText = None,
    corpus: Annotated[str | None, typer.Option("--corpus", "--dataset", help=CORPUS_HELP)] = None,
    config: Config = None,
    split: Split = None,
    column: Column = None,
    language_column: LanguageColumn = None,
    corpus_name: Annotated[
        str | None, typer.Option(help="Name of the text in the recipe. Default: as in the masks that are there.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Add to this recipe only: a name, how it begins, or a part such as `p0.15`. Default: all that fit."
        ),
    ] = None,
    head: Annotated[HeadKind | None, typer.Option(help="pretrained, tied or fitted. Default: as above.")] = None,
    revision: Annotated[str | None, typer.Option(help="Of the model. Default: as above.")] = None,
    examples: Annotated[
        int | None, typer.Option(help="|D|. Default: of the masks there, all; for a new repository, 256.")
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="p. Default: of the masks there, all; for a new repository, 0.15.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="For a new repository.")] = 3,
    replace: Annotated[bool, typer.Option("--replace", help="Put other masks of the same language in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of a commit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Upload nothing; say what would be.")] = False,
) -> None:
    """Extract, push and rank."""
    codes = [identify(each) for each in language.split(",")]
    if (text is None) == (corpus is None):
        raise XsnsError("Give either --text or --corpus.")
    wanted = TextRequest(text, corpus, codes, Choice(config, split, column, language_column), corpus_name)
    wanted.check()
    target = MaskRepository(repo, create=True, create_pr=create_pr)
    if not dry_run:
        target.store.prepare()
    named = corpus_name or (Address.of(corpus).id if corpus else None)
    fields = {"corpus": slug(named) if named else None, "head_kind": head, "examples": examples, "density": density}
    there = recipes_there(target, recipe, fields)
    sentences = wanted.open()
    if there:
        passes = _passes(target, there, model, revision)
    else:
        checkpoint = load_checkpoint(model or "embedded", head=head, revision=revision)
        own = {"examples": examples or EXAMPLES, "density": density or Recipe.density}
        there = [Plan(settings={"importance": RECOMMENDED, **own}).recipe(checkpoint, sentences)]
        passes = [(checkpoint, there, list(range(seeds)))]
    with tempfile.TemporaryDirectory() as folder:
        source = MaskRepository(Path(folder) / "masks", create=True)
        for checkpoint, (first, *others), numbers in passes:
            build(source, checkpoint, sentences, first, codes, numbers, also=others)
        if dry_run:
            masks, size = len(source.index()), source.store.size() / 1e6
            console.print(f"Would push {masks} masks of {', '.join(codes)}, {size:.1f} MB, to {repo}.")
            return
        print_pushed(push(source, target, replace=replace), target, console)
    if not create_pr and len(target.masks(there[0].name).languages) > 1:
        for code in codes:
            print_ranking(rank_sources(code, target, recipe=there[0].name, top=5), console)


def recipes_there(target: MaskRepository, recipe: str | None, asked: Mapping[str, object]) -> list[Recipe]:
    """Return the recipes, of the masks that are there, that new ones are to be made by; none for an empty repository.

    They are all that fit what is asked for, those of the most languages first.

    Args:
        target: the repository.
        recipe: names one of them, if one is meant.
        asked: fields of recipes, None for those that aren't asked for.

    Raises:
        XsnsError: there are masks, but none fits: new ones would stand alone, with nothing to be compared with.
    """
    recipes = target.recipes()
    if not recipes and recipe is None:
        return []
    names = [target.masks(recipe).name] if recipe else recipes_by_size(target.index())
    wanted = {field: value for field, value in asked.items() if value is not None}
    fitting = [
        recipes[name]
        for name in names
        if recipes[name].objective in LANGUAGE_MODELLING
        and all(getattr(recipes[name], field) == value for field, value in wanted.items())
    ]
    if not fitting:
        words = {
            "corpus": "from the text",
            "head_kind": "with the head",
            "examples": "with |D| =",
            "density": "with p =",
        }
        fields = " ".join(f"{words[field]} {value}" for field, value in wanted.items()) or "from text without labels"
        raise XsnsError(
            f"{target.name} holds no masks {fields}, so new ones would have nothing to be compared with; it has "
            f"{', '.join(names)}. Leave --head, --examples and --density out, give the name of their text as "
            "--corpus-name, or make masks of another recipe for several languages with `xsns extract`."
        )
    return fitting


def _passes(target: MaskRepository, recipes: Sequence[Recipe], model: str | None, revision: str | None) -> list[Pass]:
    """Return how to make masks as those that are there; what can be extracted at once is.

    Raises:
        XsnsError: the checkpoint can't be had, or isn't that of the masks.
    """
    checkpoints: dict[tuple[str, ...], Checkpoint] = {}
    passes: dict[Hashable, Pass] = {}
    for together in in_one_pass(recipes):
        for recipe in together:
            masks = target.masks(recipe.name)
            kind = (recipe.objective, recipe.head_kind, recipe.precision)
            if kind not in checkpoints:
                checkpoints[kind] = _checkpoint(recipe, model, revision)
            checkpoint = checkpoints[kind]
            made = dataclasses.replace(
                recipe, checkpoint=checkpoint.name, revision=checkpoint.revision, head=checkpoint.head_name
            )
            target.check(made, layout_for(made, checkpoint.body))
            console.print(f"Made as the masks of {len(masks.languages)} languages there: {recipe.name}.")
            key = (together[0], tuple(masks.seeds))
            passes.setdefault(key, (checkpoint, [], masks.seeds))[1].append(recipe)
    return list(passes.values())


def _checkpoint(recipe: Recipe, model: str | None, revision: str | None) -> Checkpoint:
    """Load the checkpoint of a recipe, by default at the commit of the masks that are there."""
    name = model or recipe.checkpoint
    local = Path(name).expanduser().is_dir()
    return load_checkpoint(
        name,
        objective=recipe.objective,
        head=recipe.head_kind,
        revision=revision or (recipe.revision if commits_in(recipe.revision) and not local else None),
        dtype=torch.bfloat16 if recipe.precision == "bfloat16-weights" else torch.float32,
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except XsnsError as error:
        sys.exit(f"push_language: {error.on_command_line()}")
