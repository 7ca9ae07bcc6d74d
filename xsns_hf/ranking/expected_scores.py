"""What score to expect from a source: similarity turned into a score, with an interval (§5.3, for a user)."""

from pathlib import Path

import pandas as pd

from xsns_hf.dataset.published import known_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.shipped import shipped_table
from xsns_hf.errors import MasksMissing
from xsns_hf.gold import SCORES, Gold, read_gold
from xsns_hf.ranking.rank import Ranking
from xsns_hf.ranking.regression import fit

CONFIDENCE = 0.9
"""Probability that a score is to be in its interval."""

FEWEST_TARGETS = 5
"""Targets that gold scores need: how targets differ makes up most of the interval."""


def gold_of(where: str, masks: MaskRepository | None, metric: str | None = None) -> Gold:
    """Return the gold scores of a file or folder; where there is none, of a task: published with masks, or shipped.

    Args:
        where: path of a CSV or of a folder that `xsns transfer` made, or name of a task or of a shipped table.
        masks: the repository, if any.
        metric: which scores, where there are several metrics.

    Raises:
        XsnsError: see `read_gold` and `known_gold`.
    """
    is_file = Path(where).is_file() or (Path(where) / SCORES).is_file()
    if is_file or (masks is None and shipped_table(where) is None):
        return read_gold(where, metric)
    return known_gold(masks, where, metric)


def expected_scores(ranking: Ranking, masks: RecipeMasks, gold: Gold) -> pd.DataFrame:
    """Predict the score of each source for the target of a ranking.

    Scores are regressed on the mean similarity over seeds, with an intercept for each source and each target. The
    target's own gold scores, if there are any, aren't looked at: it is predicted as a new target is, so its intercept
    is unknown and widens the interval.

    Args:
        ranking: whose sources to predict.
        masks: those that it is from.
        gold: scores of other targets, of the same task and model.

    Returns:
        index: the ranking's sources; columns expected, lower, upper, in the unit of the gold scores.

    Raises:
        MasksMissing: too few gold scores are of languages with masks.
    """
    similarity = masks.pairs.groupby(["source", "target"], as_index=False)
    scores = gold.rows.groupby(["source", "target"], as_index=False)["score"].mean()
    pairs = scores.merge(similarity["jaccard"].mean())
    pairs = pairs[pairs["target"] != ranking.target].rename(columns={"jaccard": "similarity"})
    if pairs["target"].nunique() < FEWEST_TARGETS or pairs["source"].nunique() < 2:
        raise MasksMissing(
            f"{gold.name} has scores of {pairs['target'].nunique()} other targets and {pairs['source'].nunique()} "
            f"sources with masks in {masks.repository.name}: at least {FEWEST_TARGETS} and 2 are needed to predict a "
            "score."
        )
    regression = fit(pairs, ["similarity"], "mixed")
    new_pairs = pd.DataFrame(
        {
            "source": [source.language for source in ranking.sources],
            "target": ranking.target,
            "similarity": [source.similarity for source in ranking.sources],
        }
    )
    scores_to_expect = regression.interval(new_pairs, CONFIDENCE).assign(expected=regression.predict(new_pairs))
    return scores_to_expect.set_index(new_pairs["source"])[["expected", "lower", "upper"]]
