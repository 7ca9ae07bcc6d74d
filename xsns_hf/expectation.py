"""What score to expect from a source: similarity turned into a score, with an interval (§5.3, for a user)."""

import pandas as pd

from xsns_hf.errors import XsnsError
from xsns_hf.gold import Gold
from xsns_hf.ranking import Ranking
from xsns_hf.regression import fit
from xsns_hf.repository import MaskRepository

CONFIDENCE = 0.9
"""Probability that a score is to be in its interval."""

FEWEST_TARGETS = 5
"""Targets that gold scores need: how targets differ makes up most of the interval."""


def expected_scores(ranking: Ranking, masks: MaskRepository, gold: Gold) -> pd.DataFrame:
    """Predict the score of each source for the target of a ranking.

    Scores are regressed on the mean similarity over seeds, with an intercept for each source and each target. The
    target's own gold scores, if there are any, aren't looked at: it is predicted as a new target is, so its intercept
    is unknown and widens the interval.

    Args:
        ranking: whose sources to predict.
        masks: the repository that it is from.
        gold: scores of other targets, of the same task and model.

    Returns:
        index: the ranking's sources; columns expected, lower, upper, in the unit of the gold scores.

    Raises:
        XsnsError: too few gold scores are of languages with masks.
    """
    similarity = masks.similarity()
    similarity = similarity[similarity["recipe"] == ranking.recipe].groupby(["source", "target"], as_index=False)
    scores = gold.rows.groupby(["source", "target"], as_index=False)["score"].mean()
    pairs = scores.merge(similarity["jaccard"].mean())
    pairs = pairs[pairs["target"] != ranking.target].rename(columns={"jaccard": "similarity"})
    if pairs["target"].nunique() < FEWEST_TARGETS or pairs["source"].nunique() < 2:
        raise XsnsError(
            f"{gold.name} has scores of {pairs['target'].nunique()} other targets and {pairs['source'].nunique()} "
            f"sources with masks in {masks.name}: at least {FEWEST_TARGETS} and 2 are needed to predict a score."
        )
    regression = fit(pairs, ["similarity"], "mixed")
    asked = pd.DataFrame(
        {
            "source": [source.language for source in ranking.sources],
            "target": ranking.target,
            "similarity": [source.similarity for source in ranking.sources],
        }
    )
    found = regression.interval(asked, CONFIDENCE).assign(expected=regression.predict(asked))
    return found.set_index(asked["source"])[["expected", "lower", "upper"]]
