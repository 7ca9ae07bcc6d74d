"""Suggestions: sources for a target, by what scores on other targets let expect of them where there are any."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

import pandas as pd

from xsns_hf.dataset.published import task_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import MasksMissing, XsnsError, parameter
from xsns_hf.gold import Gold
from xsns_hf.languages.codes import identify, name_and_code
from xsns_hf.ranking.advice import advice, reading
from xsns_hf.ranking.expected_scores import Outlook, gold_of, outlook
from xsns_hf.ranking.rank import Ranking, Source, check_top, masks_for, rank_in
from xsns_hf.ranking.wording import certainty, shipped
from xsns_hf.recipe import Layers
from xsns_hf.tasks import TASKS, candidate_pool

if TYPE_CHECKING:
    from xsns_hf.plotting import Picture

Order = Literal["expectation", "similarity"]
"""By what sources are ordered."""

POOL = "pool"
"""In place of candidates: the paper's of the task."""

_NAMES = {"best": "probability_best", "close": "probability_within_a_point"}
"""What an outlook's columns are called outside."""


@dataclass(frozen=True)
class Suggestions:
    """Sources for a target, best first: `len()`, `[0]` and iteration are over them.

    Attributes:
        ranking: the ranking, in this order.
        outlook: what to expect of its candidates, where scores on other targets are known; else None.
        ordered_by: what the order is by.
        layers: where masks were compared.
        lack: why there is no outlook although a task was named; else "".
        shipped: what the similarities are, if they are those that ship; else "".
    """

    ranking: Ranking
    outlook: Outlook | None = None
    ordered_by: Order = "similarity"
    layers: Layers = "all"
    lack: str = ""
    shipped: str = ""

    @property
    def target(self) -> str:
        """Canonical code."""
        return self.ranking.target

    @property
    def recipe(self) -> str:
        """Name of the masks' recipe."""
        return self.ranking.recipe

    @property
    def sources(self) -> list[Source]:
        """The candidates, best first."""
        return self.ranking.sources

    @property
    def missing(self) -> list[str]:
        """Candidates that were asked for but have no masks."""
        return self.ranking.missing

    @property
    def advice(self) -> list[str]:
        """What to take, how sure that is and how much it matters, in sentences."""
        if self.outlook:
            return reading(self.ranking, self.outlook, ordered=self.ordered_by == "expectation")
        return [certainty(self.ranking), *filter(None, [self.lack])]

    @property
    def notes(self) -> list[str]:
        """What is to be known of the masks, in sentences."""
        early = "Masks are compared in all layers and again in the lower half of them; similarity is the mean."
        return [*([early] if self.layers == "early" else []), *filter(None, [self.shipped])]

    def to_frame(self) -> pd.DataFrame:
        """Return a row per source: language, name, similarity, std, as_good_as_best.

        With an outlook also expected, lower and upper (a 90 % interval, in the unit of the scores), probability_best
        and probability_within_a_point (of the best).
        """
        frame = self.ranking.to_frame()
        return frame if self.outlook is None else frame.join(self.outlook.table.rename(columns=_NAMES), on="language")

    def to_dict(self) -> dict[str, Any]:
        """Return plain records, what `xsns rank --json` prints."""
        record: dict[str, Any] = self.ranking.to_dict() | {"ordered_by": self.ordered_by}
        if self.outlook is not None:
            table = self.outlook.table.rename(columns=_NAMES).round(4)
            for source in record["sources"]:
                source |= table.loc[source["language"]].to_dict()
            record |= self.outlook.to_dict() | {"advice": advice(self.ranking, self.outlook)}
        return record | {"layers": self.layers}

    def to_latex(self) -> str:
        r"""Return a table in LaTeX (`\usepackage{booktabs}`): similarities, and the scores to expect where known."""
        from xsns_hf.ranking.display import latex

        return latex(self)

    def plot(self) -> "Picture":
        """Draw similarities with their spread over seeds, and the scores to expect where they are known.

        Returns:
            A picture that a notebook shows; `.figure` is matplotlib's, `.save("sources.pdf")` writes it.
        """
        from xsns_hf.ranking.display import plot

        return plot(self)

    def __len__(self) -> int:
        return len(self.sources)

    @overload
    def __getitem__(self, place: int) -> Source: ...

    @overload
    def __getitem__(self, place: slice) -> list[Source]: ...

    def __getitem__(self, place: int | slice) -> Source | list[Source]:
        return self.sources[place]

    def __iter__(self) -> Iterator[Source]:
        return iter(self.sources)

    def __repr__(self) -> str:
        first = ", ".join(f"{source.language} {source.similarity:.3f}" for source in self.sources[:3])
        more = f", … {len(self)} in all" if len(self) > 3 else ""
        return f"Suggestions for {name_and_code(self.target)} by {self.ordered_by}: {first}{more}"

    def _repr_html_(self) -> str:
        from xsns_hf.ranking.display import html

        return html(self)


