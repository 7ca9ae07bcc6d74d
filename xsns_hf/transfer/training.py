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
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from xsns_hf import processes
from xsns_hf.errors import XsnsError
from xsns_hf.models.finding import Pretrained, positions, quiet
from xsns_hf.tasks import Task
from xsns_hf.transfer.data import Row
from xsns_hf.transfer.encoding import Kind
from xsns_hf.transfer.models import load_task_model
from xsns_hf.transfer.pairs import Pairs
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.spans import Spans
from xsns_hf.transfer.tokens import Tokens

KINDS: dict[str, type[Kind]] = {"token-classification": Tokens, "pair-classification": Pairs, "span-extraction": Spans}

Note = Callable[[str], None]
"""Is told what is being done, in a few words."""


class DivergenceError(XsnsError):
    """The loss is no number any more."""


class FineTuned:
    """A model fine-tuned on a source, which scores rows of any language.

    Attributes:
        trainer: transformers' own, the best model in it.
        kind: encodes and scores.
    """

    def __init__(self, trainer: Trainer, kind: Kind):
        self.trainer, self.kind = trainer, kind

    def score(self, rows: Sequence[Row]) -> dict[str, float]:
        """Return the task's metrics in percent."""
        encoded = _by_length(self.kind.encode(rows))
        return self.kind.scores(rows, encoded, self.trainer.predict(encoded).predictions)


def fine_tune(
    model: Pretrained,
    task: Task,
    train: Sequence[Row],
    dev: Sequence[Row],
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
        train: rows to train on.
        dev: rows of the same source, to select the best epoch by; not looked at without `settings.patience`.
        settings: hyper-parameters.
        seed: of the head's weights, of dropout and of the order of rows.
        folder: for the epochs' checkpoints.
        note: is told how far it is.

    Raises:
        XsnsError: the model can't be loaded.
        DivergenceError: the loss became infinite or no number.
    """
    set_seed(seed)
    of_kind = KINDS[task.kind]
    network = load_task_model(model, of_kind.auto_class, task.classes if task.kind != "span-extraction" else ())
    longest = min(settings.longest, positions(network, model.tokenizer))
    kind = of_kind(task, model.tokenizer, replace(settings, longest=longest))
    if settings.freeze_embeddings:
        network.base_model.get_input_embeddings().requires_grad_(False)
    selects = settings.patience is not None
    encoded, encoded_dev = kind.encode(train), _by_length(kind.encode(dev)) if selects else []

    def metrics(prediction: EvalPrediction) -> dict[str, float]:
        return kind.scores(dev, encoded_dev, prediction.predictions)

    trainer = _Trainer(
        model=network,
        args=_arguments(settings, task, folder, seed, len(encoded)),
        train_dataset=encoded,
        eval_dataset=encoded_dev if selects else None,
        data_collator=kind.collator,
        preprocess_logits_for_metrics=kind.compress,
        compute_metrics=metrics if selects else None,
        callbacks=[_Progress(note)] + ([EarlyStoppingCallback(settings.patience)] if selects else []),
    )
    trainer.remove_callback(PrinterCallback)
    with quiet():
        result = trainer.train(resume_from_checkpoint=_to_go_on_from(folder))
    trainer.compute_metrics = None  # predictions are scored with their own rows
    if not np.isfinite(result.training_loss):
        raise DivergenceError(f"Training diverged (loss {result.training_loss}): use a lower --learning-rate.")
    return FineTuned(trainer, kind)


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


def _by_length(encoded: list[dict]) -> list[dict]:
    """Return inputs of like length side by side, so that little is padded."""
    return sorted(encoded, key=lambda each: len(each["input_ids"]))


class _Trainer(Trainer):
    """A trainer that takes test sets in their own order, also where the training set is grouped by length."""

    def get_eval_dataloader(self, *arguments: Any) -> DataLoader:
        """Return batches of the development set."""
        with self._ungrouped():
            return super().get_eval_dataloader(*arguments)

    def get_test_dataloader(self, *arguments: Any) -> DataLoader:
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

    def on_step_end(self, args, state, control, **_):
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
