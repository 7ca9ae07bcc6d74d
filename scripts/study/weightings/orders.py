"""Ways to order the sources of a target, and what is said of them, each learnt from other targets only."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from study.weightings.samples import Samples
from xsns_hf.expectation.choice import smallest_set
from xsns_hf.expectation.donors import without_itself
from xsns_hf.expectation.learning import STRUCTURE, WORDS, Expectation, expect
from xsns_hf.expectation.levels import Scale
from xsns_hf.expectation.standard import standardised
from xsns_hf.gold import Gold
from xsns_hf.languages.uriel import structure
from xsns_hf.predictors import Inputs, make_predictors

DEFAULT = "capped, c = 2"
OTHERS = ("lang2vec", "lexical", "genealogy", "geography")
TODAY, NEW = (2, 1, 1, 0.5, 0.5), (2, 0.5, 0.5, 0, 0)
"""What similarity and the others count for."""


def orders(samples: Samples, gold: Gold, size: int, seeds: Sequence[int]) -> dict[str, list[pd.DataFrame]]:
    """Return by name what orders the sources, targets × sources for each seed, higher is better."""
    exact, capped, normalised = (
        [of_gold(samples.similarity(way, size, seed), gold) for seed in seeds]
        for way in ("exact", DEFAULT, "normalised")
    )
    parts = others(samples, gold)
    grammar, words = parts[:2]
    return {
        "exact": exact,
        "capped": capped,
        "normalised": normalised,
        "2 exact + structure + words + ½ descent + ½ nearness": [joined(table, parts, TODAY) for table in exact],
        "2 capped + structure + words + ½ descent + ½ nearness": [joined(table, parts, TODAY) for table in capped],
        "2 capped + ½ structure + ½ words": [joined(table, parts, NEW) for table in capped],
        **{
            title: [make_predictors([name], Inputs(gold=gold))[0].scores(gold.targets, gold.sources)]
            for title, name in {"English": "english", "donor": "donor"}.items()
        },
        "expected, of similarity alone": [indices(table, gold) for table in capped],
        "expected": [indices(table, gold, {STRUCTURE: grammar}) for table in capped],
        "expected, with text": [indices(table, gold, {STRUCTURE: grammar, WORDS: words}) for table in capped],
        "expected, exact": [indices(table, gold, {STRUCTURE: grammar}) for table in exact],
    }


def others(samples: Samples, gold: Gold) -> list[pd.DataFrame]:
    """Return the z-scores of predictors that aren't of masks, targets × sources."""
    predictors = make_predictors(OTHERS, Inputs(text=samples.corpus, model=samples.model))
    return [standardised(each.scores(gold.targets, gold.sources)) for each in predictors]


def joined(similarity: pd.DataFrame, parts: Sequence[pd.DataFrame], weights: Sequence[float]) -> pd.DataFrame:
    """Return a weighted sum of z-scores; a part that is unknown of a pair adds nothing."""
    first, *further = weights
    return first * standardised(similarity) + sum(
        weight * part.fillna(0) for weight, part in zip(further, parts, strict=True)
    )


def of_gold(table: pd.DataFrame, gold: Gold) -> pd.DataFrame:
    """Return a table's pairs that there is gold of."""
    return table.reindex(index=gold.targets, columns=gold.sources)


def expectations(
    similarity: pd.DataFrame, gold: Gold, beside: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str, Expectation]]:
    """Yield each target with what is expected of its sources."""
    for target in gold.targets:
        candidates = [source for source in gold.sources if source != target]
        yield target, expect(similarity, gold.matrix(), target, candidates, beside)


def indices(similarity: pd.DataFrame, gold: Gold, beside: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """Return the index by which sources are ordered, targets × sources."""
    rows = {target: each.index for target, each in expectations(similarity, gold, beside or {})}
    return of_gold(pd.DataFrame(rows).T, gold)


def predicted_sets(samples: Samples, gold: Gold, size: int, seeds: Sequence[int]) -> Iterator[dict[str, float]]:
    """Yield for each target and seed whether its 80 % set holds the best source, how large it is, of how many, and
    what share of the sources is said to be within a point of the best, and is.
    """
    truth = without_itself(gold.matrix())
    beside = {STRUCTURE: structure(gold.targets, gold.sources)}
    for seed in seeds:
        similarity = of_gold(samples.similarity(DEFAULT, size, seed), gold)
        for target, expected in expectations(similarity, gold, beside):
            own = truth.loc[target, expected.index.index]
            chosen = smallest_set(expected.choice.best(expected.index))
            close = own >= own.max() - Scale.of(truth).point
            yield {
                "holds": float(own[chosen].max() == own.max()),
                "number": float(len(chosen)),
                "of": float(len(own)),
                "said": float(expected.choice.close(expected.index).mean()),
                "are": float(close.mean()),
            }
