"""How models are fine-tuned."""

from dataclasses import dataclass

from xsns_hf.errors import XsnsError

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
        longest: tokens at which an input is cut, or, in question answering, of a window.
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
    longest: int = 256
    stride: int = 128
    examples: int | None = None
    tested: int | None = None
    freeze_embeddings: bool = False

    def __post_init__(self):
        options = {"--batch": self.batch, "--epochs": self.epochs, "--examples": self.examples, "--tested": self.tested}
        options |= {"--max-length": self.longest}
        wrong = [f"{option} {value}" for option, value in options.items() if value is not None and value < 1]
        if 0 < self.longest < SHORTEST:
            wrong.append(f"--max-length {self.longest}")
        if self.learning_rate < 0:
            wrong.append(f"--learning-rate {self.learning_rate}")
        if wrong:
            raise XsnsError(
                f"{', '.join(wrong)} can't be trained with: use positive numbers, and {SHORTEST} tokens or more."
            )


PRESETS = {
    "paper": Settings(),
    "authors": Settings(
        learning_rate=1e-5, batch=16, epochs=20, patience=5, warmup=0, schedule="constant", longest=512
    ),
    "small": Settings(
        learning_rate=5e-4, batch=8, epochs=1, patience=None, longest=128, examples=1000, tested=100,
        stride=64, freeze_embeddings=True,
    ),
}  # fmt: skip
"""Settings by name. The paper says that it fine-tunes three times and no more (§4.3), so `paper` is what is usual for
XLM-R base; `authors` is what the released code sets; `small` is for a small checkpoint on a CPU."""
