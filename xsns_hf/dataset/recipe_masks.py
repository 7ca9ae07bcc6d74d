"""Which of a repository's recipes to take, and which languages it has masks of."""

import pandas as pd

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import name
from xsns_hf.recipe import Recipe


def choose_recipe(repository: MaskRepository, recipe: str | None) -> str:
    """Return the name of a repository's recipe: the one asked for, else that of the most languages.

    Raises:
        XsnsError: it holds no such recipe, or none at all.
    """
    names = recipes_by_size(repository.index())
    if not names:
        raise XsnsError(f"{repository.name} holds no masks yet: extract some first.")
    if recipe is None:
        return names[0]
    if recipe not in names:
        raise XsnsError(
            f"{repository.name} holds no recipe '{recipe}': choose one with --recipe: {', '.join(sorted(names))}."
        )
    return recipe


def recipes_by_size(index: pd.DataFrame) -> list[str]:
    """Return the names of an index's recipes: those of the most languages first, then those of the most seeds, then
    those whose density is closest to the usual one.
    """
    recipes = index.groupby("recipe").agg({"language": "nunique", "seed": "nunique", "density": "first"})
    recipes["usual"] = -(recipes["density"] - Recipe.density).abs()
    return list(recipes.sort_values(["language", "seed", "usual"], ascending=False, kind="stable").index)


def require_masks(code: str, recipe: str, repository: MaskRepository) -> set[str]:
    """Return the languages that have masks of a recipe, once a certain one is seen to be among them.

    Raises:
        XsnsError: it isn't; the sentence says what there is.
    """
    index = repository.index()
    known = set(index.loc[index["recipe"] == recipe, "language"])
    if code not in known:
        elsewhere = sorted(set(index.loc[index["language"] == code, "recipe"]))
        others = f"choose one that has them with --recipe: {', '.join(elsewhere)}" if elsewhere else ""
        raise XsnsError(
            f"There are no masks of {name(code)} ({code}) for {recipe} in {repository.name}, which has "
            f"{', '.join(sorted(known))}: {others or f'extract it with `xsns extract --languages {code} …`'}."
        )
    return known