def suggest(
    target: str,
    masks: MaskRepository,
    *,
    candidates: Sequence[str] | str | None = None,
    task: str | None = None,
    top: int | None = None,
    by: Order | None = None,
    recipe: str | None = None,
    layers: Layers = "all",
    predict_score: str | Path | pd.DataFrame | Gold | None = None,
    metric: str | None = None,
    further: Mapping[str, pd.DataFrame] | None = None,
) -> Suggestions:
    """Rank sources for a target by what is expected of them, or by the similarity of sub-networks.

    Args:
        target: the language to transfer to, in any form that `identify` knows.
        masks: where the masks are.
        candidates: languages with labelled data, a list or a string with commas; `pool` for the paper's of the task;
            by default all that have masks.
        task: learn from what scores are known of it: published with the masks, else those that ship.
        top: show the best so many only.
        by: the order: `expectation`, the default where there are scores to learn from, or `similarity`.
        recipe: which masks, by name; by default those of the most languages.
        layers: where masks are compared, `all` or `early`; see `MaskRepository.masks`.
        predict_score: scores on other targets to learn from, see `gold_of`; by default those known of the task.
        metric: which scores, where there are several metrics.
        further: by name, more evidence of what is similar, see `outlook`.

    Raises:
        LanguageError: an unknown language.
        MasksMissing: there are no masks of the target or of the candidates; or too few of languages with the scores
            that are to be learnt from, where these were asked for and not only a task.
        XsnsError: something asked for doesn't go with another, or isn't known.
    """
    _check(by, layers)
    wanted = candidates_of(candidates, task)
    check_top(top)
    code = identify(target)
    gold = _gold_to_learn_from(masks, task, predict_score, metric)
    of_recipe = masks_for(masks, recipe, layers, code, gold.sources if gold and wanted is None else wanted)
    if by == "expectation" and gold is None:
        raise XsnsError(
            f"{parameter('by', by)} takes scores to learn from: give {parameter('predict_score')}, or a "
            f"{parameter('task')} with known ones."
        )
    needed = predict_score is not None or by == "expectation"
    return suggest_in(
        of_recipe,
        code,
        gold,
        candidates=wanted,
        task=task,
        top=top,
        by=by,
        layers=layers,
        further=further,
        needed=needed,
    )


def suggest_in(
    masks: RecipeMasks,
    target: str,
    gold: Gold | None = None,
    *,
    candidates: Sequence[str] | None = None,
    task: str | None = None,
    top: int | None = None,
    by: Order | None = None,
    layers: Layers = "all",
    further: Mapping[str, pd.DataFrame] | None = None,
    needed: bool = False,
) -> Suggestions:
    """Rank sources for a target by masks and scores that are open already, see `suggest`.

    Args:
        masks: those of one recipe.
        target: canonical code.
        gold: scores on other targets to learn from, if any.
        candidates: a list; by default all that have masks.
        task: what the scores are of, or would be.
        top: as of `suggest`.
        by: likewise.
        layers: those in which the masks are compared.
        further: as of `suggest`.
        needed: whether scores of too few languages are a mistake, and no reason to rank by similarity.

    Raises:
        XsnsError: as `suggest`.
    """
    ranking = rank_in(masks, target, candidates, top)
    expected = _outlook(ranking, masks, gold, further, needed=needed)
    plain = Suggestions(ranking, expected, layers=layers, shipped=shipped(masks))
    if expected is None:
        return replace(plain, lack=_lack(task, gold) if task else "")
    if by == "similarity":
        return plain
    return replace(plain, ranking=ranking.ordered(expected.order), ordered_by="expectation")


def _check(by: str | None, layers: str) -> None:
    for name, value, known in (("by", by, (None, *get_args(Order))), ("layers", layers, get_args(Layers))):
        if value not in known:
            choices = " or ".join(repr(choice) for choice in known if choice)
            raise XsnsError(f"{parameter(name, str(value))} isn't known: use {choices}.")


def candidates_of(candidates: Sequence[str] | str | None, task: str | None) -> Sequence[str] | None:
    """Return the candidates that are asked for, see `suggest`; None for all.

    Raises:
        XsnsError: a task's pool is asked for, but not of which task.
    """
    if not isinstance(candidates, str):
        return candidates
    if candidates != POOL:
        return candidates.split(",") if candidates else None
    if task is None:
        raise XsnsError(
            f"{parameter('candidates', POOL)} means the paper's of a task: say with {parameter('task')} of which."
        )
    return candidate_pool(task)


def _gold_to_learn_from(
    masks: MaskRepository, task: str | None, scores: str | Path | pd.DataFrame | Gold | None, metric: str | None
) -> Gold | None:
    """Return the scores that are asked for, or those known of the task, if any."""
    if scores is not None:
        return gold_of(scores, masks, metric)
    if task is None:
        return None
    return task_gold(masks, task, metric) if task in TASKS else gold_of(task, masks, metric)


def _outlook(
    ranking: Ranking,
    masks: RecipeMasks,
    gold: Gold | None,
    further: Mapping[str, pd.DataFrame] | None,
    *,
    needed: bool,
) -> Outlook | None:
    """Return what to expect of the candidates; None where scores are too few, unless it was asked for."""
    if gold is None:
        return None
    try:
        return outlook(ranking, masks, gold, further)
    except MasksMissing:
        if needed:
            raise
        return None


def _lack(task: str, gold: Gold | None) -> str:
    """Say why there is nothing to expect."""
    lack = f"The scores of {task} are of too few languages with masks to learn from"
    return f"{lack if gold else f'No scores of {task} are known'}: the order is by similarity."
