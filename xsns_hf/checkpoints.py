"""Checkpoints: a multilingual model at an exact revision, split into body, head and tokenizer."""

import hashlib
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from xsns_hf.embedded import EMBEDDED, EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.errors import XsnsError
from xsns_hf.heads import TiedHead, find_head, head_fingerprint, load_head

_WEIGHTS = {"use_safetensors": True, "dtype": torch.float32}
"""How weights are loaded: never pickled ones."""

HeadKind = Literal["pretrained", "tied", "fitted", "random"]


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder.
        body: the transformer without its head, float32.
        tokenizer: its tokenizer.
        head: hidden states [N, H] to logits [N, V].
        head_name: `pretrained`, `tied`, `random`, or `fitted-` and the fingerprint of the fitted head.
    """

    name: str
    revision: str
    body: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    head: nn.Module
    head_name: str

    @property
    def positions(self) -> int:
        """The longest input in tokens that the model has positions for."""
        return positions(self.body.config, self.tokenizer)


def positions(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest input in tokens that a model has positions for."""
    table = getattr(config, "max_position_embeddings", None)
    limits = [tokenizer.model_max_length]
    if table and config.model_type in {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert"}:
        limits.append(table - (getattr(config, "pad_token_id", None) or 0) - 1)
    elif table:
        limits.append(table)
    return min(limits)


def load_checkpoint(
    model: str, *, head: HeadKind | None = None, revision: str | None = None, trust_remote_code: bool = False
) -> Checkpoint:
    """Load a checkpoint with a head for its objective.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        head: `pretrained` (the checkpoint's own), `tied` (logits through the word embeddings) or `fitted`
            (a small head trained by `xsns fit-head`), for masked language modelling; or `random`, for a task's
            own objective: none is loaded, since the seed makes it. By default the checkpoint's own; for `embedded`,
            the fitted one that ships with the package.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run model code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, isn't a supported masked language model, has no trained head of the
            wanted kind, or its weights aren't safetensors.
    """
    found, config = _find(model, revision, trust_remote_code)
    source, name, commit, tokenizer = found.source, found.name, found.revision, found.tokenizer
    if tokenizer.mask_token_id is None and head != "random":
        raise XsnsError(
            f"{model} has no mask token, so masked language modelling doesn't apply to it: "
            "use an encoder such as xlm-roberta-base, bert-base-multilingual-cased or `--model embedded`."
        )
    arguments = found.arguments | _WEIGHTS
    kind = head or ("fitted" if model == EMBEDDED else "pretrained")
    if kind == "pretrained":
        body, own_head = _fetch(model, lambda: _with_own_head(model, source, config, arguments))
        return Checkpoint(name, commit, body, tokenizer, own_head, "pretrained")
    body = _fetch(model, lambda: AutoModel.from_pretrained(source, **arguments))
    if kind == "random":
        return Checkpoint(name, commit, body, tokenizer, nn.Identity(), kind)
    words = body.get_input_embeddings()
    if not isinstance(words, nn.Embedding):
        raise XsnsError(f"{model} has no word embeddings for a tied or fitted head: use one with a head of its own.")
    if kind == "tied":
        return Checkpoint(name, commit, body, tokenizer, TiedHead(words), "tied")
    path = find_head(commit)
    return Checkpoint(name, commit, body, tokenizer, load_head(path, words, commit), f"fitted-{head_fingerprint(path)}")


def load_tokenizer(
    model: str, *, revision: str | None = None, trust_remote_code: bool = False
) -> PreTrainedTokenizerBase:
    """Load a checkpoint's tokenizer alone, without its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, or has no tokenizer.
    """
    source, _ = _locate(model)
    arguments: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    return _fetch(model, lambda: AutoTokenizer.from_pretrained(source, **arguments))


@dataclass(frozen=True)
class TaskModel:
    """A checkpoint that models for a task are made from.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder.
        tokenizer: its tokenizer.
        source: what `from_pretrained` takes.
        arguments: with which.
    """

    name: str
    revision: str
    tokenizer: PreTrainedTokenizerBase
    source: str
    arguments: dict[str, Any]


def find_task_model(model: str, *, revision: str | None = None, trust_remote_code: bool = False) -> TaskModel:
    """Find a checkpoint without loading its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run model code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, or has no fast tokenizer.
    """
    found, _ = _find(model, revision, trust_remote_code)
    if not found.tokenizer.is_fast:
        raise XsnsError(f"{model} has no fast tokenizer, which words and spans need: use a model with one.")
    return found


def load_task_model(model: TaskModel, auto_class: Any, classes: Sequence[str]) -> PreTrainedModel:
    """Load a checkpoint with a new head for a task, its weights a function of torch's random state.

    Args:
        model: the checkpoint.
        auto_class: such as `AutoModelForTokenClassification`.
        classes: names of the labels; none for question answering.

    Raises:
        XsnsError: there are no safetensors, or weights of the body are missing or of another shape than its config's.
    """
    arguments = model.arguments | _WEIGHTS
    if classes:
        arguments |= {"num_labels": len(classes), "id2label": dict(enumerate(classes))}
        arguments["label2id"] = {label: number for number, label in enumerate(classes)}
    network, info = _fetch(
        model.name,
        lambda: auto_class.from_pretrained(
            # A head of another task gives way to a new one.
            model.source,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **arguments,
        ),
    )
    prefix = f"{network.base_model_prefix}."
    missing = {key for key in info["missing_keys"] if ".pooler." not in key}
    missing |= {key for key, *_shapes in info["mismatched_keys"]}
    wrong = sorted(key for key in missing if key.startswith(prefix))
    if wrong:
        raise XsnsError(
            f"{model.name} lacks weights of its body in the shapes of its config ({', '.join(wrong[:3])}): "
            "fetch it anew."
        )
    return network


def _find(model: str, revision: str | None, trust_remote_code: bool) -> tuple[TaskModel, PretrainedConfig]:
    """Return a checkpoint without its weights, and its configuration."""
    source, name = _locate(model)
    arguments: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    config = _fetch(model, lambda: AutoConfig.from_pretrained(source, **arguments))
    commit = _revision(source, config)
    tokenizer = _fetch(model, lambda: AutoTokenizer.from_pretrained(source, **arguments))
    return TaskModel(name, commit, tokenizer, source, arguments), config


def _locate(model: str) -> tuple[str, str]:
    """Return what `from_pretrained` takes, and the name to record."""
    if model == EMBEDDED:
        return str(embedded_checkpoint()), EMBEDDED
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise XsnsError(f"The folder {model} holds no config.json: give one written by `save_pretrained`.")
        return str(path), path.resolve().name
    if path.exists() or model.startswith((".", "/", "~")):
        raise XsnsError(f"{model} is not a folder with a checkpoint: give one, a model id, or `embedded`.")
    return model, model


def _revision(source: str, config) -> str:
    """Return the commit sha of a Hub model, a fixed name for the embedded one, else a hash of the folder."""
    commit = getattr(config, "_commit_hash", None)
    if commit:
        return commit
    folder = Path(source)
    if folder.name == EMBEDDED_REVISION:
        return EMBEDDED_REVISION
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".safetensors", ".json", ".model", ".txt"}:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _fetch(model: str, load):
    """Run a `from_pretrained` without its chatter, and with its many kinds of failure as one clear sentence each."""
    try:
        with quiet():
            return load()
    except XsnsError:
        raise
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        if "safetensors" in reason:
            remedy = (
                "pickled weights are never read; use a revision with safetensors (on the Hub, "
                "`refs/pr/…` of the conversion bot), or convert it with `save_pretrained`"
            )
        elif "trust_remote_code" in reason:
            remedy = "it needs code from its repository; pass --trust-remote-code if you trust its authors"
        else:
            remedy = "check the name and the connection, log in for a private one, or use `--model embedded`"
        raise XsnsError(f"The model {model} can't be loaded ({reason}): {remedy}.") from error


