"""How models are fine-tuned."""

from dataclasses import dataclass
from typing import Literal

from xsns_hf.errors import XsnsError, parameter

Preset = Literal["paper", "authors", "small"]

SHORTEST = 32
"""Tokens to which inputs may be cut: less leaves no room for a question and a piece of its context."""


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of fine-tuning and evaluation.

    Attributes:
        learning_rate: of AdamW, its highest value.
        batch: examples a step, over all processes.
        epochs: passes over the training data at most.
        patience: epochs without a better score on the source's development set after which training ends. The best
            epoch's model is taken; None trains to the end and takes the last.
        warmup: share of the steps in which the learning rate grows.
        schedule: how it goes on, a name of `transformers.SchedulerType`.
        weight_decay: of AdamW.
        max_length: tokens at which an input is cut, or, in question answering, of a window.
        stride: tokens that neighbouring windows share.
        examples: training examples at most, all sources of a mix together.
        tested: test examples of each target at most.
        freeze_embeddings: whether embeddings stay as they are.
    """

    learning_rate: float = 2e-5
    batch: int = 32
    epochs: int = 10
    patience: int | None = 3
    warmup: float = 0.1
    schedule: str = "linear"
    weight_decay: float = 0.01
    max_length: int = 256
    stride: int = 128
    examples: int | None = None
    tested: int | None = None
    freeze_embeddings: bool = False

    def __post_init__(self) -> None:
        least = {"batch": 1, "epochs": 1, "examples": 1, "tested": 1, "max_length": SHORTEST, "learning_rate": 0}
        values = {name: getattr(self, name) for name in least}
        wrong = [
            parameter(name, str(value)) for name, value in values.items() if value is not None and value < least[name]
        ]
        if wrong:
            raise XsnsError(
                f"{', '.join(wrong)} can't be trained with: use positive numbers, and {SHORTEST} tokens or more."
            )


PRESETS: dict[Preset, Settings] = {
    "paper": Settings(),
    "authors": Settings(
        learning_rate=1e-5, batch=16, epochs=20, patience=5, warmup=0, schedule="constant", max_length=512
    ),
    "small": Settings(
        learning_rate=5e-4, batch=8, epochs=1, patience=None, max_length=128, examples=1000, tested=100,
        stride=64, freeze_embeddings=True,
    ),
}  # fmt: skip
"""Settings by name. The paper says that it fine-tunes three times and no more (§4.3), so `paper` is what is usual for
XLM-R base; `authors` is what the released code sets; `small` is for a small checkpoint on a CPU."""
