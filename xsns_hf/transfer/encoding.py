"""How the examples of a kind of task become model input, and predictions scores."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase

from xsns_hf.tasks import Task
from xsns_hf.transfer.settings import Settings

E = TypeVar("E")
"""What the rows of the kind of task hold, see `tasks.rows`."""


class Encoding(ABC, Generic[E]):
    """Encodes examples and scores what a model says of them.

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
    def encode(self, examples: Sequence[E]) -> list[dict[str, Any]]:
        """Return the model's inputs with their labels."""

    @abstractmethod
    def scores(self, examples: Sequence[E], encoded: Sequence[dict[str, Any]], predictions: Any) -> dict[str, float]:
        """Return the task's metrics in percent.

        Args:
            examples: what was predicted.
            encoded: what `encode` made of them, in any order.
            predictions: what `compress` left of the logits, in the order of `encoded`.
        """

    def compress(self, logits: Any, labels: Any) -> Any:
        """Return the best class of each token or input: int64, of the logits' shape without the axis of classes."""
        return logits.argmax(-1)
