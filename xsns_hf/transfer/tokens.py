"""Token classification: the first sub-word of each word is labelled, as in BERT."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification

from xsns_hf.models.objectives import IGNORED
from xsns_hf.tasks.encoding import encode_words
from xsns_hf.tasks.rows import Words
from xsns_hf.transfer.encoding import Encoding

Sentences = list[list[str]]
"""The classes of each sentence's words."""


class Tokens(Encoding[Words]):
    """Encodes words and scores their labels."""

    auto_class = AutoModelForTokenClassification
    collator_class = DataCollatorForTokenClassification

    def encode(self, examples: Sequence[Words]) -> list[dict[str, Any]]:
        """Return input_ids and labels of each sentence, `IGNORED` for special tokens and further sub-words."""
        return [self._encode(sentence) for sentence in examples]

    def scores(
        self, examples: Sequence[Words], encoded: Sequence[dict[str, Any]], predictions: np.ndarray
    ) -> dict[str, float]:
        """Return the task's metrics in percent, over all words that were not cut off.

        `f1` is micro-averaged over spans, those of seqeval; `accuracy` is over words, where it is the micro-averaged
        F1 as well; `sentence_accuracy` is the mean of sentences' accuracies, as the paper's released code has it.

        Args:
            examples: the sentences.
            encoded: what `encode` made of them.
            predictions: int64 [N, T], classes.
        """
        true, predicted = [], []
        for inputs, classes in zip(encoded, predictions, strict=True):
            labels = np.array(inputs["labels"])
            scored = labels != IGNORED
            true.append([self.task.classes[label] for label in labels[scored]])
            predicted.append([self.task.classes[label] for label in classes[: len(labels)][scored]])
        return {metric: 100 * _METRICS[metric](true, predicted) for metric in self.task.metrics}

    def _encode(self, sentence: Words) -> dict[str, Any]:
        encoding, classes = encode_words(self.tokenizer, sentence, self.settings.max_length)
        positions = range(len(encoding["input_ids"]))
        return {**encoding, "labels": [classes.get(position, IGNORED) for position in positions]}


def _accuracy(true: Sentences, predicted: Sentences) -> float:
    equal = [
        label == guess
        for labels, guesses in zip(true, predicted, strict=True)
        for label, guess in zip(labels, guesses, strict=True)
    ]
    return float(np.mean(equal)) if equal else 0.0


def _sentence_accuracy(true: Sentences, predicted: Sentences) -> float:
    accuracies = [_accuracy([labels], [guesses]) for labels, guesses in zip(true, predicted, strict=True) if labels]
    return float(np.mean(accuracies)) if accuracies else 0.0


def _span_f1(true: Sentences, predicted: Sentences) -> float:
    from seqeval.metrics import f1_score  # it needs a second to import

    return float(f1_score(true, predicted, zero_division=0))


_METRICS = {"accuracy": _accuracy, "sentence_accuracy": _sentence_accuracy, "f1": _span_f1}
