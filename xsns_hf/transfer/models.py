"""A pre-trained model with a new head for a task."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from xsns_hf.errors import XsnsError
from xsns_hf.models.finding import Pretrained, check_complete, find_pretrained


def find_task_model(model: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Pretrained:
    """Find a model to fine-tune, without loading its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run model code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, is an adapter, or has no fast tokenizer.
    """
    pretrained = find_pretrained(model, revision=revision, trust_remote_code=trust_remote_code)
    if pretrained.adapter is not None:
        raise XsnsError(f"{model} is an adapter, which is trained for its task already: use its base.")
    if not pretrained.tokenizer.is_fast:
        raise XsnsError(f"{model} has no fast tokenizer, which words and spans need: use a model with one.")
    return pretrained


def load_task_model(model: Pretrained, auto_class: Any, classes: Sequence[str]) -> PreTrainedModel:
    """Load a checkpoint with a new head for a task, its weights a function of torch's random state.

    Args:
        model: the checkpoint.
        auto_class: such as `AutoModelForTokenClassification`.
        classes: names of the labels; none for question answering.

    Raises:
        XsnsError: there are no safetensors, or weights of the body are missing or of another shape than its config's.
    """
    options: dict[str, Any] = {}
    if classes:
        options = {"num_labels": len(classes), "id2label": dict(enumerate(classes))}
        options["label2id"] = {label: number for number, label in enumerate(classes)}
    # A head of another task gives way to a new one.
    network, info = model.load(auto_class, ignore_mismatched_sizes=True, dtype=torch.float32, **options)
    made_up = {*info["missing_keys"], *(key for key, *_shapes in info["mismatched_keys"])}
    check_complete(model.name, {key for key in made_up if key.startswith(f"{network.base_model_prefix}.")})
    return network
