"""A kind of task: how its rows become model input, and predictions scores."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase

from xsns_hf.tasks import Task
from xsns_hf.transfer.data import Row
from xsns_hf.transfer.settings import Settings


class Kind(ABC):
    """Encodes rows and scores what a model says of them.

    Attributes:
        auto_class: of transformers, loads a model with the head for it.
        collator_class: of transformers, makes batches.
        collator: one of these.
    """

    auto_class: ClassVar[Any]
    collator_class: ClassVar[Any] = DataCollatorWithPadding

    def __init__(self, task: Task, tokenizer: PreTrainedTokenizerBase, settings: Settings):
        self.task, self.tokenizer, self.settings = task, tokenizer, settings
        self.collator = self.collator_class(tokenizer)

    @abstractmethod
    def encode(self, rows: Sequence[Row]) -> list[dict]:
        """Return the model's inputs with their labels."""

    @abstractmethod
    def scores(self, rows: Sequence[Row], encoded: Sequence[dict], predictions: Any) -> dict[str, float]:
        """Return the task's metrics in percent.

        Args:
            rows: the examples.
            encoded: what `encode` made of them, in any order.
            predictions: what `compress` left of the logits, in the order of `encoded`.
        """

    def compress(self, logits, labels):
        """Keep the best class of each token or input, not all classes' logits: int64, without their axis."""
        return logits.argmax(-1)
