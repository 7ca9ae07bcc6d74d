"""The pictures of answers and of all languages: drawn a few at a time, and kept for whoever asks the same."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import pandas as pd
from gradio.components.plot import PlotData

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.masks.clustering import clustered
from xsns_hf.space.answering.answers import Answer, square
from xsns_hf.space.answering.query import Query
from xsns_hf.space.charts.heat_map import heat_map
from xsns_hf.space.charts.language_map import LEAST, language_map
from xsns_hf.space.charts.parts import Chart
from xsns_hf.space.charts.scaling import Places, scaled
from xsns_hf.space.charts.sources import sources_chart
from xsns_hf.space.keeping import Kept
from xsns_hf.space.visitors import Line

KEPT = 64
"""Answers whose pictures are kept: a tenth of a megabyte each."""


def picture(chart: Chart) -> PlotData:
    """Return a chart as gradio's plots take it."""
    return PlotData(type="altair", plot=json.dumps(chart, ensure_ascii=False, separators=(",", ":")))


@dataclass(frozen=True)
class Overview:
    """What the pictures of all targets have in common: it takes long, and is found once for each square.

    Attributes:
        similarity: Jaccard coefficients, square and symmetric, nothing missing, see `answers.square`.
    """

    similarity: pd.DataFrame

    @cached_property
    def places(self) -> Places | None:
        """Where the languages lie on a map, if they are enough for one."""
        return scaled(self.similarity) if len(self.similarity) > 2 else None

    @cached_property
    def order(self) -> list[str]:
        """The languages, similar ones side by side."""
        return clustered(self.similarity)

    def chart(self) -> Chart:
        """Draw all languages, without a target: the map, or the heat map where the map would keep too little."""
        if self.places and self.places.kept >= LEAST:
            return language_map(self.similarity, places=self.places)
        return heat_map(self.similarity, order=self.order)


class Drawings:
    """The pictures of answers."""

    def __init__(self, line: Line):
        """Begin with none.

        Args:
            line: of those who want some drawn.
        """
        self._line = line
        self._kept = Kept[tuple[Query, RecipeMasks], list[PlotData]](KEPT)
        self._overviews: WeakKeyDictionary[RecipeMasks, Overview] = WeakKeyDictionary()

    def of(self, given: Answer) -> list[PlotData]:
        """Return an answer's chart, heat map and map.

        Raises:
            Busy: too many others want theirs.
        """
        return self._kept_or((given.query, given.masks), lambda: self._drawn(given))

    def overview(self, masks: RecipeMasks) -> PlotData:
        """Return the picture of all languages of masks.

        Raises:
            Busy: too many others want theirs.
        """
        return self._kept_or((Query(), masks), lambda: [self._overview(masks).chart()])[0]

    def _kept_or(self, key: tuple[Query, RecipeMasks], draw: Callable[[], list[Chart]]) -> list[PlotData]:
        """Return the pictures that are kept under a key, or else draw them."""

        def drawn() -> list[PlotData]:
            with self._line.turn():
                return [picture(chart) for chart in draw()]

        return self._kept.get(key, drawn)

    def _overview(self, masks: RecipeMasks, target: str | None = None) -> Overview:
        """Return what all targets of masks have in common; of a target that lacks seeds of the others, its own."""
        common = self._overviews.get(masks)
        if common is None:
            common = self._overviews[masks] = Overview(square(masks, ""))
        return common if target is None or target in common.similarity else Overview(square(masks, target))

    def _drawn(self, given: Answer) -> list[Chart]:
        target, codes = given.query.target, [source.language for source in given.ranking.candidates]
        common, among = self._overview(given.masks, target), {target, *codes}
        order = [code for code in common.order if code in among]
        return [
            sources_chart(given.suggestions, given.query.top, given.measured),
            heat_map(common.similarity.loc[order, order], target, order),
            language_map(common.similarity, target, codes, common.places),
        ]
