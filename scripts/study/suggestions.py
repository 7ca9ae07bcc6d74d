"""What our first suggestion of a source is worth, against English and the best source."""

from collections.abc import Iterable

import pandas as pd

from xsns_hf import MaskRepository, rank_sources

ENGLISH = "eng"
LOW_RESOURCE = ["afr", "bre", "ckb", "fry", "gle", "hin", "isl", "kaz", "ltz", "mar", "als", "swh", "tel", "tat", "uzn"]
"""Targets of appendix E; its "Mauritania (MR)" is taken to be Marathi."""
NO_SUGGESTIONS = pd.DataFrame(columns=["source", "english", "ours", "best_source", "best"])


def suggested(scores: pd.DataFrame, masks: MaskRepository, recipe: str, targets: Iterable[str]) -> pd.DataFrame:
    """Return a row for each target with masks and with a score with English, in the order of the targets.

    The columns are source, english, ours, best_source and best: of the sources that have scores and masks, which ranks
    first and which has the best score; and the scores of English, of these two. A target with fewer than two sources to
    choose from has no row, nor has English.

    Args:
        scores: targets × sources, NaN where there is none.
        masks: to rank sources by.
        recipe: which of them.
        targets: canonical codes.
    """
    with_masks = set(masks.masks(recipe).languages)
    rows = {}
    for target in targets:
        if target not in with_masks or target not in scores.index or target == ENGLISH:
            continue
        own = scores.loc[target].drop(target, errors="ignore").dropna()
        pool = sorted(set(own.index) & with_masks)
        if len(pool) < 2 or ENGLISH not in own.index:
            continue
        first = rank_sources(target, masks, recipe=recipe, candidates=pool, top=1).sources[0].language
        best = own[pool].idxmax()
        rows[target] = (first, own[ENGLISH], own[first], best, own[best])
    return pd.DataFrame.from_dict(rows, orient="index", columns=NO_SUGGESTIONS.columns)
