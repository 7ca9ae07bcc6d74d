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
from xsns_hf.errors import XsnsError
from xsns_hf.evaluation.evaluate import Evaluation, compare
from xsns_hf.gold import Gold, restricted
from xsns_hf.predictors import Inputs
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

PAPER_DENSITY = 0.15
FIELDS = [field.name for field in fields(Recipe)]
OF_CHECKPOINT = ("checkpoint", "revision", "head")
SPREAD = "ndcg@3 std"
FEWEST = 3
"""Languages that recipes must share: a target and two sources to tell apart."""


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
    patterns: Sequence[str] = ("*",),
    corpus: Corpus | None = None,
    models: Mapping[str, str] | None = None,
) -> Sweep:
    """Compare all recipes of some repositories.

    Args:
        repositories: of one checkpoint or several.
        gold: the true scores.
        patterns: which recipes, by name, with `*` and `?`.
        corpus: text; with it, each checkpoint's mean embeddings are compared as well.
        models: where to find checkpoints, by their names in recipes; one that isn't named is loaded by its name.

    Raises:
        XsnsError: there is one recipe only, the recipes or the gold scores have too few languages in common, or a
            checkpoint can't be loaded.
    """
    found = [masks for each in repositories for masks in _read(each, patterns)]
    if not found:
        there = sorted({name for each in repositories for name in each.recipes()})
        raise XsnsError(f"No recipe is called {', '.join(patterns)}: there are {', '.join(there)}.")
    if len(found) < 2:
        raise XsnsError(
            f"{', '.join(each.name for each in repositories)}: {len(found)} recipe(s) to compare, and it takes two: "
            "make more with `xsns extract … --examples 64,128,256 --density 0.05,0.15,0.3`."
        )
    shared = frozenset.intersection(*(frozenset(masks.languages) for masks in found))
    if len(shared) < FEWEST:
        fewest = min(found, key=lambda masks: len(masks.languages))
        raise XsnsError(
            f"The recipes have masks of {len(shared)} languages in common, and a comparison takes {FEWEST}: extract "
            f"the others' languages for {fewest.name} in {fewest.repository.name}, which has "
            f"{', '.join(fewest.languages)}, or choose recipes with --recipes."
        )
    scores = _of_languages(gold, shared)
    chosen = _chosen([masks.recipe for masks in found]) if corpus or _checkpoints(found) > 1 else []
    embedded = {number: _embeddings(found[number].recipe, scores, corpus, models or {}) for number in chosen if corpus}
    predictions = {
        f"{number} {seed}": [table] for number, masks in enumerate(found) for seed, table in _full(masks, scores)
    }
    result = compare(scores, predictions | {f"embedding {number}": [table] for number, table in embedded.items()})
    recipes = pd.DataFrame([_row(masks, number, result) for number, masks in enumerate(found)])
    steady = [_stability(masks, _full(masks, scores), result) for masks in found if len(_full(masks, scores)) > 1]
    stability = pd.DataFrame(steady, columns=["repository", "recipe", "seeds", "spearman", "same_first"])
    anywhere = frozenset.union(*(frozenset(masks.languages) for masks in found)) & {*gold.targets, *gold.sources}
    textless = shared & {*scores.targets, *scores.sources} - {*corpus.languages} if corpus else ()
    order = [*(each for each in FIELDS if each not in {"examples", "density"}), "examples", "density"]
    rows = recipes.sort_values(order, kind="stable", ignore_index=True)
    return Sweep(
        rows,
        rows[["repository", "recipe", SPREAD]].merge(stability)[[*stability.columns, SPREAD]],
        _table4(chosen, found, recipes, result),
        result.candidates,
        sorted(anywhere - shared),
        sorted(textless),
    )


def _read(repository: MaskRepository, patterns: Sequence[str]) -> list[RecipeMasks]:
    names = [name for name in repository.recipes() if any(fnmatchcase(name, pattern) for pattern in patterns)]
    return [repository.masks(name) for name in names]


def _of_languages(gold: Gold, shared: frozenset[str]) -> Gold:
    """Return the gold scores of the languages that all recipes have."""
    try:
        return restricted(gold, sorted(shared), sorted(shared))
    except XsnsError:
        raise XsnsError(
            f"{gold.name} has no score of two languages that all recipes have masks of ({', '.join(sorted(shared))}): "
            "give gold scores of these, or extract the languages that it has."
        ) from None


