"""Checkpoints compared, by their masks and by their mean embeddings (the paper's Table 4)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from xsns_hf.errors import HubError, Incompatible, XsnsError, parameter
from xsns_hf.evaluation.evaluate import Evaluation
from xsns_hf.gold import Gold
from xsns_hf.predictors import Inputs
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

OF_CHECKPOINT = ("checkpoint", "revision", "head")
"""The fields of a recipe that say what the model is, not how its masks are made."""


def representatives(recipes: Sequence[Recipe]) -> list[int]:
    """Return the numbers of one recipe of each checkpoint, made alike where they can be.

    Of those that as many checkpoints have it is the one nearest to the paper's p, then that of the largest |D|.
    """
    settings = [
        tuple(value for field, value in recipe.to_dict().items() if field not in OF_CHECKPOINT) for recipe in recipes
    ]
    revisions_with = Counter(
        setting for setting, _ in {(own, recipe.revision) for own, recipe in zip(settings, recipes, strict=True)}
    )

    def preference(number: int) -> tuple[float, ...]:
        recipe = recipes[number]
        return -revisions_with[settings[number]], round(abs(recipe.density - Recipe.density), 6), -recipe.examples

    numbers: dict[tuple[str, str], int] = {}
    for number in sorted(range(len(recipes)), key=preference):
        numbers.setdefault((recipes[number].checkpoint, recipes[number].revision), number)
    return sorted(numbers.values())


def embedding_scores(recipe: Recipe, gold: Gold, text: Corpus, models: Mapping[str, str]) -> pd.DataFrame:
    """Return EMB's predictions from a recipe's checkpoint, from as many sentences of one sample.

    Args:
        recipe: whose checkpoint and |D| to take.
        gold: whose targets and sources to predict.
        text: to embed.
        models: where to find checkpoints, by their names in recipes; one that isn't named is loaded by its name.

    Raises:
        XsnsError: the checkpoint can't be loaded.
        Incompatible: it isn't at the revision that the masks are of.
    """
    from xsns_hf.predictors.embedding import Embedding  # with torch, which takes seconds to import

    where = models.get(recipe.checkpoint, recipe.checkpoint)
    embedding = Embedding(Inputs(text=text, model=where, examples=recipe.examples))
    own_place = parameter("models", f"{recipe.checkpoint}=PATH")
    remedy = f"say where its own is with {own_place}, or leave out {parameter('text')}"
    try:
        revision = embedding.revision
    except HubError as error:
        raise XsnsError(
            f"The checkpoint {recipe.checkpoint} can't be embedded: {remedy}. ({error.sentence})"
        ) from error
    if revision != recipe.revision:
        raise Incompatible(f"{where} is at revision {revision}, the masks are of {recipe.revision}: {remedy}.")
    return embedding.scores(gold.targets, gold.sources)


def table_of_checkpoints(rows: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    """Return a row for each checkpoint and predictor (xsns and, if it was evaluated, embedding).

    Args:
        rows: of a sweep's recipes, those that represent their checkpoints, by number.
        evaluation: in which `embedding <number>` stands for the embeddings of a recipe's checkpoint.
    """
    about = ["checkpoint", "repository", "recipe", "examples", "density"]
    metrics = list(evaluation.table.columns)
    table: list[dict[str, Any]] = []
    for number, row in rows.iterrows():
        table.append({**row[about], "predictor": "xsns", **row[metrics]})
        if f"embedding {number}" in evaluation.table.index:
            table.append({**row[about], "predictor": "embedding", **evaluation.table.loc[f"embedding {number}"]})
    return pd.DataFrame(table, columns=[*about, "predictor", *metrics])
