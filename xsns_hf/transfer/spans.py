"""Extractive question answering: the answer is a span of the context, which is read in overlapping windows.

The metric is written out here: `transformers` has dropped its own, and `evaluate.load("squad")` fetches a script from
the Hub and runs it.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from transformers import AutoModelForQuestionAnswering

from xsns_hf.tasks.encoding import shortened, windows
from xsns_hf.tasks.rows import Question
from xsns_hf.transfer.encoding import Encoding

BEST = 20
"""Starts and ends of a window that are tried with each other."""

LONGEST_ANSWER = 30
"""Tokens of an answer at most."""


class Spans(Encoding[Question]):
    """Encodes questions with windows of their contexts, and scores answers."""

    auto_class = AutoModelForQuestionAnswering

    def encode(self, examples: Sequence[Question]) -> list[dict[str, Any]]:
        """Return the windows of all questions.

        Each has, besides the input, the positions of the answer's first and last token (0, the first of all, if
        it isn't whole in the window), the number of its question as `row`, and `offsets` as in `Window`.
        """
        return [inputs for number, question in enumerate(examples) for inputs in self._windows(number, question)]

    def compress(self, logits: Any, labels: Any) -> Any:
        """Return the scores of starts and ends: float [B, T] each."""
        return logits[0], logits[1]

    def scores(
        self, examples: Sequence[Question], encoded: Sequence[dict[str, Any]], predictions: Any
    ) -> dict[str, float]:
        """Return F1 and exact match of SQuAD 1.1, in percent, the best over a question's answers.

        Args:
            examples: the questions.
            encoded: their windows.
            predictions: scores of starts and ends, float [N, T] each.
        """
        answers = self.answers(examples, encoded, predictions)
        answered = list(zip(answers, examples, strict=True))
        return {
            metric: 100 * float(np.mean([_best(_METRICS[metric], *pair) for pair in answered]))
            for metric in self.task.metrics
        }

    def answers(self, examples: Sequence[Question], encoded: Sequence[dict[str, Any]], predictions: Any) -> list[str]:
        """Return the best span for each question over its windows, by the sum of its start's and end's scores."""
        best = [(-np.inf, "")] * len(examples)
        for window, starts, ends in zip(encoded, *predictions, strict=True):
            score, (begin, end) = _best_span(np.array(window["offsets"]), starts, ends)
            if score > best[window["row"]][0]:
                best[window["row"]] = (score, examples[window["row"]].context[begin:end])
        return [text for _, text in best]

    def _windows(self, number: int, example: Question) -> Iterator[dict[str, Any]]:
        longest, answer = self.settings.max_length, example.answers[0]
        # At least half of a window is left to the context.
        question = shortened(self.tokenizer, example.question, longest // 2 - 8)
        stride = min(self.settings.stride, longest // 4)
        for window in windows(self.tokenizer, question, example.context, longest, stride):
            first, last = window.tokens_of(answer) or (0, 0)
            # Offsets may begin with the space before a word, so that of the first token may be before the answer.
            if window.offsets[first, 0] > answer[1]:
                first = last = 0
            positions = {"start_positions": first, "end_positions": last}
            yield {**window.inputs, **positions, "row": number, "offsets": window.offsets}


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


_METRICS: dict[str, Callable[[str, str], float]] = {"f1": f1, "exact_match": exact_match}


def _best(compare: Callable[[str, str], float], answer: str, example: Question) -> float:
    return max(compare(answer, text) for text, _ in example.answers)


def _best_span(offsets: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[float, tuple[int, int]]:
    """Return the best score of a span within the context, and the characters from and to."""
    own = np.flatnonzero(offsets[:, 1] > offsets[:, 0])
    firsts, lasts = (own[np.argsort(-scores[own], kind="stable")[:BEST]] for scores in (starts, ends))
    pairs = [(first, last) for first in firsts for last in lasts if first <= last < first + LONGEST_ANSWER]
    if not pairs:
        return -np.inf, (0, 0)
    first, last = max(pairs, key=lambda pair: starts[pair[0]] + ends[pair[1]])
    return float(starts[first] + ends[last]), (int(offsets[first, 0]), int(offsets[last, 1]))
