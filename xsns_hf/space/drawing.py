"""The pictures of answers: drawn a few at a time, and kept for whoever asks the same."""

import threading
from dataclasses import replace

import altair as alt
from gradio.components.plot import PlotData

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.space.answering.answers import Answer, square
from xsns_hf.space.answering.query import Query
from xsns_hf.space.charts.bars import bars
from xsns_hf.space.charts.heat_map import heat_map
from xsns_hf.space.charts.language_map import language_map
from xsns_hf.space.visitors import Line

KEPT = 64
"""Answers whose pictures are kept: a fifth of a megabyte each."""


class Drawings:
    """The pictures of answers."""

    def __init__(self, line: Line):
        """Begin with none.

        Args:
            line: of those who want some drawn.
        """
        self._line = line
        self._kept: dict[tuple[Query, RecipeMasks], list[PlotData]] = {}
        self._lock = threading.Lock()

    def of(self, given: Answer) -> list[PlotData]:
        """Return an answer's chart, heat map and map.

        Raises:
            Busy: too many others want theirs.
        """
        key = given.query, given.masks
        with self._lock:
            pictures = self._kept.get(key)
        if pictures is None:
            with self._line.turn():
                pictures = [PlotData(type="altair", plot=chart.to_json()) for chart in _drawn(given)]
            with self._lock:
                self._kept[key] = pictures
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
        return pictures


def _drawn(given: Answer) -> list[alt.LayerChart]:
    target, codes = given.query.target, [source.language for source in given.ranking.sources]
    pairs, among = square(given.masks, target), [target, *codes]
    english = next((source for source in given.ranking.sources if source.language == "eng"), None)
    return [
        bars(replace(given.ranking, sources=given.shown), english),
        heat_map(pairs.loc[among, among], target),
        language_map(pairs, target, codes),
    ]
