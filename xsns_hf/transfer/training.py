"""Fine-tuning one model, with transformers' Trainer."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from xsns_hf import processes
from xsns_hf.errors import XsnsError, parameter
from xsns_hf.models.failures import quiet
from xsns_hf.models.finding import Pretrained, positions
from xsns_hf.tasks import Task, TaskKind
from xsns_hf.tasks.rows import Example
from xsns_hf.transfer.encoding import Encoding
from xsns_hf.transfer.models import load_task_model
from xsns_hf.transfer.pairs import Pairs
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.spans import Spans
from xsns_hf.transfer.tokens import Tokens

ENCODINGS: dict[TaskKind, type[Encoding[Any]]] = {
    "token-classification": Tokens,
    "pair-classification": Pairs,
    "span-extraction": Spans,
}

Note = Callable[[str], None]
"""Is told what is being done, in a few words."""


class DivergenceError(XsnsError):
    """The loss is no number any more."""


class FineTuned:
    """A model fine-tuned on a source, which is scored on examples of any language.

    Attributes:
        trainer: transformers' own, the best model in it.
        encoding: encodes and scores.
    """

    def __init__(self, trainer: Trainer, encoding: Encoding[Any]):
        self.trainer, self.encoding = trainer, encoding

    def score(self, examples: Sequence[Example]) -> dict[str, float]:
        """Return the task's metrics in percent."""
        encoded = _by_length(self.encoding.encode(examples))
        said = self.trainer.predict(encoded)  # type: ignore[arg-type]  # a list has all that it asks of a dataset
        return self.encoding.scores(examples, encoded, said.predictions)


def fine_tune(
    model: Pretrained,
    task: Task,
    train: Sequence[Example],
    dev: Sequence[Example],
    settings: Settings,
    *,
    seed: int,
    folder: Path,
    note: Note = lambda _: None,
) -> FineTuned:
    """Fine-tune a checkpoint; a run that was stopped goes on after its last whole epoch.

    Args:
        model: where to load it from.
        task: what to learn.
        train: examples to train on.
        dev: those of the same source to select the best epoch by; not looked at without `settings.patience`.
        settings: hyper-parameters.
        seed: of the head's weights, of dropout and of the order of examples.
        folder: for the epochs' checkpoints.
        note: is told how far it is.

    Raises:
        XsnsError: the model can't be loaded.
        DivergenceError: the loss became infinite or no number.
    """
    set_seed(seed)
    network, encoding = _prepared(model, task, settings)
    encoded, patience = encoding.encode(train), settings.patience
    trainer = _Trainer(
        model=network,
        args=_arguments(settings, task, folder, seed, len(encoded)),
        train_dataset=encoded,
        data_collator=encoding.collator,
        preprocess_logits_for_metrics=encoding.compress,
        callbacks=[_Progress(note)] + ([] if patience is None else [EarlyStoppingCallback(patience)]),
        **({} if patience is None else _selection(encoding, dev)),
    )
    trainer.remove_callback(PrinterCallback)
    with quiet():
        result = trainer.train(resume_from_checkpoint=_to_go_on_from(folder))
    trainer.compute_metrics = None  # predictions are scored with their own examples
    if not np.isfinite(result.training_loss):
        raise DivergenceError(
            f"Training diverged (loss {result.training_loss}): use a lower {parameter('learning_rate')}."
        )
    return FineTuned(trainer, encoding)


def _prepared(model: Pretrained, task: Task, settings: Settings) -> tuple[PreTrainedModel, Encoding[Any]]:
    """Return the model with a new head, and the encoding, which cuts at what the model takes."""
    encoding_class = ENCODINGS[task.kind]
    classes = task.classes if task.kind != "span-extraction" else ()
    network = load_task_model(model, encoding_class.auto_class, classes)
    if settings.freeze_embeddings:
        network.get_input_embeddings().requires_grad_(False)
    max_length = min(settings.max_length, positions(network, model.tokenizer))
    return network, encoding_class(task, model.tokenizer, replace(settings, max_length=max_length))


def _selection(encoding: Encoding[Any], dev: Sequence[Example]) -> dict[str, Any]:
    """Return the trainer's arguments that select the best epoch by the development set."""
    encoded = _by_length(encoding.encode(dev))

    def metrics(prediction: EvalPrediction) -> dict[str, float]:
        return encoding.scores(dev, encoded, prediction.predictions)

    return {"eval_dataset": encoded, "compute_metrics": metrics}


def _to_go_on_from(folder: Path) -> str | None:
    """Return the last checkpoint that was written to its end, if there is one.

    If training had ended early there, it is the best one: from the last, Trainer would train on.
    """
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        state = _state(checkpoint)
        if state is None:
            continue
        ended = state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"]
        early = ended and state["global_step"] < state["max_steps"]
        return str(checkpoint.with_name(f"checkpoint-{state['best_global_step']}") if early else checkpoint)
    return None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def _state(checkpoint: Path) -> dict[str, Any] | None:
    """Return where training was at a checkpoint, None if it was killed while it wrote that."""
    try:  # it is written last
        return json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _by_length(encoded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return inputs of like length side by side, so that little is padded."""
    return sorted(encoded, key=lambda inputs: len(inputs["input_ids"]))


class _Trainer(Trainer):
    """A trainer that takes test sets in their own order, also where the training set is grouped by length."""

    def get_eval_dataloader(self, *arguments: Any) -> DataLoader[Any]:
        """Return batches of the development set."""
        with self._ungrouped():
            return super().get_eval_dataloader(*arguments)

    def get_test_dataloader(self, *arguments: Any) -> DataLoader[Any]:
        """Return batches of a test set."""
        with self._ungrouped():
            return super().get_test_dataloader(*arguments)

    @contextmanager
    def _ungrouped(self) -> Iterator[None]:
        strategy, self.args.train_sampling_strategy = self.args.train_sampling_strategy, "random"
        try:
            yield
        finally:
            self.args.train_sampling_strategy = strategy


class _Progress(TrainerCallback):
    def __init__(self, note: Note):
        self.note = note

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.note(f"step {state.global_step}/{state.max_steps}")


def _arguments(settings: Settings, task: Task, folder: Path, seed: int, examples: int) -> TrainingArguments:
    group = processes.number()
    each_epoch = "epoch" if settings.patience is not None else "no"
    return TrainingArguments(
        output_dir=str(folder),
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=max(1, settings.batch // group),
        per_device_eval_batch_size=32,
        num_train_epochs=settings.epochs,
        warmup_steps=math.ceil(settings.warmup * settings.epochs * examples / settings.batch),
        lr_scheduler_type=settings.schedule,
        weight_decay=settings.weight_decay,
        train_sampling_strategy="group_by_length",
        eval_strategy=each_epoch,
        save_strategy=each_epoch,
        save_total_limit=1,
        load_best_model_at_end=settings.patience is not None,
        metric_for_best_model=task.metrics[0],
        greater_is_better=True,
        remove_unused_columns=True,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        restore_callback_states_from_checkpoint=True,
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        seed=seed,
        log_level="error",
    )
