"""Building a mask repository: extract the languages it lacks, one after the other, so that work can be resumed."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from accelerate import Accelerator

from xsns_hf import processes
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import TextError, XsnsError, parameter, some
from xsns_hf.extraction.extract import extract
from xsns_hf.extraction.resuming import combined, lacking, text_revision
from xsns_hf.extraction.summary import BuildSummary
from xsns_hf.importance.choosing import importance_class, layout_for
from xsns_hf.models.loading import Checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus


def build(
    repository: MaskRepository,
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
    densities: Sequence[float] = (),
    sizes: Sequence[int] = (),
    also: Sequence[Recipe] = (),
    sums_in: Path | None = None,
    replace: bool = False,
) -> BuildSummary:
    """Extract the sub-networks that a repository lacks and add each language as soon as it is done.

    Stopping it loses the language in work at most; calling it again goes on from there.

    Args:
        repository: where the masks go.
        checkpoint: the model.
        corpus: the text; all of its languages are checked before the first is extracted.
        recipe: how to make the masks.
        languages: canonical codes.
        seeds: a sub-network each.
        densities: further densities, of the same examples; each makes a recipe.
        sizes: further |D|, whose examples are the first of the largest; each makes a recipe with each density.
        also: further recipes by themselves, see `extract`.
        sums_in: see `extract`.
        replace: extract again what is there already.

    Raises:
        XsnsError: unusable text, or masks that don't fit those in the repository.
    """
    recipes = list(dict.fromkeys([*variants(recipe, sizes, densities), *also]))
    _check_sums(recipe, sums_in)
    accelerator = Accelerator()

    def find() -> Mapping[str, Mapping[tuple[Recipe, ...], list[int]]]:
        for each in recipes:
            repository.check(each, layout_for(each, checkpoint.body))
        return lacking(repository, corpus, recipes, languages, seeds, replace=replace)

    # What is there on other machines may be an older state, or nothing: what the first process finds counts for all.
    wanted, *others = processes.gathered(find)
    if others:
        _check_same_text(corpus, recipe, languages)
    measured = importance_class(recipe)
    summary = BuildSummary(
        tensors=len(layout_for(recipe, checkpoint.body).tensors) if measured.of_gradients else 0,
        batched=checkpoint.batched or measured.batch is not None,
    )
    last = next((language for language in reversed(languages) if wanted[language]), None)
    for number, language in enumerate(languages, 1):
        processes.stop_if_interrupted()
        masks = [
            mask
            for (first, *others), of_seeds in wanted[language].items()
            for mask in extract(
                *(checkpoint, corpus, first, language, of_seeds, accelerator),
                also=others,
                sums_in=sums_in,
                title=f"[{number}/{len(languages)}] {language}",
            )
        ]
        if not masks:
            summary.kept.append(language)
            continue
        summary.add(language, masks)
        if accelerator.is_main_process:
            # In one step for all recipes; the card's picture is drawn once.
            repository.add(masks, replace=replace, picture=language == last)
        accelerator.wait_for_everyone()
    return summary


def variants(recipe: Recipe, sizes: Sequence[int] = (), densities: Sequence[float] = ()) -> list[Recipe]:
    """Return a recipe with each |D| and density, its own first.

    Raises:
        XsnsError: the recipe takes no other |D| or density than its own.
    """
    examples = parameter("examples")
    if densities and recipe.agreement is not None:
        raise XsnsError(
            f"The sample of {parameter('examples', 'auto')} depends on the density: give {examples} a number, or "
            f"{parameter('density')} a single one."
        )
    if sizes and recipe.agreement is not None:
        raise XsnsError(f"{parameter('examples', 'auto')} finds the one |D| that it needs: give it alone, or numbers.")
    if sizes and importance_class(recipe).batch:
        raise XsnsError(
            f"{parameter('importance', recipe.importance)} depends on its batches, which several |D| would change: "
            f"give {examples} a single number."
        )
    return combined(recipe, sizes, densities)


def in_one_pass(recipes: Sequence[Recipe]) -> list[list[Recipe]]:
    """Return recipes in groups, in their order, of which each can be extracted in one pass, see `extract(also=…)`."""
    groups: dict[Recipe, list[Recipe]] = {}
    for recipe in recipes:
        of_sample = recipe.agreement is not None  # how large it is depends on the density
        density = recipe.density if of_sample else Recipe.density
        size = recipe.examples if of_sample or importance_class(recipe).batch else Recipe.examples
        groups.setdefault(dataclasses.replace(recipe, density=density, examples=size), []).append(recipe)
    return list(groups.values())


def _check_same_text(corpus: Corpus, recipe: Recipe, languages: Sequence[str]) -> None:
    """Make sure that all processes have the same text: each adds its share of the sentences."""
    first, *others = processes.gathered(lambda: {code: text_revision(corpus, recipe, code) for code in languages})
    if differing := sorted({code for other in others for code, _ in first.items() ^ other.items()}):
        raise TextError(
            f"The machines have different text of {some(differing)}: give {parameter('text')} the same on all of them."
        )


def _check_sums(recipe: Recipe, sums_in: Path | None) -> None:
    if sums_in and not importance_class(recipe).sums_anywhere:
        raise XsnsError(
            f"The sums of {parameter('importance', recipe.importance)} are always with the model: leave "
            f"{parameter('sums_in')} out."
        )
