"""What an outlook means for who has to choose a source, in plain words."""

from xsns_hf.expectation.learning import DONOR, SIMILARITY, STRUCTURE, WORDS
from xsns_hf.languages.codes import name
from xsns_hf.ranking.expected_scores import Outlook
from xsns_hf.ranking.rank import Ranking
from xsns_hf.ranking.wording import certainty

ENGLISH = "eng"

MOST_LISTED = 10
"""Sources that a sentence names."""

_JOINED = {STRUCTURE: "sounds and grammar", WORDS: "sub-words"}
"""What a source has in common with the target beside its sub-network."""

_NUMBERS = ["", "", "two", "three", "four", "five"]
"""As many as one may take any of."""


def advice(ranking: Ranking, outlook: Outlook) -> list[str]:
    """Return what to take, how much the choice matters, and why the order isn't that by similarity."""
    if len(outlook.order) < 2:
        return [f"{name(outlook.order[0])} is the only candidate: there is nothing to compare it with."]
    sentences = [_set(outlook), _matter(outlook), difference(ranking, outlook)]
    return [sentence for sentence in sentences if sentence]


def reading(ranking: Ranking, outlook: Outlook, *, ordered: bool) -> list[str]:
    """Return `advice` and what it is from.

    Args:
        ranking: the ranking.
        outlook: what to expect of its candidates.
        ordered: whether the ranking is in that order.
    """
    sentences = advice(ranking, outlook)
    if ordered:
        sentences.append(learnt(outlook))
    else:
        sentences.insert(0, f"Ordered by similarity. {certainty(ranking)} By expectation from {outlook.gold.name}:")
    if outlook.gold.origin:
        sentences.append(f"Expected from {outlook.gold.name}: {outlook.gold.origin}")
    return sentences


def difference(ranking: Ranking, outlook: Outlook) -> str:
    """Say why the order by expectation isn't that by similarity, at the first place where they differ; "" if they
    don't.
    """
    by_similarity = sorted(ranking.candidates, key=lambda source: -source.similarity)
    pairs = zip(outlook.order, [source.language for source in by_similarity], strict=True)
    place, here, there = next(
        ((place, *pair) for place, pair in enumerate(pairs, 1) if pair[0] != pair[1]), (0, "", "")
    )
    why = _why(here, there, ranking.target, outlook) if place else ""
    return why and f"By similarity alone number {place} would be {name(there)}; {name(here)} is, since {why}."


def learnt(outlook: Outlook) -> str:
    """Say what the order is by."""
    weight, targets = outlook.expectation.weight, outlook.expectation.targets
    joined = " and ".join(_JOINED[part] for part in outlook.expectation.parts if part in _JOINED)
    order = f"Ordered by expectation from {outlook.gold.name}: similarity of sub-networks joined with that of {joined}"
    if not weight:
        return f"{order}; on {targets} other targets that alone says well enough which source is good."
    return f"{order}, and with weight {weight:g} how good a source was for {targets} other targets."


def _set(outlook: Outlook) -> str:
    """Say which sources hold the best one."""
    chosen, number = outlook.best_set, len(outlook.order)
    sure = f"{outlook.table.loc[chosen, 'best'].sum():.0%}".replace("%", " %")
    names = ", ".join(map(name, chosen))
    if len(chosen) == 1:
        return f"Take {names}: it is the best of {number} sources with {sure} probability."
    if len(chosen) < len(_NUMBERS) and len(chosen) < number:
        held = f"The best of {number} is among them with {sure} probability."
        return f"Take any of these {_NUMBERS[len(chosen)]}: {names}. {held}"
    listed = f": {names}" if len(chosen) <= MOST_LISTED else ", so little is known of which it is"
    return f"It takes {len(chosen)} of {number} sources to hold the best with {sure} probability{listed}."


def _matter(outlook: Outlook) -> str:
    """Say whether the choice matters, and what English would cost, the usual one."""
    english = cost_of_english(outlook)
    if not hardly_matters(outlook):
        return english and f"{english}."
    text = "The choice hardly matters here: most sources come within a point of the best"
    return f"{text}; {english}." if english else f"{text}."


def hardly_matters(outlook: Outlook) -> bool:
    """Return whether most candidates come within a point of the best, as likely as not."""
    return bool((outlook.table["close"] >= 0.5).mean() > 0.5)


def cost_of_english(outlook: Outlook, costs: str = "would cost") -> str:
    """Say what the usual source would cost by what it did on other targets, without a full stop; "" if it is the
    first here, no candidate, or has no scores.

    Args:
        outlook: what to expect.
        costs: how to say that it does.
    """
    lost = outlook.expectation.lost.get(ENGLISH)
    if ENGLISH not in outlook.order[1:] or lost is None:
        return ""
    cost, seen = points(lost, outlook), f"as on {outlook.expectation.targets} other targets on average"
    return f"English is about as good, {seen}" if cost < 1 else f"English {costs} {about(cost)}, {seen}"


def _why(here: str, there: str, target: str, outlook: Outlook) -> str:
    """Say what speaks most for a source against a more similar one."""
    parts = outlook.expectation.parts.drop(columns=SIMILARITY)
    most = str((parts.loc[here] - parts.loc[there]).idxmax())
    if most == DONOR:
        return _stronger(here, there, outlook)
    return f"its {_JOINED[most]} are more like those of {name(target)}" if most in _JOINED else ""


def _stronger(here: str, there: str, outlook: Outlook) -> str:
    """Say in what way a source is the stronger donor than another; "" if it isn't."""
    known, strength = outlook.gold.sources, outlook.expectation.strength
    gain = points(strength[here] - strength[there], outlook)
    if gain <= 0:
        return ""
    if there not in known:
        unknown = f"nothing is known of {name(there)} as a source"
        return f"on other targets it scored {about(gain)} more than the average source, and {unknown}"
    if here not in known:
        return f"on other targets {name(there)} scored {about(gain)} less than the average source"
    return f"on other targets it scored {about(gain)} more than {name(there)}"


def points(gain: float, outlook: Outlook) -> float:
    """Return a difference of scores in points, of a hundred."""
    return float(gain) / outlook.expectation.scale.point


def about(points: float) -> str:
    """Say how many points these are, about."""
    if points < 0.95:
        return "under a point"
    return f"about {points:.0f} point{'s' if round(points) > 1 else ''}"
