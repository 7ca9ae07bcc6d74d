"""Token classification: the first sub-word of each word is labelled, as in BERT."""

from collections.abc import Sequence

import numpy as np
from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification

from xsns_hf.models.objectives import IGNORED
from xsns_hf.tasks.rows import first_subwords
from xsns_hf.transfer.data import Row
from xsns_hf.transfer.encoding import Kind


class Tokens(Kind):
    """Encodes words and scores their labels."""

    auto_class = AutoModelForTokenClassification
    collator_class = DataCollatorForTokenClassification

    def encode(self, rows: Sequence[Row]) -> list[dict]:
        """Return a row's input_ids and labels each; special tokens and further sub-words are labelled `IGNORED`."""
        return [self._encode(row) for row in rows]

    def scores(self, rows: Sequence[Row], encoded: Sequence[dict], predictions: np.ndarray) -> dict[str, float]:
        """Return the task's metrics in percent, over all words that were not cut off.

        `f1` is micro-averaged over spans, those of seqeval; `accuracy` is over words, where it is the micro-averaged
        F1 as well; `sentence_accuracy` is the mean of sentences' accuracies, as the paper's released code has it.

        Args:
            rows: the examples.
            encoded: what `encode` made of them.
            predictions: int64 [N, T], classes.
        """
        true, predicted = [], []
        for example, classes in zip(encoded, predictions, strict=True):
            labels = np.array(example["labels"])
            scored = labels != IGNORED
            true.append([self.task.classes[label] for label in labels[scored]])
            predicted.append([self.task.classes[each] for each in classes[: len(labels)][scored]])
        return {metric: 100 * _METRICS[metric](true, predicted) for metric in self.task.metrics}

    def _encode(self, row: Row) -> dict:
        (column,) = self.task.text
        encoding = self.tokenizer(
            list(row[column]), is_split_into_words=True, truncation=True, max_length=self.settings.longest
        )
        labels = [IGNORED] * len(encoding["input_ids"])
        for position, word in first_subwords(encoding.word_ids()):
            labels[position] = self._number(row[self.task.label][word])
        return {**encoding, "labels": labels}

    def _number(self, label: str) -> int:
        return IGNORED if label in self.task.ignored else self.task.classes.index(label)


def _accuracy(true: list[list[str]], predicted: list[list[str]]) -> float:
    equal = [a == b for one, other in zip(true, predicted, strict=True) for a, b in zip(one, other, strict=True)]
    return float(np.mean(equal)) if equal else 0.0


def _sentence_accuracy(true: list[list[str]], predicted: list[list[str]]) -> float:
    sentences = [_accuracy([one], [other]) for one, other in zip(true, predicted, strict=True) if one]
    return float(np.mean(sentences)) if sentences else 0.0


def _span_f1(true: list[list[str]], predicted: list[list[str]]) -> float:
    from seqeval.metrics import f1_score  # it needs a second to import

    return float(f1_score(true, predicted, zero_division=0))


_METRICS = {"accuracy": _accuracy, "sentence_accuracy": _sentence_accuracy, "f1": _span_f1}
