"""Checkpoints: a multilingual model at an exact revision, split into body, head and tokenizer."""

import hashlib
import json
from collections.abc import Collection, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import find_adapter_config_file, is_peft_available, logging

from xsns_hf.architectures import AUTO_CLASSES, check_objective, check_text_model, objective_of
from xsns_hf.bodies import OwnHead, body_of, sees_what_follows
from xsns_hf.embedded import EMBEDDED, EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.errors import XsnsError
from xsns_hf.heads import TiedHead, find_head, head_fingerprint, load_head

_WEIGHTS = {"use_safetensors": True}
"""How weights are loaded: never pickled ones."""

HeadKind = Literal["pretrained", "tied", "fitted", "random"]


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder.
        body: the transformer without its head.
        tokenizer: its tokenizer.
        head: hidden states [N, H] to logits [N, V].
        head_name: `pretrained`, `tied`, `random`, or `fitted-` and the fingerprint of the fitted head.
        objective: what the head is for: `mlm`, `clm`, `span` or `infilling`; empty with a random head.
    """

    name: str
    revision: str
    body: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    head: nn.Module
    head_name: str
    objective: str = ""

    @property
    def positions(self) -> int:
        """The longest input in tokens that the model has positions for."""
        return positions(self.body.config, self.tokenizer)


def is_spread(model: PreTrainedModel) -> bool:
    """Tell a model whose parts are on several devices, see `device_map`."""
    return len({parameter.device for parameter in model.parameters()}) > 1


def positions(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest input in tokens that a model has positions for."""
    table = getattr(config, "max_position_embeddings", None)
    limits = [tokenizer.model_max_length]
    if table and config.model_type in {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "xmod"}:
        limits.append(table - (getattr(config, "pad_token_id", None) or 0) - 1)
    elif table:
        limits.append(table)
    return min(limits)


def load_checkpoint(
    model: str,
    *,
    objective: str | None = None,
    head: HeadKind | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    dtype: torch.dtype = torch.float32,
    device_map: str | dict[str, str | int] | None = None,
) -> Checkpoint:
    """Load a checkpoint with a head for its objective.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`; or an adapter's (PEFT), which is put on its base.
        objective: `mlm`, `clm`, `span` or `infilling`, see `objectives`; by default that of its pre-training.
        head: `pretrained` (the checkpoint's own), `tied` (logits through the word embeddings) or `fitted`
            (a small head for masked tokens trained by `xsns fit-head`); or `random`, for a task's own objective: none
            is loaded, since the seed makes it. By default the checkpoint's own; for `embedded`, the fitted one that
            ships with the package.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run model code from the repository; off unless asked for.
        dtype: of the weights.
        device_map: spreads a model over several GPUs, as accelerate does: `auto`, or a device for each part.

    Raises:
        XsnsError: the model isn't there, isn't a text model, doesn't fit the objective, has no trained head of the
            wanted kind, lacks weights, or its weights aren't safetensors.
    """
    found, config = _find(model, revision, trust_remote_code)
    kind = head or ("fitted" if model == EMBEDDED else "pretrained")
    chosen = _objective(model, config, found.tokenizer, objective, kind)
    how = {**_WEIGHTS, "dtype": dtype, **({"device_map": device_map} if device_map else {})}
    found = replace(found, arguments=found.arguments | how)
    if kind == "pretrained":
        body, own_head = _fetch(model, lambda: _with_own_head(found, chosen))
        head_name: str = kind
    else:
        body = _fetch(model, lambda: _bare_body(found))
        own_head, head_name = _head_on(found, body.get_input_embeddings(), kind)
    for module in body.modules():
        if isinstance(module, PreTrainedModel) and getattr(module.config, "use_cache", False):
            module.config.use_cache = False  # nothing is generated
    if any(parameter.is_meta for parameter in body.parameters()):
        raise XsnsError(f"{model} doesn't fit on the GPUs here: use --precision bfloat16-weights, or more of them.")
    if chosen == "clm" and sees_what_follows(body):
        raise XsnsError(
            f"{model} is a {config.model_type} model whose tokens see those after them, so there is nothing to "
            "predict: use a decoder, such as BLOOM, XGLM or Llama."
        )
    return Checkpoint(found.name, found.revision, body, found.tokenizer, own_head, head_name, chosen)


def _objective(
    model: str, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, wanted: str | None, kind: str
) -> str:
    """Return the objective for a kind of head, none for a random one, once it is seen to fit the model."""
    check_text_model(model, config)
    if kind == "random":
        return ""
    if wanted is None:
        wanted = objective_of(model, config, tokenizer)
    else:
        check_objective(wanted, model, config, tokenizer)
    if kind == "fitted" and wanted != "mlm":
        raise XsnsError(f"Fitted heads predict masked tokens, not {wanted}: use --head tied or the checkpoint's own.")
    return wanted


