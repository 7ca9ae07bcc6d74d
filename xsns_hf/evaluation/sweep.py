"""What the choices of a recipe do: density, sample size, checkpoint, seeds (§6.1, §6.2, appendix D of the paper).

All from masks that are there and gold scores. Every recipe is judged on the same pairs of languages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from itertools import combinations

import numpy as np
import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.evaluation.checkpoints import embedding_scores, representatives, table_of_checkpoints
from xsns_hf.evaluation.evaluate import compare
from xsns_hf.gold import Gold, restricted
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

FIELDS = [field.name for field in fields(Recipe)]
SPREAD = "ndcg@3 std"
FEWEST = 3
"""Languages that recipes must share: a target and two sources to tell apart."""

_ORDER = [*(field for field in FIELDS if field not in {"examples", "density"}), "examples", "density"]
"""What recipes are sorted by."""


@dataclass(frozen=True)
class Sweep:
    """Recipes compared on the same pairs of languages.

    Attributes:
        recipes: a row per recipe: columns repository, recipe (its name), all fields of a `Recipe`, sentences (the mean
            of the true |D|), seeds (how many), `xsns evaluate`'s metrics, and `SPREAD`, NaN with one seed.
        stability: a row per recipe with several seeds: repository, recipe, seeds; spearman, the mean correlation of two
            seeds' rankings of a target's sources; same_first, the share of targets for which they have the same first
            source; and `SPREAD`, the standard deviation of the mean NDCG@3 over seeds.
        checkpoints: a row per checkpoint and predictor (xsns, and with text embedding): the paper's Table 4. Empty
            where there is neither a second checkpoint nor text.
        candidates: the sources that each target's ranking is over.
        lacking: languages that only some recipes have masks of, and are left out for all.
        without_text: languages left out since there is no text to embed.
    """

    recipes: pd.DataFrame
    stability: pd.DataFrame
    checkpoints: pd.DataFrame
    candidates: Mapping[str, list[str]]
    lacking: list[str]
    without_text: list[str]

    @property
    def pairs(self) -> int:
        """Number of pairs of languages that the metrics are over."""
        return sum(map(len, self.candidates.values()))


def sweep(
    repositories: Sequence[MaskRepository],
    gold: Gold,
    *,
    recipes: Sequence[str] = ("*",),
    text: Corpus | None = None,
    models: Mapping[str, str] | None = None,
) -> Sweep:
    """Compare all recipes of some repositories.

    Args:
        repositories: of one checkpoint or several.
        gold: the true scores.
        recipes: which, by name, with `*` and `?`.
        text: with it, each checkpoint's mean embeddings are compared as well.
        models: where to find checkpoints, by their names in recipes; one that isn't named is loaded by its name.

    Raises:
        MasksMissing: there is one recipe only, or the recipes have too few languages in common.
        XsnsError: the gold scores are of other languages, or a checkpoint can't be loaded.
    """
    compared = _compared(repositories, recipes)
    shared = _shared_languages(compared)
    scores = _of_languages(gold, shared)
    tables = [_fullest(masks, scores) for masks in compared]
    predictions = {f"{number} {seed}": [table] for number, own in enumerate(tables) for seed, table in own.items()}
    chosen = _checkpoints(compared, with_text=text is not None)
    if text is not None:
        embedded = {number: embedding_scores(compared[number].recipe, scores, text, models or {}) for number in chosen}
        predictions |= {f"embedding {number}": [table] for number, table in embedded.items()}
    evaluation = compare(scores, predictions)

    by_seed = [[evaluation.per_target.loc[f"{number} {seed}"] for seed in own] for number, own in enumerate(tables)]
    rows = pd.DataFrame([_row(masks, own) for masks, own in zip(compared, by_seed, strict=True)])
    ordered = rows.sort_values(_ORDER, kind="stable", ignore_index=True)
    stability = _stability(compared, tables, evaluation.candidates)
    some_have = frozenset().union(*(masks.languages for masks in compared)) & {*gold.targets, *gold.sources}
    textless = shared & {*scores.targets, *scores.sources} - {*text.languages} if text is not None else ()
    return Sweep(
        recipes=ordered,
        stability=ordered[["repository", "recipe", SPREAD]].merge(stability)[[*stability.columns, SPREAD]],
        checkpoints=table_of_checkpoints(rows.loc[chosen], evaluation),
        candidates=evaluation.candidates,
        lacking=sorted(some_have - shared),
        without_text=sorted(textless),
    )


def _compared(repositories: Sequence[MaskRepository], patterns: Sequence[str]) -> list[RecipeMasks]:
    """Return the masks of the recipes whose names fit one of the patterns; there are two at least."""
    compared = [
        repository.masks(name)
        for repository in repositories
        for name in repository.recipes()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
    if not compared:
        names = sorted({name for repository in repositories for name in repository.recipes()})
        raise MasksMissing(f"No recipe is called {', '.join(patterns)}: there are {', '.join(names)}.")
    if len(compared) < 2:
        command = compared[0].command(compared[0].languages)
        raise MasksMissing(
            f"{', '.join(repository.name for repository in repositories)}: one recipe to compare, and it takes two: "
            f"make more with `{command} --density 0.05,0.15,0.3`."
        )
    return compared


def _shared_languages(compared: Sequence[RecipeMasks]) -> frozenset[str]:
    """Return the languages that all recipes have; there are `FEWEST` at least."""
    shared = frozenset.intersection(*(frozenset(masks.languages) for masks in compared))
    if len(shared) < FEWEST:
        poorest = min(compared, key=lambda masks: len(masks.languages))
        raise MasksMissing(
            f"The recipes have masks of {len(shared)} languages in common, and a comparison takes {FEWEST}: extract "
            f"the others' languages for {poorest.name} in {poorest.repository.name}, which has "
            f"{', '.join(poorest.languages)}, or choose recipes with {parameter('recipes')}."
        )
    return shared


def _of_languages(gold: Gold, shared: frozenset[str]) -> Gold:
    """Return the gold scores of the languages that all recipes have."""
    if not gold.rows[["source", "target"]].isin(list(shared)).all(axis=1).any():
        raise XsnsError(
            f"{gold.name} has no score of two languages that all recipes have masks of ({', '.join(sorted(shared))}): "
            "give gold scores of these, or extract the languages that it has."
        )
    return restricted(gold, sorted(shared), sorted(shared))


def _fullest(masks: RecipeMasks, gold: Gold) -> dict[int, pd.DataFrame]:
    """Return by seed the predictions of those seeds that cover the most pairs; see `evaluate.predict`."""
    tables = {seed: table.reindex(index=gold.targets, columns=gold.sources) for seed, table in masks.by_seed.items()}
    covered = {seed: int(table.notna().to_numpy().sum()) for seed, table in tables.items()}
    return {seed: table for seed, table in sorted(tables.items()) if covered[seed] == max(covered.values())}


def _checkpoints(compared: Sequence[RecipeMasks], *, with_text: bool) -> list[int]:
    """Return the numbers of the recipes that represent their checkpoints; none if there is nothing to compare."""
    recipes = [masks.recipe for masks in compared]
    several = len({(recipe.checkpoint, recipe.revision) for recipe in recipes}) > 1
    return representatives(recipes) if with_text or several else []


def _row(masks: RecipeMasks, by_seed: Sequence[pd.DataFrame]) -> dict[str, object]:
    """Return a recipe's row: its metrics are averaged over seeds, then targets, as `evaluate` does.

    Args:
        masks: of the recipe.
        by_seed: for each seed the metrics of each target.
    """
    means = (sum(by_seed[1:], by_seed[0]) / len(by_seed)).mean()
    spread = np.std([table["ndcg@3"].mean() for table in by_seed], ddof=1) if len(by_seed) > 1 else np.nan
    return {
        "repository": masks.repository.name,
        "recipe": masks.name,
        **masks.recipe.to_dict(),
        "sentences": float(masks.index["examples"].mean()),
        "seeds": len(by_seed),
        **means,
        SPREAD: float(spread),
    }


def _stability(
    compared: Sequence[RecipeMasks], tables: Sequence[Mapping[int, pd.DataFrame]], candidates: Mapping[str, list[str]]
) -> pd.DataFrame:
    """Return how alike the rankings of two seeds are, a row for each recipe with several; see `Sweep.stability`."""
    rows = []
    for masks, by_seed in zip(compared, tables, strict=True):
        ranks = [
            pd.DataFrame({target: table.loc[target, sources].rank() for target, sources in candidates.items()})
            for table in by_seed.values()
        ]
        pairs = list(combinations(ranks, 2))
        if pairs:
            spearman = float(pd.concat([first.corrwith(second) for first, second in pairs]).mean())
            same = float(pd.concat([first.idxmax() == second.idxmax() for first, second in pairs]).mean())
            rows.append((masks.repository.name, masks.name, len(ranks), spearman, same))
    return pd.DataFrame(rows, columns=["repository", "recipe", "seeds", "spearman", "same_first"])
