"""Pre-trained models: found at an exact revision, with configuration, tokenizer and adapter, before any weights."""

import hashlib
import json
from collections.abc import Callable, Collection
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import find_adapter_config_file, is_peft_available, logging

from xsns_hf.embedded import EMBEDDED, EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.errors import XsnsError

T = TypeVar("T")

WEIGHTS: dict[str, Any] = {"use_safetensors": True}
"""How weights are loaded: never pickled ones."""


@dataclass(frozen=True)
class Pretrained:
    """A pre-trained model whose weights aren't loaded yet.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder.
        config: its configuration.
        tokenizer: its tokenizer.
        source: what `from_pretrained` takes.
        arguments: with which.
        adapter: where an adapter is that goes onto it, and at which revision; None for a model by itself.
    """

    name: str
    revision: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    source: str
    arguments: dict[str, Any]
    adapter: tuple[str, str | None] | None = None


def find_pretrained(model: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Pretrained:
    """Find a model without loading its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`; or an adapter's (PEFT), found with its base.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run model code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, or has no tokenizer.
    """
    source, name = _locate(model)
    adapter = fetched(model, lambda: _adapter(source, revision))
    if adapter is not None:
        return _on_its_base(source, name, revision, trust_remote_code, *adapter)
    arguments: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    config = fetched(model, lambda: AutoConfig.from_pretrained(source, **arguments))
    commit = _revision(source, config)
    tokenizer = fetched(model, lambda: AutoTokenizer.from_pretrained(source, **arguments))
    return Pretrained(name, commit, config, tokenizer, source, arguments | WEIGHTS)


def load_tokenizer(
    model: str, *, revision: str | None = None, trust_remote_code: bool = False
) -> PreTrainedTokenizerBase:
    """Load a model's tokenizer alone, which takes no hash of its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag or commit on the Hub.
        trust_remote_code: run code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, or has no tokenizer.
    """
    source, _ = _locate(model)
    adapter = fetched(model, lambda: _adapter(source, revision))
    if adapter is not None:
        return load_tokenizer(**_base(adapter[1], trust_remote_code))
    arguments: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    return fetched(model, lambda: AutoTokenizer.from_pretrained(source, **arguments))


def positions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest input in tokens that a model has positions for."""
    table = getattr(model.config, "max_position_embeddings", None) or getattr(model.config, "max_seq_len", None)
    if not table:
        return tokenizer.model_max_length
    # RoBERTa and its kin count from the padding's place on in the table of positions.
    begins = [
        each.padding_idx + 1
        for each in model.modules()
        if isinstance(each, nn.Embedding) and each.padding_idx is not None and each.num_embeddings == table
    ]
    return min(tokenizer.model_max_length, table - max(begins, default=0))


def padding_id(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id to pad with: any that has an embedding, where the padding token has none or there is no such token.

    It is added to many tokenizers without making room for it in the model.
    """
    padding, vocabulary = tokenizer.pad_token_id, getattr(config, "vocab_size", None)
    return padding if isinstance(padding, int) and (vocabulary is None or padding < vocabulary) else 0


def check_complete(model: str, made_up: Collection[str]) -> None:
    """Refuse a body of which weights would be made up; a pooler's are none of its blocks'.

    Args:
        model: its name.
        made_up: names of the body's weights that its files lack, or have in another shape than its config says.

    Raises:
        XsnsError: there are any.
    """
    lacking = sorted(key for key in made_up if ".pooler." not in f".{key}")
    if lacking:
        raise XsnsError(
            f"{model} lacks weights of its body in the shapes of its config ({', '.join(lacking[:3])}): "
            "fetch it anew, or use a whole model."
        )


def fetched(model: str, load: Callable[[], T]) -> T:
    """Run a `from_pretrained` without its chatter, and with its many kinds of failure as one clear sentence each."""
    try:
        with quiet():
            return load()
    except XsnsError:
        raise
    except ImportError as error:
        reason = " ".join(str(error).split())[:300]
        raise XsnsError(f"The model {model} needs another package: install the one named here ({reason}).") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise XsnsError(
            f"There is no room in memory for the model {model}: use --precision bfloat16-weights, or fewer --processes."
        ) from error
    except Exception as error:  # the library and those below it raise any kind for a broken model
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if "safetensors" in reason and isinstance(error, OSError):
            remedy = (
                "pickled weights are never read; use a revision with safetensors (on the Hub, "
                "`refs/pr/…` of the conversion bot), or convert it with `save_pretrained`"
            )
        elif "trust_remote_code" in reason:
            remedy = "it needs code from its repository; pass --trust-remote-code if you trust its authors"
        elif isinstance(error, OSError):
            remedy = "check the name and the connection, log in for a private one, or use `--model embedded`"
        else:
            remedy = (
                "its files are damaged, don't fit together or are made for another version of transformers; fetch it "
                "anew, or use another model"
            )
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


def _adapter(source: str, revision: str | None) -> tuple[Path, dict[str, Any]] | None:
    """Return where an adapter's configuration is, and what it says; None if there is a whole model."""
    path = find_adapter_config_file(source, revision=revision)
    if path is None or any(Path(source).glob("model*.safetensors")):
        return None
    return Path(path), json.loads(Path(path).read_text(encoding="utf-8"))


def _base(adapter: dict[str, Any], trust_remote_code: bool) -> dict[str, Any]:
    """Return the arguments that find an adapter's base."""
    if not adapter.get("base_model_name_or_path"):
        raise XsnsError("The adapter doesn't say of which model it is: name it in its adapter_config.json.")
    found = {"model": adapter["base_model_name_or_path"], "revision": adapter.get("revision")}
    return {**found, "trust_remote_code": trust_remote_code}


def _on_its_base(
    source: str, name: str, revision: str | None, trust_remote_code: bool, path: Path, adapter: dict[str, Any]
) -> Pretrained:
    """Return an adapter (LoRA and its kin, by PEFT) together with its base; the revision is of both."""
    if not is_peft_available():
        raise XsnsError(f"{name} is an adapter: `pip install 'xsns-hf[adapters]'` to put it on its base.")
    if adapter.get("num_virtual_tokens"):
        raise XsnsError(f"{name} is a learned prompt, which leaves the blocks as they are: use its base.")
    base = find_pretrained(**_base(adapter, trust_remote_code))
    commit = _content_hash(path.parent) if Path(source).is_dir() else path.parent.name
    return replace(base, name=name, revision=f"{base.revision}-{commit}", adapter=(source, revision))


def _revision(source: str, config: PretrainedConfig) -> str:
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
