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

    uv run scripts/push_language.py --repo user/xlmr-masks --model FacebookAI/xlm-roberta-base --language swh \
        --text swahili.txt
    hf jobs uv run scripts/push_language.py --repo user/xlmr-masks --model FacebookAI/xlm-roberta-base \
        --language swh,wol --dataset wikiann

The settings are those of the masks that are there (|D|, p, seeds, head …), so that the new ones can be compared with
them; for a new repository they are the options below. `--dry-run` extracts and says what would be uploaded.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xsns_hf import MaskRepository, XsnsError, identify, rank_sources
from xsns_hf.build import build
from xsns_hf.checkpoints import Checkpoint, HeadKind, load_checkpoint
from xsns_hf.corpora import Corpus, text_folder
from xsns_hf.hub_corpora import hub_corpus
from xsns_hf.recipes import LANGUAGE_MODELLING, Recipe, masking_of
from xsns_hf.reports import print_pushed, print_ranking
from xsns_hf.sharing import push

console = Console(highlight=False)


def main(
    repo: Annotated[str, typer.Option(help="user/repo on the Hub; made if there is none.")],
    language: Annotated[str, typer.Option(help="Codes or names, with commas.")],
    model: Annotated[str, typer.Option(help="Model id on the Hub, local folder, or `embedded`.")] = "embedded",
    text: Annotated[Path | None, typer.Option(help="File (one language) or folder of text, a sentence a line.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Or a corpus on the Hub, see `xsns corpora`.")] = None,
    corpus_name: Annotated[str | None, typer.Option(help="Name of the text in the recipe.")] = None,
    head: Annotated[HeadKind | None, typer.Option(help="pretrained, tied or fitted.")] = None,
    examples: Annotated[int, typer.Option(help="|D|, for a new repository.")] = 1024,
    seeds: Annotated[int, typer.Option(help="For a new repository.")] = 3,
    density: Annotated[float, typer.Option(help="p, for a new repository.")] = 0.15,
    replace: Annotated[bool, typer.Option("--replace", help="Put other masks of the same language in place.")] = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of a commit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Upload nothing; say what would be.")] = False,
) -> None:
    """Extract, push and rank."""
    codes = [identify(each) for each in language.split(",")]
    target = MaskRepository(repo, create=True, create_pr=create_pr)
    if not dry_run:
        target.store.prepare()
    objectives = {each.objective for each in target.recipes().values()} & {*LANGUAGE_MODELLING}
    checkpoint = load_checkpoint(model, objective=objectives.pop() if len(objectives) == 1 else None, head=head)
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus(text, dataset, corpus_name, codes, Path(folder))
        recipe, number = _recipe(target, checkpoint, corpus, examples, density, seeds)
        source = MaskRepository(Path(folder) / "masks", create=True)
        build(source, checkpoint, corpus, recipe, codes, range(number))
        if dry_run:
            size = source.store.size() / 1e6
            console.print(f"Would push {len(codes) * number} masks of {', '.join(codes)}, {size:.1f} MB, to {repo}.")
            return
        print_pushed(push(source, target, replace=replace), target, console)
    if not create_pr:
        for code in codes:
            if target.index()["language"].nunique() > 1:
                print_ranking(rank_sources(code, target, recipe=recipe.name, top=5), console)


def _corpus(text: Path | None, dataset: str | None, corpus_name: str | None, codes: list[str], folder: Path) -> Corpus:
    if (text is None) == (dataset is None):
        raise XsnsError("Give either --text or --dataset.")
    if dataset is not None:
        return hub_corpus(dataset, codes)
    assert text is not None
    if text.is_dir():
        return text_folder(text, corpus_name)
    if len(codes) > 1:
        raise XsnsError(f"{text} is one file, for one language: give a folder with a <code>.txt for each of several.")
    place = folder / "text"
    place.mkdir()
    if not text.is_file():
        raise XsnsError(f"There is no text at {text}: give a file with a sentence a line.")
    shutil.copy(text, place / f"{codes[0]}.txt")
    return text_folder(place, corpus_name or text.stem)


def _recipe(
    target: MaskRepository, checkpoint: Checkpoint, corpus: Corpus, examples: int, density: float, seeds: int
) -> tuple[Recipe, int]:
    """Return the recipe of the masks that are there, if one fits checkpoint and text, and their number of seeds."""
    mine = Recipe(
        checkpoint.name,
        checkpoint.revision,
        checkpoint.head_name,
        corpus.name,
        checkpoint.objective,
        examples=examples,
        density=density,
        masking=masking_of(checkpoint.objective),
    )
    index = target.index()
    for name, recipe in target.recipes().items():
        if (recipe.corpus, recipe.head, recipe.objective) == (mine.corpus, mine.head, mine.objective):
            return recipe, int(index[index["recipe"] == name].groupby("language")["seed"].nunique().max())
    return mine, seeds


if __name__ == "__main__":
    try:
        typer.run(main)
    except XsnsError as error:
        raise SystemExit(f"push_language: {error}") from None