def _full(masks: RecipeMasks, gold: Gold) -> list[tuple[int, pd.DataFrame]]:
    """Return the seeds that cover the most pairs, with their predictions; see `evaluate.predict`."""
    tables = {seed: table.reindex(index=gold.targets, columns=gold.sources) for seed, table in masks.by_seed.items()}
    covered = {seed: int(table.notna().to_numpy().sum()) for seed, table in tables.items()}
    return [(seed, table) for seed, table in sorted(tables.items()) if covered[seed] == max(covered.values())]


def _row(masks: RecipeMasks, number: int, result: Evaluation) -> dict[str, object]:
    """Average a recipe's metrics over seeds, then targets, as `evaluate` does."""
    names = [name for name in result.per_target.index.unique("predictor") if name.split()[0] == str(number)]
    by_seed = [result.per_target.loc[name] for name in names]
    means = (sum(by_seed[1:], by_seed[0]) / len(by_seed)).mean()
    spread = np.std([table["ndcg@3"].mean() for table in by_seed], ddof=1) if len(by_seed) > 1 else np.nan
    about = {"repository": masks.repository.name, "recipe": masks.name, **masks.recipe.to_dict()}
    return {
        **about,
        "sentences": float(masks.index["examples"].mean()),
        "seeds": len(by_seed),
        **means,
        SPREAD: float(spread),
    }


def _stability(masks: RecipeMasks, tables: list[tuple[int, pd.DataFrame]], result: Evaluation) -> dict[str, object]:
    """Compare the seeds' rankings of each target's candidates, two seeds at a time."""
    ranks = [
        pd.DataFrame({target: table.loc[target, pool].rank() for target, pool in result.candidates.items()})
        for _, table in tables
    ]
    found = [(one.corrwith(other), one.idxmax() == other.idxmax()) for one, other in combinations(ranks, 2)]
    return {
        "repository": masks.repository.name,
        "recipe": masks.name,
        "seeds": len(tables),
        "spearman": float(pd.concat([spearman for spearman, _ in found]).mean()),
        "same_first": float(pd.concat([same for _, same in found]).mean()),
    }


def _checkpoints(found: Sequence[RecipeMasks]) -> int:
    return len({(masks.recipe.checkpoint, masks.recipe.revision) for masks in found})


def _chosen(recipes: Sequence[Recipe]) -> list[int]:
    """Choose a recipe of each checkpoint: made alike where they can be; of those nearest to the paper's p, largest |D|.

    Returns:
        Their numbers.
    """
    settings = [tuple(value for key, value in each.to_dict().items() if key not in OF_CHECKPOINT) for each in recipes]
    common = {
        each: len({one.revision for one, own in zip(recipes, settings, strict=True) if own == each})
        for each in settings
    }

    def preference(number: int) -> tuple[float, ...]:
        recipe = recipes[number]
        return -common[settings[number]], round(abs(recipe.density - PAPER_DENSITY), 6), -recipe.examples

    numbers: dict[tuple[str, str], int] = {}
    for number in sorted(range(len(recipes)), key=preference):
        numbers.setdefault((recipes[number].checkpoint, recipes[number].revision), number)
    return sorted(numbers.values())


def _embeddings(recipe: Recipe, gold: Gold, corpus: Corpus | None, models: Mapping[str, str]) -> pd.DataFrame:
    """Return EMB's predictions from a recipe's checkpoint, from as many sentences of one sample."""
    from xsns_hf.predictors.embedding import Embedding  # with torch, which takes seconds to import

    where = models.get(recipe.checkpoint, recipe.checkpoint)
    embedding = Embedding(Inputs(corpus=corpus, model=where, examples=recipe.examples))
    remedy = f"say where its own is with --models {recipe.checkpoint}=PATH, or leave out --text"
    try:
        revision = embedding.revision
    except XsnsError as error:
        raise XsnsError(f"The checkpoint {recipe.checkpoint} can't be embedded: {remedy}. ({error})") from error
    if revision != recipe.revision:
        raise XsnsError(f"{where} is at revision {revision}, the masks are of {recipe.revision}: {remedy}.")
    return embedding.scores(gold.targets, gold.sources)


def _table4(chosen: list[int], found: list[RecipeMasks], recipes: pd.DataFrame, result: Evaluation) -> pd.DataFrame:
    about = ["checkpoint", "repository", "recipe", "examples", "density"]
    metrics = list(result.table.columns)
    rows: list[dict] = []
    for number in chosen:
        own = recipes.loc[number]
        rows.append({**own[about], "predictor": "xsns", **own[metrics]})
        if f"embedding {number}" in result.table.index:
            rows.append({**own[about], "predictor": "embedding", **result.table.loc[f"embedding {number}"]})
    return pd.DataFrame(rows, columns=[*about, "predictor", *metrics])
