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
    hf jobs uv run scripts/push_language.py --repo user/xlmr-masks --language swh,wol --dataset wikiann

All settings are those of the masks that are there: the checkpoint at its commit, |D|, p, seeds, head and the rest. So
the new masks can be compared with them, whatever the text is called. For a new repository they are the options below.
`--dry-run` extracts and says what would be uploaded.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated, cast

import torch
import typer
from rich.console import Console

from xsns_hf import MaskRepository, XsnsError, identify, rank_sources
from xsns_hf.cli.reports import print_pushed, print_ranking
from xsns_hf.dataset.recipe_masks import recipes_by_size
from xsns_hf.dataset.sharing import push
from xsns_hf.extraction.build import build
from xsns_hf.importance.choosing import layout_for
from xsns_hf.models.loading import Checkpoint, HeadKind, load_checkpoint
from xsns_hf.recipe import LANGUAGE_MODELLING, RECOMMENDED, Recipe, commits_in, masking_of
from xsns_hf.text.corpus import Corpus, slug
from xsns_hf.text.folder import Files, text_folder
from xsns_hf.text.formats import READERS
from xsns_hf.text.hub import hub_corpus

console = Console(highlight=False)


def main(
    repo: Annotated[str, typer.Option(help="user/repo on the Hub; made if there is none.")],
    language: Annotated[str, typer.Option(help="Codes or names, with commas.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Model id, local folder, or `embedded`. Default: the checkpoint of the masks that are there."
        ),
    ] = None,
    text: Annotated[Path | None, typer.Option(help="File (one language) or folder of text, a sentence a line.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Or a corpus on the Hub, see `xsns corpora`.")] = None,
    corpus_name: Annotated[
        str | None, typer.Option(help="Name of the text in the recipe. Default: as in the masks that are there.")
    ] = None,
    head: Annotated[HeadKind | None, typer.Option(help="pretrained, tied or fitted. Default: as above.")] = None,
    examples: Annotated[int, typer.Option(help="|D|, for a new repository.")] = 1024,
    seeds: Annotated[int, typer.Option(help="For a new repository.")] = 3,
    density: Annotated[float, typer.Option(help="p, for a new repository.")] = 0.15,
    replace: Annotated[bool, typer.Option("--replace", help="Put other masks of the same language in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of a commit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Upload nothing; say what would be.")] = False,
) -> None:
    """Extract, push and rank."""
    codes = [identify(each) for each in language.split(",")]
    if (text is None) == (dataset is None):
        raise XsnsError("Give either --text or --dataset.")
    target = MaskRepository(repo, create=True, create_pr=create_pr)
    if not dry_run:
        target.store.prepare()
    there = _recipe_there(target, corpus_name or dataset, head)
    corpus = hub_corpus(dataset, codes) if dataset else _own_text(cast(Path, text), codes)
    corpus = dataclasses.replace(corpus, name=there.corpus if there else slug(corpus_name or corpus.name))
    checkpoint = _checkpoint(model, head, there)
    if there:
        masks = target.masks(there.name)
        recipe, numbers = there, masks.seeds
        made = dataclasses.replace(
            there, checkpoint=checkpoint.name, revision=checkpoint.revision, head=checkpoint.head_name
        )
        target.check(made, layout_for(made, checkpoint.body))
        console.print(f"Made as the masks of {len(masks.languages)} languages there: {recipe.name}.")
    else:
        recipe, numbers = _new_recipe(checkpoint, corpus, examples, density), list(range(seeds))
    with tempfile.TemporaryDirectory() as folder:
        source = MaskRepository(Path(folder) / "masks", create=True)
        build(source, checkpoint, corpus, recipe, codes, numbers)
        if dry_run:
            size = source.store.size() / 1e6
            console.print(
                f"Would push {len(codes) * len(numbers)} masks of {', '.join(codes)}, {size:.1f} MB, to {repo}."
            )
            return
        print_pushed(push(source, target, replace=replace), target, console)
    if not create_pr:
        for code in codes:
            if target.index()["language"].nunique() > 1:
                print_ranking(rank_sources(code, target, recipe=recipe.name, top=5), console)


def _recipe_there(target: MaskRepository, corpus: str | None, head: str | None) -> Recipe | None:
    """Return the recipe, of the masks that are there, that new ones are to be made by; None for an empty repository.

    Of several that fit what is asked for, it is that of the most languages.

    Raises:
        XsnsError: there are masks, but none fits: new ones would stand alone, with nothing to be compared with.
    """
    recipes = target.recipes()
    if not recipes:
        return None
    ordered = [recipes[name] for name in recipes_by_size(target.index())]
    fitting = [
        recipe
        for recipe in ordered
        if recipe.objective in LANGUAGE_MODELLING
        and corpus in (None, recipe.corpus)
        and head in (None, recipe.head_kind)
    ]
    if not fitting:
        asked = {"from the text": corpus, "with the head": head}
        wanted = " ".join(f"{what} {value}" for what, value in asked.items() if value) or "from text without labels"
        raise XsnsError(
            f"{target.name} holds no masks {wanted}, so new ones would have nothing to be compared with; it has "
            f"{', '.join(recipe.name for recipe in ordered)}. Leave --head out, give the name of their text as "
            "--corpus-name, or make masks of another recipe for several languages with `xsns extract`."
        )
    return fitting[0]


def _own_text(text: Path, codes: list[str]) -> Files:
    if text.is_dir():
        return text_folder(text)
    if len(codes) > 1:
        raise XsnsError(f"{text} is one file, for one language: give a folder with a <code>.txt for each of several.")
    if not text.is_file():
        raise XsnsError(f"There is no text at {text}: give a file with a sentence a line.")
    if text.suffix not in READERS:
        raise XsnsError(f"{text} is of no kind that can be read: give a {', '.join(READERS)} file.")
    return Files(text.stem, {codes[0]: text})


def _checkpoint(model: str | None, head: HeadKind | None, there: Recipe | None) -> Checkpoint:
    """Load the checkpoint, by default that of the masks that are there, at the commit of theirs."""
    if there is None:
        return load_checkpoint(model or "embedded", head=head)
    name = model or there.checkpoint
    local = Path(name).expanduser().is_dir()
    return load_checkpoint(
        name,
        objective=there.objective,
        head=there.head_kind,
        revision=there.revision if commits_in(there.revision) and not local else None,
        dtype=torch.bfloat16 if there.precision == "bfloat16-weights" else torch.float32,
    )


def _new_recipe(checkpoint: Checkpoint, corpus: Corpus, examples: int, density: float) -> Recipe:
    return Recipe(
        checkpoint.name,
        checkpoint.revision,
        checkpoint.head_name,
        corpus.name,
        checkpoint.objective,
        RECOMMENDED,
        examples=examples,
        density=density,
        masking=masking_of(checkpoint.objective),
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except XsnsError as error:
        raise SystemExit(f"push_language: {error}") from None
