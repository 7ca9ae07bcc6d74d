"""The answer in a few words: which sources to take, how sure that is, what English would cost.

`advice` has the longer sentences, `wording` those of similarity alone.
"""

from collections.abc import Sequence
from functools import cache

import pandas as pd

from xsns_hf.languages.codes import name
from xsns_hf.ranking.advice import ENGLISH, about, cost_of_english, hardly_matters, points
from xsns_hf.ranking.expected_scores import Outlook
from xsns_hf.ranking.rank import Ranking
from xsns_hf.ranking.wording import in_points, listed
from xsns_hf.tasks import TASKS, load_task

MOST_NAMED = 3
"""Sources that a headline names; it counts the others."""


def expected_headline(ranking: Ranking, outlook: Outlook, task: str = "", target: str | None = None) -> list[str]:
    """Return what to take by an outlook, in sentences of which the first is the headline.

    Args:
        ranking: whose target.
        outlook: what to expect of its candidates.
        task: name of the task, if it is one of `TASKS`.
        target: what to call the target; by default its name.
    """
    named, number = outlook.best_set[:MOST_NAMED], len(outlook.order)
    take = f"{_for(target or name(ranking.target), task)}: {listed([name(code) for code in named], 'or')}."
    if number == 1:
        return [take, "It is the only candidate: there is nothing to compare it with."]
    if hardly_matters(outlook):
        held = "The choice hardly matters here: most sources come within a point of the best."
    else:
        held = _held(outlook, len(named))
    english = cost_of_english(outlook, "instead costs")
    return [take, _level(outlook, named), held, *([f"{english}."] if english else [])]


def similarity_headline(ranking: Ranking, target: str | None = None) -> list[str]:
    """Return which sources are the most alike, in sentences of which the first is the headline.

    Args:
        ranking: by similarity.
        target: what to call the target; by default its name.
    """
    best, called = ranking.most_similar, target or name(ranking.target)
    take = f"Most alike to {called}: {best.name}"
    if len(ranking.candidates) == 1:
        return [f"{take}.", "It is the only candidate: there is nothing to compare it with."]
    if ranking.seeds == 1:
        return [f"{take}.", "There is one sample of text only, so how sure that is can't be said."]
    equals = [source.name for source in ranking.candidates if source.as_good_as_best and source is not best]
    if equals:
        return [f"{take}; can't be told apart: {counted(equals)}.", f"That is over {ranking.seeds} samples of text."]
    return [f"{take}.", f"It is ahead of all others by more than the spread over {ranking.seeds} samples of text."]


def place_of_english(ranking: Ranking) -> str:
    """Say where English stands by similarity, the source that everyone uses; "" if it is the target."""
    if ranking.target == ENGLISH:
        return ""
    ordered = sorted(ranking.candidates, key=lambda source: -source.similarity)
    place = next((place for place, source in enumerate(ordered, 1) if source.language == ENGLISH), 0)
    if not place:
        return "English isn't among the candidates."
    if place == 1:
        return f"English, the usual choice, is also the first of {len(ordered)} here."
    alike = ", yet can't be told apart from the first" if ordered[place - 1].as_good_as_best else ""
    return f"English, the usual choice, is number {place} of {len(ordered)}{alike}."


def measured_in_words(measured: pd.Series, ranking: Ranking, outlook: Outlook) -> str:
    """Say what scores the target itself has with the candidates, which nothing here was learnt from; "" for none.

    Args:
        measured: by source, best first.
        ranking: in the order that is shown.
        outlook: what was expected.
    """
    there = measured[measured.index.isin(outlook.order)]
    if there.empty:
        return ""
    best, digits = str(there.index[0]), 1 if in_points(outlook.table) else 2
    first = next(code for code in outlook.order if code in there)
    beside = [code for code in dict.fromkeys([first, ENGLISH]) if code in there and code != best]
    others = ", ".join(f"{name(code)} has {there[code]:.{digits}f}" for code in beside)
    return (
        f"Measured on {name(ranking.target)} itself, and not used here: of {len(there)} sources {name(best)} is the "
        f"best with {there[best]:.{digits}f}{'; ' if others else ''}{others}."
    )


def counted(names: Sequence[str]) -> str:
    """Name a few and count the others: `Swedish, Danish, Dutch and 4 others`."""
    others = len(names) - MOST_NAMED
    if others <= 0:
        return listed(names)
    return f"{', '.join(names[:MOST_NAMED])} and {others} other{'s' * (others > 1)}"


@cache
def task_in_words(task: str) -> str:
    """Return what a task is called in a sentence: `part-of-speech tagging`."""
    return load_task(task).about.partition(":")[0] if task in TASKS else task


def _for(target: str, task: str) -> str:
    return f"For {target} {task_in_words(task)}" if task else f"For {target}"


def _level(outlook: Outlook, named: Sequence[str]) -> str:
    """Say what the sources that are named are expected to score."""
    table, digits = outlook.table, 0 if in_points(outlook.table) else 2
    expected, lower, upper = table.loc[named[0], ["expected", "lower", "upper"]]
    metric = f"{outlook.gold.metric}; " if outlook.gold.metric else ""
    level = f"about {expected:.{digits}f} ({metric}90 %: {lower:.{digits}f} to {upper:.{digits}f})"
    if len(named) == 1:
        return f"It is expected to score {level}."
    gap = points(expected - table.loc[named, "expected"].min(), outlook)
    if gap < 1:
        return f"Take any: they are expected within a point of each other, at {level}."
    return f"{name(named[0])} is expected to score {level}, {name(named[-1])} {about(gap)} less."


def _held(outlook: Outlook, named: int) -> str:
    """Say with what probability the sources that are named, and how many others, hold the best one."""
    chosen, number = outlook.best_set, len(outlook.order)
    sure = f"{100 * outlook.table.loc[chosen, 'best'].sum():.0f} %"
    others = len(chosen) - named
    if others:
        return f"With {sure} the best of {number} is one of these or of {others} other{'s' * (others > 1)}."
    return f"With {sure} {'it is the best of' if named == 1 else 'one of them is the best of'} {number} sources."
