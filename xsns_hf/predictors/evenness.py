"""SuE: how evenly words split into sub-words (Pelloni et al. 2022; appendix B).

Where their paper leaves a choice, this follows their code (olgapelloni/subword_evenness): each cell of the cloud counts
once, however many words are in it (so types or tokens is no question), and the density is cut in three equal bands, of
which the middle one's outer contour is taken. Two things differ. They split Chinese, Japanese and Thai in words by
ICU; here words are what white space and punctuation separate, which are phrases in those languages unless the text has
spaces between tokens. And their corpora have a million tokens; a smaller one gives a smaller cloud, hence other angles.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import cast

import numpy as np
import pandas as pd

from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.text.corpus import Corpus

MERGES = {
    **dict.fromkeys(["deu", "ell", "eng", "eus", "fin", "fra", "rus", "spa"], 200),
    **{"tgl": 326, "ind": 650, "hin": 900, "vie": 1000, "heb": 1150, "pes": 1250, "tha": 1400, "tur": 1550},
    **{"kor": 8000, "jpn": 48000, "cmn": 49500},
}
"""The number of BPE merges at which the text of a language is least redundant, as Pelloni et al. found it."""

USUAL_MERGES = 200
"""Merges for other languages: what all European ones of the table have. The number isn't searched for, since what
comes out depends on the size of the text."""

FEWEST_POINTS = 10
"""Different points that a cloud needs to have a shape."""

PRIVATE_USE = 0xF0000
"""The first of 65,534 characters that mean nothing."""

LONGEST = 50
"""Length of word, in characters, beyond which it isn't looked at."""

GRID = np.linspace(0, LONGEST, 1001)
"""Where the density is looked at, in either direction."""


class Evenness(Predictor):
    """Minus the sub-word evenness of the source: the lowest is the suggestion, whatever the target."""

    name = "evenness"
    about = "sub-word evenness of the source, lowest first (Pelloni et al. 2022)"
    needs = ("text",)
    targeted = False

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self.corpus = cast(Corpus, inputs.text)
        self._degrees: dict[str, float] = {}

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return −SuE of each source, in degrees, the same for each target."""
        row = [-self._evenness(source) for source in sources]
        return pd.DataFrame([row] * len(targets), index=list(targets), columns=list(sources), dtype=float)

    def _evenness(self, language: str) -> float:
        if language not in self.corpus.languages:
            return float("nan")
        if language not in self._degrees:
            merges = MERGES.get(language, USUAL_MERGES)
            self._degrees[language] = subword_evenness(self.corpus.sentences(language), merges)
        return self._degrees[language]


def subword_evenness(sentences: Sequence[str], merges: int) -> float:
    """Return the sub-word evenness (SuE) of a text, in degrees; NaN if too few of its words split.

    BPE is learned from the text; of each word, runs of single characters are one segment. A word of two or more
    segments is a point: its length against its unevenness, the longest segment less the shortest.

    Args:
        sentences: the text; a word is what is between white space and punctuation.
        merges: how many pairs BPE merges at most; it stops at pairs that occur once.
    """
    from tokenizers import Tokenizer, models, trainers

    marks = str.maketrans({char: " " for char in set().union(*sentences) if unicodedata.category(char)[0] in "PS"})
    words = [word for sentence in sentences for word in sentence.translate(marks).split()]
    # As in subword-nmt, a character at the end of a word is another symbol than elsewhere. The trainer's own suffix for
    # that gives ids, and so breaks ties, in an order that isn't laid down; here each is a character of private use.
    ends = {char: chr(PRIVATE_USE + number) for number, char in enumerate(sorted({word[-1] for word in words}))}
    words = [word[:-1] + ends[word[-1]] for word in words]
    tokenizer = Tokenizer(models.BPE())
    size = len(set().union(*words)) + merges
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False))
    split = [clumped(len(token.value) for token in tokenizer.model.tokenize(word)) for word in set(words)]
    points = {(sum(lengths), max(lengths) - min(lengths)) for lengths in split if len(lengths) > 1}
    return cloud_angle(np.array(sorted(point for point in points if point[0] <= LONGEST), float).reshape(-1, 2))


def clumped(lengths: Iterable[int]) -> list[int]:
    """Return the lengths of a word's segments once runs of single characters are joined."""
    runs = [(single, list(run)) for single, run in groupby(lengths, lambda length: length == 1)]
    return [length for single, run in runs for length in ([len(run)] if single else run)]


def cloud_angle(points: np.ndarray) -> float:
    """Return 180° − |arctan 1| − |arctan k|, where k is the slope of the cloud's right side (appendix B).

    That side goes from the highest to the right-most point of the contour at a third of the greatest density.

    Args:
        points: float64 [N, 2], x and y of each point, in [0, `LONGEST`].

    Returns:
        degrees, in [45, 135]; NaN for fewer than `FEWEST_POINTS` points, or a cloud without width or height.
    """
    if len(points) < FEWEST_POINTS or not (widths := _bandwidths(points)).all():
        return float("nan")
    # A Gaussian for each point, [grid, N] in either direction; their products sum to the density, [x, y].
    across, up = (np.exp(-0.5 * ((GRID[:, None] - points[:, side]) / widths[side]) ** 2) for side in (0, 1))
    density = across @ up.T
    inside = density >= density.max() / 3
    right, top = inside.any(axis=1).nonzero()[0][-1], inside.any(axis=0).nonzero()[0][-1]
    apex, corner = (GRID[inside[:, top]].mean(), GRID[top]), (GRID[right], GRID[inside[right]].mean())
    return float(180 - 45 - np.degrees(np.arctan2(abs(apex[1] - corner[1]), abs(apex[0] - corner[0]))))


def _bandwidths(points: np.ndarray) -> np.ndarray:
    """Return the usual standard deviations of the Gaussians, those of R's `kde2d`: float64 [2]."""
    quartiles = np.percentile(points, [25, 75], axis=0)
    spread = np.minimum(points.std(axis=0, ddof=1), (quartiles[1] - quartiles[0]) / 1.34)
    return 1.06 * spread * len(points) ** -0.2
