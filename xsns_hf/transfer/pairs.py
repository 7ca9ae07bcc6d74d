"""Classification of pairs of texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import AutoModelForSequenceClassification

from xsns_hf.tasks.encoding import encode_pair
from xsns_hf.tasks.rows import Pair
from xsns_hf.transfer.encoding import Encoding


class Pairs(Encoding[Pair]):
    """Encodes pairs and scores their classes."""

    auto_class = AutoModelForSequenceClassification

    def encode(self, examples: Sequence[Pair]) -> list[dict[str, Any]]:
        """Return input_ids and label of each pair."""
        return [
            {**encode_pair(self.tokenizer, pair, self.settings.max_length), "labels": pair.label} for pair in examples
        ]

    def scores(
        self, examples: Sequence[Pair], encoded: Sequence[dict[str, Any]], predictions: np.ndarray
    ) -> dict[str, float]:
        """Return the accuracy in percent.

        Args:
            examples: the pairs.
            encoded: what `encode` made of them.
            predictions: int64 [N], classes.
        """
        true = np.array([inputs["labels"] for inputs in encoded])
        return {"accuracy": 100 * float((true == predictions).mean())}