def _head_on(found: "TaskModel", words: nn.Module, kind: str) -> tuple[nn.Module, str]:
    """Return a head that a checkpoint doesn't ship, and its name."""
    if kind == "random":
        return nn.Identity(), kind
    if not isinstance(words, nn.Embedding):
        raise XsnsError(f"{found.name} has no word embeddings for a {kind} head: use one with a head of its own.")
    if kind == "tied":
        return TiedHead(words), kind
    path = find_head(found.revision)
    return load_head(path, words, found.revision), f"fitted-{head_fingerprint(path)}"


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
    adapter = _fetch(model, lambda: _adapter(source, revision))
    if adapter is not None:
        of_base = {"revision": adapter[1].get("revision"), "trust_remote_code": trust_remote_code}
        return load_tokenizer(adapter[1]["base_model_name_or_path"], **of_base)
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
        adapter: where an adapter is that goes onto it, and at which revision; None for a model by itself.
    """

    name: str
    revision: str
    tokenizer: PreTrainedTokenizerBase
    source: str
    arguments: dict[str, Any]
    adapter: tuple[str, str | None] | None = None


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
    if found.adapter is not None:
        raise XsnsError(f"{model} is an adapter, which is trained for its task already: use its base.")
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
    arguments = model.arguments | _WEIGHTS | {"dtype": torch.float32}
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
    adapter = _fetch(model, lambda: _adapter(source, revision))
    if adapter is not None:
        return _find_adapter(source, name, arguments, *adapter)
    config = _fetch(model, lambda: AutoConfig.from_pretrained(source, **arguments))
    commit = _revision(source, config)
    tokenizer = _fetch(model, lambda: AutoTokenizer.from_pretrained(source, **arguments))
    return TaskModel(name, commit, tokenizer, source, arguments), config


def _adapter(source: str, revision: str | None) -> tuple[Path, dict[str, Any]] | None:
    """Return where an adapter's configuration is, and what it says; None if there is a whole model."""
    path = find_adapter_config_file(source, revision=revision)
    if path is None or (Path(source) / "config.json").is_file():
        return None
    return Path(path), json.loads(Path(path).read_text(encoding="utf-8"))


def _find_adapter(
    source: str, name: str, arguments: dict[str, Any], path: Path, adapter: dict[str, Any]
) -> tuple[TaskModel, PretrainedConfig]:
    """Return an adapter (LoRA and its kin, by PEFT) together with its base; the revision is of both."""
    if not is_peft_available():
        raise XsnsError(f"{name} is an adapter: `pip install 'xsns-hf[adapters]'` to put it on its base.")
    base, config = _find(adapter["base_model_name_or_path"], adapter.get("revision"), arguments["trust_remote_code"])
    commit = _content_hash(path.parent) if Path(source).is_dir() else path.parent.name
    both = f"{base.revision}-{commit}"
    return replace(base, name=name, revision=both, adapter=(source, arguments["revision"])), config


def _locate(model: str) -> tuple[str, str]:
    """Return what `from_pretrained` takes, and the name to record."""
    if model == EMBEDDED:
        return str(embedded_checkpoint()), EMBEDDED
    path = Path(model).expanduser()
    if path.is_dir():
        if not any((path / each).is_file() for each in ("config.json", "adapter_config.json")):
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
    return _content_hash(folder)


def _content_hash(folder: Path) -> str:
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
    except ImportError as error:
        reason = " ".join(str(error).split())[:300]
        raise XsnsError(f"The model {model} needs another package: install the one named here ({reason}).") from error
    except (OSError, ValueError, KeyError) as error:
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


def _with_own_head(found: TaskModel, objective: str) -> tuple[PreTrainedModel, nn.Module]:
    whole, info = AUTO_CLASSES[objective].from_pretrained(found.source, output_loading_info=True, **found.arguments)
    body = body_of(whole)
    of_body = set(body.parameters())
    names = {name for name, parameter in whole.named_parameters() if parameter in of_body}
    _check_body(found.name, {key for key in info["missing_keys"] if key in names})
    missing = sorted(key for key in info["missing_keys"] if key not in names)
    if missing:
        raise XsnsError(
            f"{found.name} ships no language-model head (for {objective}; missing: {', '.join(missing[:3])}…), and a "
            "random one would make meaningless masks: use `--head tied`, or for mlm fit one with `xsns fit-head`."
        )
    _put_adapter_on(whole, found)
    return body, OwnHead(whole)


def _bare_body(found: TaskModel) -> PreTrainedModel:
    body, info = AutoModel.from_pretrained(found.source, output_loading_info=True, **found.arguments)
    _check_body(found.name, info["missing_keys"])
    _put_adapter_on(body, found)
    return body


def _put_adapter_on(model: PreTrainedModel, found: TaskModel) -> None:
    """Add a model's adapter, if it has one; the base's own weights are checked before."""
    if found.adapter is not None:
        source, revision = found.adapter
        model.load_adapter(source, adapter_kwargs={"revision": revision})


def _check_body(model: str, missing: Collection[str]) -> None:
    """Refuse a body of which weights would be made up; a pooler is none of its blocks."""
    lacking = sorted(key for key in missing if ".pooler." not in f".{key}")
    if lacking:
        raise XsnsError(
            f"{model} lacks weights of its body ({', '.join(lacking[:3])}): fetch it anew, or use a whole model."
        )
