"""Building a mask repository: extract the languages it lacks, one after the other, so that work can be resumed."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelerate import Accelerator

from xsns_hf import processes
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError, parameter
from xsns_hf.extraction.extract import Extracted, extract
from xsns_hf.extraction.sample import text_revision
from xsns_hf.extraction.weights import Unusual
from xsns_hf.importance.choosing import importance_class, layout_for
from xsns_hf.models.loading import Checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus


@dataclass
class BuildSummary:
    """What a build did.

    Attributes:
        extracted: language and seed of the new sub-networks, which are in the repository.
        kept: languages that were there already, for all seeds.
        tensors: number of tensors that a mask covers; 0 for an importance that takes no gradients.
        by_autograd: those whose gradients no formula covers, see `fisher`.
        unreached: those that some language had no gradient for, with the languages.
        batched: whether several sentences went through the model at a time, see `Checkpoint`.
        capped: language and seed of the masks of the largest |D| in which sentences count for less than their square,
            with what stands out there.
    """

    extracted: list[tuple[str, int]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    tensors: int = 0
    by_autograd: Sequence[str] = ()
    unreached: dict[str, list[str]] = field(default_factory=dict)
    batched: bool = True
    capped: list[tuple[str, int, Unusual]] = field(default_factory=list)

    def add(self, language: str, masks: Sequence[Extracted]) -> None:
        """Count in a language's new masks."""
        self.extracted += [(language, seed) for seed in dict.fromkeys(mask.seed for mask in masks)]
        self.by_autograd = masks[0].by_autograd
        most = max(mask.recipe.examples for mask in masks)
        largest = [mask for mask in masks if mask.recipe.examples == most]
        unusual = {mask.seed: mask.unusual for mask in largest if mask.unusual}
        self.capped += [(language, seed, of_seed) for seed, of_seed in unusual.items() if of_seed.capped]
        for tensor in dict.fromkeys(tensor for mask in largest for tensor in mask.unreached):
            self.unreached.setdefault(tensor, []).append(language)


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
    lacking = _lacking(repository, checkpoint, corpus, recipes, languages, seeds, replace=replace)
    accelerator.wait_for_everyone()
    measured = importance_class(recipe)
    summary = BuildSummary(
        tensors=len(layout_for(recipe, checkpoint.body).tensors) if measured.of_gradients else 0,
        batched=checkpoint.batched or measured.batch is not None,
    )
    for number, language in enumerate(languages, 1):
        processes.stop_if_interrupted()
        masks = [
            mask
            for (first, *others), of_seeds in lacking[language].items()
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
            repository.add(masks, replace=replace)  # one step for all recipes
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
    return [
        dataclasses.replace(recipe, examples=size, density=density)
        for size in dict.fromkeys((recipe.examples, *sizes))
        for density in dict.fromkeys((recipe.density, *densities))
    ]


def in_one_pass(recipes: Sequence[Recipe]) -> list[list[Recipe]]:
    """Return recipes in groups, in their order, of which each can be extracted in one pass, see `extract(also=…)`."""
    groups: dict[Recipe, list[Recipe]] = {}
    for recipe in recipes:
        of_sample = recipe.agreement is not None  # how large it is depends on the density
        density = recipe.density if of_sample else Recipe.density
        size = recipe.examples if of_sample or importance_class(recipe).batch else Recipe.examples
        groups.setdefault(dataclasses.replace(recipe, density=density, examples=size), []).append(recipe)
    return list(groups.values())


def _check_sums(recipe: Recipe, sums_in: Path | None) -> None:
    if sums_in and not importance_class(recipe).sums_anywhere:
        raise XsnsError(
            f"The sums of {parameter('importance', recipe.importance)} are always with the model: leave "
            f"{parameter('sums_in')} out."
        )


def _lacking(
    repository: MaskRepository,
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipes: Collection[Recipe],
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
    replace: bool,
) -> Mapping[str, Mapping[tuple[Recipe, ...], list[int]]]:
    """Return, by language, recipes whose masks aren't in the repository, with the seeds that lack just these.

    Raises:
        XsnsError: there is no usable text for a language, or its masks would not fit those in the repository.
    """
    for recipe in recipes:
        repository.check(recipe, layout_for(recipe, checkpoint.body))
    lacking = {}
    for language in languages:
        revision = text_revision(corpus, next(iter(recipes)), language)
        present = {recipe: [] if replace else repository.seeds(recipe, language, revision) for recipe in recipes}
        by_recipes: dict[tuple[Recipe, ...], list[int]] = defaultdict(list)
        for seed in seeds:
            by_recipes[tuple(recipe for recipe in recipes if seed not in present[recipe])].append(seed)
        by_recipes.pop((), None)
        lacking[language] = by_recipes
    return lacking
