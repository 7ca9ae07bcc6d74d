"""Classification of pairs of texts."""

from collections.abc import Sequence

import numpy as np
from transformers import AutoModelForSequenceClassification

from xsns_hf.transfer.data import Row
from xsns_hf.transfer.encoding import Kind


class Pairs(Kind):
    """Encodes pairs and scores their classes."""

    auto_class = AutoModelForSequenceClassification

    def encode(self, rows: Sequence[Row]) -> list[dict]:
        """Return a row's input_ids and label each; a pair that is too long is cut at the longer text."""
        return [self._encode(row) for row in rows]

    def scores(self, rows: Sequence[Row], encoded: Sequence[dict], predictions: np.ndarray) -> dict[str, float]:
        """Return the accuracy in percent.

        Args:
            rows: the examples.
            encoded: what `encode` made of them.
            predictions: int64 [N], classes.
        """
        true = np.array([example["labels"] for example in encoded])
        return {"accuracy": 100 * float((true == predictions).mean())}

    def _encode(self, row: Row) -> dict:
        texts = [row[column] for column in self.task.text]
        encoding = self.tokenizer(*texts, truncation=True, max_length=self.settings.longest)
        return {**encoding, "labels": self.task.classes.index(row[self.task.label])}
