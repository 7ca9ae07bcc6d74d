"""Pre-trained models: found at an exact revision, with configuration, tokenizer and adapter, before any weights."""

import json
from collections.abc import Callable, Collection
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env
from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from xsns_hf.errors import XsnsError, lacking
from xsns_hf.hub_errors import explained, refusal_behind
from xsns_hf.models.locations import Location, locate
from xsns_hf.processes import is_first, number
from xsns_hf.recipe import commits_in

T = TypeVar("T")

WEIGHTS: dict[str, Any] = {"use_safetensors": True}
"""How weights are loaded: never pickled ones."""


@dataclass(frozen=True)
class Pretrained:
    """A pre-trained model whose weights aren't loaded yet.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder; of an adapter, its base's and its own.
        config: its configuration.
        tokenizer: its tokenizer.
        source: what `from_pretrained` takes.
        arguments: with which, the commit among them.
        adapter: where an adapter is that goes onto it; None for a model by itself.
    """

    name: str
    revision: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    source: str
    arguments: dict[str, Any]
    adapter: Location | None = None


def find_pretrained(model: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Pretrained:
    """Find a model without loading its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`; or an adapter's (PEFT), found with its base.
        revision: branch, tag, `refs/pr/…` or commit on the Hub; or what a recipe records, both commits of an adapter.
        trust_remote_code: run model code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, or has no tokenizer.
    """
    recorded = commits_in(revision or "")
    of_base, own = recorded if len(recorded) == 2 else (None, revision)
    location = locate(model, own)
    if (adapter := _adapter(location)) is not None:
        base = find_pretrained(
            _base(location, adapter), revision=of_base or adapter.get("revision"), trust_remote_code=trust_remote_code
        )
        return _on_its_base(location, adapter, base)
    arguments: dict[str, Any] = location.arguments | {"trust_remote_code": trust_remote_code}
    config = fetched(model, lambda: AutoConfig.from_pretrained(location.source, **arguments))
    tokenizer = fetched(model, lambda: AutoTokenizer.from_pretrained(location.source, **arguments))
    return Pretrained(location.name, location.revision, config, tokenizer, location.source, arguments | WEIGHTS)


def agreed_revision(model: str, revision: str | None, trust_remote_code: bool = False) -> str | None:
    """Return the revision that all processes which work together are to load: the commits that the first one finds.

    Else a branch that moves while they start would give them different weights. All of them must call this.

    Args:
        model: as of `find_pretrained`.
        revision: as of `find_pretrained`.
        trust_remote_code: as of `find_pretrained`.

    Raises:
        XsnsError: as `find_pretrained` does, in all of them.
    """
    if number() == 1:
        return revision
    PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))  # by which the processes find each other
    agreed: list[str | XsnsError | None] = [revision]
    if is_first():
        try:
            found = find_pretrained(model, revision=revision, trust_remote_code=trust_remote_code).revision
            agreed = [found if commits_in(found) else revision]
        except XsnsError as error:  # the others wait for an answer
            agreed = [XsnsError(str(error))]
    (answer,) = broadcast_object_list(agreed)
    if isinstance(answer, XsnsError):
        raise answer
    return answer


def load_tokenizer(
    model: str, *, revision: str | None = None, trust_remote_code: bool = False
) -> PreTrainedTokenizerBase:
    """Load a model's tokenizer alone, which takes no hash of its weights.

    Args:
        model: a model id on the Hub, a local folder, or `embedded`.
        revision: branch, tag, `refs/pr/…` or commit on the Hub.
        trust_remote_code: run code from the repository; off unless asked for.

    Raises:
        XsnsError: the model isn't there, or has no tokenizer.
    """
    location = locate(model, revision)
    if (adapter := _adapter(location)) is not None:
        return load_tokenizer(
            _base(location, adapter), revision=adapter.get("revision"), trust_remote_code=trust_remote_code
        )
    arguments: dict[str, Any] = location.arguments | {"trust_remote_code": trust_remote_code}
    return fetched(model, lambda: AutoTokenizer.from_pretrained(location.source, **arguments))


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
        if refusal := refusal_behind(error):
            with explained(model, "model"):
                raise refusal from error
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if "safetensors" in reason and isinstance(error, OSError):
            remedy = (
                "pickled weights are never read; use a revision with safetensors (on the Hub, "
                "`refs/pr/…` of the conversion bot), or convert it with `save_pretrained`"
            )
        elif "trust_remote_code" in reason:
            remedy = "it needs code from its repository; pass --trust-remote-code if you trust its authors"
        elif isinstance(error, OSError):
            remedy = "check that it is a whole model of transformers, or use `--model embedded`"
        else:
            remedy = (
                "its files are damaged, don't fit together or are made for another version of transformers; fetch it "
                "anew, or use another model"
            )
        raise XsnsError(f"The model {model} can't be loaded ({reason}): {remedy}.") from error


@contextmanager
def quiet():
    """Keep transformers from chattering and from drawing progress bars for a while, but for those of downloads."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    downloads = not are_progress_bars_disabled()
    logging.disable_progress_bar()
    if downloads and is_first():
        enable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _adapter(location: Location) -> dict[str, Any] | None:
    """Return an adapter's configuration, None if there is a whole model."""
    path = location.file("adapter_config.json")
    if path is None or (location.commit is None and any(path.parent.glob("model*.safetensors"))):
        return None
    return fetched(location.source, lambda: json.loads(path.read_text(encoding="utf-8")))


def _base(location: Location, adapter: dict[str, Any]) -> str:
    """Return the model that an adapter goes onto."""
    if not adapter.get("base_model_name_or_path"):
        raise XsnsError(
            f"The adapter {location.name} doesn't say of which model it is: name it in its adapter_config.json."
        )
    return adapter["base_model_name_or_path"]


def _on_its_base(location: Location, adapter: dict[str, Any], base: Pretrained) -> Pretrained:
    """Return an adapter (LoRA and its kin, by PEFT) together with its base; the revision is of both."""
    if find_spec("peft") is None:
        raise lacking("peft")
    if adapter.get("num_virtual_tokens"):
        raise XsnsError(f"{location.name} is a learned prompt, which leaves the blocks as they are: use its base.")
    return replace(base, name=location.name, revision=f"{base.revision}-{location.revision}", adapter=location)
