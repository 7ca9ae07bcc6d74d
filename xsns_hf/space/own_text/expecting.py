"""What to expect of the sources for a language that was brought, where scores of the task are known."""

import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.expectation.donors import without_itself
from xsns_hf.expectation.learning import TooFewTargets
from xsns_hf.gold import Gold
from xsns_hf.ranking.expected_scores import Outlook, outlook_from
from xsns_hf.ranking.rank import Ranking
from xsns_hf.ranking.suggestions import Suggestions


def suggestions_of(ranking: Ranking, masks: RecipeMasks, gold: Gold | None, *, comparable: bool) -> Suggestions:
    """Return the sources of a brought language, by the score to expect where enough scores are known.

    Args:
        ranking: by the similarity of the brought mask.
        masks: the published ones.
        gold: scores of the task, if one is asked about and some are known.
        comparable: whether the similarities are as those of the published masks; fewer sentences make lower ones, and
            lower ones would promise lower scores, so they are taken to be as high as others are on average.
    """
    outlook = None if gold is None else _outlook(ranking, masks, gold, comparable)
    if outlook is None:
        lack = "" if gold is None else f"The scores of {gold.name} are of too few languages with masks to learn from."
        return Suggestions(ranking, lack=lack)
    return Suggestions(ranking.ordered(outlook.order), outlook, ordered_by="expectation")


def _outlook(ranking: Ranking, masks: RecipeMasks, gold: Gold, comparable: bool) -> Outlook | None:
    try:
        return outlook_from(ranking, _with(ranking, masks.similarity(), comparable), gold)
    except TooFewTargets:
        return None


def _with(ranking: Ranking, similarity: pd.DataFrame, comparable: bool) -> pd.DataFrame:
    """Return the published similarities with the brought language's as a row of theirs."""
    row = pd.Series({source.language: source.similarity for source in ranking.candidates})
    if not comparable:
        row *= float(without_itself(similarity)[row.index].stack().mean()) / row.mean()
    own = row.to_frame(ranking.target).T
    return pd.concat([similarity.drop(index=ranking.target, errors="ignore"), own])