@contextmanager
def quiet():
    """Keep transformers from chattering and from drawing progress bars for a while."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _with_own_head(model: str, source: str, config, arguments: dict[str, Any]) -> tuple[PreTrainedModel, nn.Module]:
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING and not arguments["trust_remote_code"]:
        raise XsnsError(
            f"{model} is a {config.model_type} model, which has no masked language model in transformers: "
            "use an encoder such as XLM-R or mBERT."
        )
    whole, info = AutoModelForMaskedLM.from_pretrained(source, output_loading_info=True, **arguments)
    prefix = f"{whole.base_model_prefix}."
    missing = sorted(key for key in info["missing_keys"] if not key.startswith(prefix))
    if missing:
        raise XsnsError(
            f"{model} ships no masked-language-model head (missing: {', '.join(missing[:3])}…), and a random "
            "one would make meaningless masks: use `--head tied`, or fit one with `xsns fit-head`."
        )
    return whole.base_model, OwnHead(whole)


class OwnHead(nn.Module):
    """Whatever a model computes after its body, as a function of hidden states.

    The body is stood in for while the model runs, so this works for any architecture whose head looks at one
    position at a time, without knowing what the head is called or made of.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model.eval()

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits [N, V] of hidden states [N, H]."""
        tokens = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        with _instead_of(self.model.base_model, BaseModelOutput(last_hidden_state=hidden[None])):
            return self.model(input_ids=tokens).logits[0]


@contextmanager
def _instead_of(body, output):
    body.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del body.forward
