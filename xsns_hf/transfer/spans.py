"""Extractive question answering: the answer is a span of the context, which is read in overlapping windows."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from transformers import AutoModelForQuestionAnswering

from xsns_hf.transfer.data import Row
from xsns_hf.transfer.encoding import Kind

BEST = 20
"""Starts and ends of a window that are tried with each other."""

LONGEST_ANSWER = 30
"""Tokens of an answer at most."""


class Spans(Kind):
    """Encodes questions with windows of their contexts, and scores answers."""

    auto_class = AutoModelForQuestionAnswering

    def encode(self, rows: Sequence[Row]) -> list[dict]:
        """Return the windows of all rows.

        Each has, besides the input, the positions of the answer's first and last token (0, the first of all, if
        it isn't whole in the window), the number of its row, and offsets: int [T, 2], the characters of the context
        that a token stands for, (-1, -1) for tokens that are none of the context's.
        """
        return [window for number, row in enumerate(rows) for window in self._windows(number, row)]

    def compress(self, logits, labels):
        """Keep the scores of starts and ends: float [B, T] each."""
        return logits[0], logits[1]

    def scores(self, rows: Sequence[Row], encoded: Sequence[dict], predictions) -> dict[str, float]:
        """Return F1 and exact match of SQuAD 1.1, in percent, the best over a question's answers.

        Args:
            rows: the examples.
            encoded: their windows.
            predictions: scores of starts and ends, float [N, T] each.
        """
        answers = self.answers(rows, encoded, predictions)
        compare = {"f1": f1, "exact_match": exact_match}
        return {
            metric: 100
            * float(
                np.mean(
                    [
                        max(compare[metric](answer, text) for text, _ in row[self.task.label])
                        for answer, row in zip(answers, rows, strict=True)
                    ]
                )
            )
            for metric in self.task.metrics
        }

    def answers(self, rows: Sequence[Row], encoded: Sequence[dict], predictions) -> list[str]:
        """Return the best span of each row over its windows, by the sum of its start's and end's scores."""
        best = [(-np.inf, "")] * len(rows)
        for window, starts, ends in zip(encoded, *predictions, strict=True):
            score, (begin, end) = _best_span(np.array(window["offsets"]), starts, ends)
            if score > best[window["row"]][0]:
                best[window["row"]] = (score, rows[window["row"]][self.task.text[1]][begin:end])
        return [text for _, text in best]

    def _windows(self, number: int, row: Row) -> list[dict]:
        question, context = (row[column] for column in self.task.text)
        text, start = row[self.task.label][0]
        encoding = self.tokenizer(
            # A question leaves at least half of a window to the context.
            self._cut(question),
            context,
            truncation="only_second",
            max_length=self.settings.longest,
            stride=min(self.settings.stride, self.settings.longest // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows = []
        for each in range(len(encoding["input_ids"])):
            inside = [part == 1 for part in encoding.sequence_ids(each)]
            offsets = np.array(
                [span if own else (-1, -1) for span, own in zip(encoding["offset_mapping"][each], inside, strict=True)]
            )
            first, last = _positions(offsets, start, start + len(text))
            model_input = {key: encoding[key][each] for key in self.tokenizer.model_input_names if key in encoding}
            windows.append(
                {**model_input, "start_positions": first, "end_positions": last, "row": number, "offsets": offsets}
            )
        return windows

    def _cut(self, question: str) -> str:
        offsets = self.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        most = self.settings.longest // 2 - 8
        return question if len(offsets) <= most else question[: offsets[most - 1][1]]


def f1(answer: str, true: str) -> float:
    """Return the harmonic mean of precision and recall over words, as SQuAD 1.1 normalises them."""
    words, true_words = normal(answer).split(), normal(true).split()
    common = sum((Counter(words) & Counter(true_words)).values())
    return 2 * common / (len(words) + len(true_words)) if common else 0.0


def exact_match(answer: str, true: str) -> float:
    """Return 1 if the answers are equal, as SQuAD 1.1 normalises them, else 0."""
    return float(normal(answer) == normal(true))


def normal(text: str) -> str:
    """Return a text in lower case without punctuation, English articles and extra white space (SQuAD 1.1)."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _positions(offsets: np.ndarray, begin: int, end: int) -> tuple[int, int]:
    """Return the first and last token of an answer, (0, 0) if it isn't whole in the window."""
    inside = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > begin))
    # A token's offsets may begin with the space before the word, so the first token may begin before the answer.
    if len(inside) and offsets[inside[0], 0] <= begin and offsets[inside[-1], 1] >= end:
        return int(inside[0]), int(inside[-1])
    return 0, 0


def _best_span(offsets: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[float, tuple[int, int]]:
    """Return the best score of a span within the context, and the characters from and to."""
    own = np.flatnonzero(offsets[:, 1] > offsets[:, 0])
    firsts, lasts = (own[np.argsort(-scores[own], kind="stable")[:BEST]] for scores in (starts, ends))
    pairs = [(a, b) for a in firsts for b in lasts if a <= b < a + LONGEST_ANSWER]
    if not pairs:
        return -np.inf, (0, 0)
    first, last = max(pairs, key=lambda pair: starts[pair[0]] + ends[pair[1]])
    return float(starts[first] + ends[last]), (int(offsets[first, 0]), int(offsets[last, 1]))
