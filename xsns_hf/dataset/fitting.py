"""Whether masks may be added to those of a repository."""

import dataclasses

import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.errors import Incompatible, parameter
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.recipe import Recipe, commits_in


def check_fits(
    where: str, index: pd.DataFrame, stored: ParameterLayout, recipe: Recipe, layout: ParameterLayout
) -> None:
    """Make sure that masks of a recipe and layout may be added to those of an index.

    Args:
        where: what to call the repository.
        index: its index.
        stored: its layout, without tensors if it is empty.
        recipe: of the new masks.
        layout: of the new masks.

    Raises:
        Incompatible: the repository holds masks of another checkpoint, revision or layout, or another recipe of
            the same name.
    """
    for row in index.drop_duplicates("recipe").to_dict("records"):
        other = schema.recipe_of(row)
        if other.revision == recipe.revision and commits_in(recipe.revision):
            recipe = dataclasses.replace(
                recipe, checkpoint=other.checkpoint
            )  # the same commit, if of a model renamed since
        if (other.checkpoint, other.revision) != (recipe.checkpoint, recipe.revision):
            raise Incompatible(
                f"{where} holds masks of {other.checkpoint} at revision {other.revision}, not of "
                f"{recipe.checkpoint} at {recipe.revision}: give each checkpoint a repository of its own."
            )
        if other.name == recipe.name and other != recipe:
            raise Incompatible(
                f"{where} holds another recipe {other.name} ({other.differences(recipe)}): masks of both "
                f"can't be compared; use another repository or {parameter('corpus_name')}."
            )
    if stored.tensors and stored.fingerprint != layout.fingerprint:
        raise Incompatible(
            f"{where} holds masks over {stored.size:,} parameters, these are over {layout.size:,} with other names or "
            "shapes (another checkpoint, or neurons): give them a repository of their own."
        )
