"""What of an extraction is there already, told from recipes and text. Needs no torch."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import product

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.extraction.planning import Plan
from xsns_hf.models.identity import Identity, head_kind, identity_of
from xsns_hf.recipe import LANGUAGE_MODELLING, Recipe
from xsns_hf.text.corpus import Corpus, labelled_revision, revision

DEFAULTS = ("mlm", "clm", "span")
"""Objectives that are the default of each model that they fit; `infilling` fits models that have another."""


def text_revision(corpus: Corpus, recipe: Recipe, language: str) -> str:
    """Return the hash of a language's sentences, or of its rows for an objective with labels.

    Raises:
        XsnsError: there are none.
    """
    return (revision if recipe.objective in LANGUAGE_MODELLING else labelled_revision)(corpus, language)


def combined(recipe: Recipe, sizes: Sequence[int] = (), densities: Sequence[float] = ()) -> list[Recipe]:
    """Return a recipe with each |D| and density, its own first."""
    return [
        dataclasses.replace(recipe, examples=size, density=density)
        for size in dict.fromkeys((recipe.examples, *sizes))
        for density in dict.fromkeys((recipe.density, *densities))
    ]


def lacking(
    repository: MaskRepository,
    corpus: Corpus,
    recipes: Collection[Recipe],
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
    replace: bool = False,
) -> Mapping[str, Mapping[tuple[Recipe, ...], list[int]]]:
    """Return, by language, recipes whose masks aren't in the repository, with the seeds that lack just these.

    Raises:
        XsnsError: there is no usable text for a language, or its masks are of other text.
    """
    missing = {}
    for language in languages:
        text = text_revision(corpus, next(iter(recipes)), language)
        present = {recipe: [] if replace else repository.seeds(recipe, language, text) for recipe in recipes}
        by_recipes: dict[tuple[Recipe, ...], list[int]] = defaultdict(list)
        for seed in seeds:
            by_recipes[tuple(recipe for recipe in recipes if seed not in present[recipe])].append(seed)
        by_recipes.pop((), None)
        missing[language] = by_recipes
    return missing


def there_already(
    repository: MaskRepository,
    plan: Plan,
    model: str,
    corpus: Corpus,
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
    model_revision: str | None = None,
    sizes: Sequence[int] = (),
    densities: Sequence[float] = (),
) -> Recipe | None:
    """Return the recipe of an extraction if all of its masks are there, without loading the model.

    Args:
        repository: where they would be.
        plan: how they would be made.
        model: a model id on the Hub, a local folder, or `embedded`.
        corpus: the text.
        languages: canonical codes.
        seeds: a sub-network each.
        model_revision: branch, tag or commit on the Hub.
        sizes: further |D|.
        densities: further densities.

    Returns:
        The recipe; None where masks are lacking, or only the model itself could tell.

    Raises:
        XsnsError: what is there was made from another checkpoint, or from other text.
    """
    objectives = {recipe.objective for recipe in repository.recipes().values()}
    wanted = objectives & ({plan.objective} if plan.objective else {*DEFAULTS})
    if len(wanted) != 1:
        return None
    kind, objective = head_kind(model, plan.head_kind), wanted.pop()

    def recipes(checkpoint: Identity) -> list[Recipe]:
        return combined(plan.recipe(checkpoint, corpus), sizes, densities)

    # Names don't tell the checkpoint. Hashing a folder, or asking the Hub, is only for masks that may well be there.
    names = [recipe.name for recipe in recipes(Identity("", "", kind, objective))]
    rows = set(repository.index()[["recipe", "language", "seed"]].itertuples(index=False, name=None))
    if not rows.issuperset(product(names, languages, seeds)):
        return None
    checkpoint = identity_of(model, model_revision, kind, objective)
    if checkpoint is None:
        return None
    exact = recipes(checkpoint)
    for recipe in exact:
        repository.check(recipe, repository.layout())
    return None if any(lacking(repository, corpus, exact, languages, seeds).values()) else exact[0]
