"""Pre-trained models: found at an exact revision, with configuration, tokenizer and adapter, before any weights."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from huggingface_hub.errors import LocalEntryNotFoundError
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from xsns_hf.errors import Damaged, XsnsError, lacking
from xsns_hf.hub_errors import explained
from xsns_hf.models.failures import loading, quiet
from xsns_hf.models.locations import Location, locate
from xsns_hf.processes import agreed, number
from xsns_hf.recipe import commits_in

WEIGHTS: dict[str, Any] = {"use_safetensors": True}
"""How weights are loaded: never pickled ones."""

_ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Pretrained:
    """A pre-trained model whose weights aren't loaded yet.

    Attributes:
        name: the model id, the folder's name, or `embedded`.
        revision: commit sha on the Hub, or a content hash of a local folder; of an adapter, its base's and its own.
        config: its configuration.
        tokenizer: its tokenizer.
        location: where its files are; of an adapter, its base's.
        trust_remote_code: whether model code from there may be run.
        adapter: where an adapter is that goes onto it; None for a model by itself.
    """

    name: str
    revision: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    location: Location
    trust_remote_code: bool = False
    adapter: Location | None = None

    def load(self, auto_class: Any, **options: Any) -> tuple[PreTrainedModel, dict[str, Any]]:
        """Load the weights, but for an adapter's.

        Args:
            auto_class: such as `AutoModelForMaskedLM`.
            options: other arguments of its `from_pretrained`.

        Returns:
            The model, and which weights were missing or of another shape, as `from_pretrained` tells it.

        Raises:
            XsnsError: the weights aren't safetensors, or can't be loaded.
        """
        named = getattr(self.config, "transformers_weights", None)  # by which a configuration says where they are
        _check_safetensors(self.location, *([str(named)] if named else [SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME]))
        arguments = _arguments(self.location, self.trust_remote_code) | WEIGHTS | options
        with loading(self.location, self.trust_remote_code):
            return auto_class.from_pretrained(self.location.source, output_loading_info=True, **arguments)

    def load_adapter(self, model: PreTrainedModel) -> list[str]:
        """Put the adapter, if there is one, onto a model that was loaded.

        Returns:
            The names of its weights that the model has no place for, or has in another shape, or that it lacks.

        Raises:
            XsnsError: the weights aren't safetensors, or can't be loaded.
        """
        if self.adapter is None:
            return []
        _check_safetensors(self.adapter, _ADAPTER_WEIGHTS)
        with loading(self.adapter):
            info = model.load_adapter(self.adapter.source, adapter_kwargs=self.adapter.arguments)
        return sorted({*info.missing_keys, *info.unexpected_keys, *(name for name, *_shapes in info.mismatched_keys)})


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
    with loading(location, trust_remote_code):
        config = AutoConfig.from_pretrained(location.source, **_arguments(location, trust_remote_code))
    tokenizer = _tokenizer(location, trust_remote_code)
    return Pretrained(location.name, location.revision, config, tokenizer, location, trust_remote_code)


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

    def find() -> str | None:
        location = locate(model, revision) if len(commits_in(revision or "")) < 2 else None
        if location and _adapter(location) is None:  # without a look at its tokenizer and a folder's weights
            return location.commit or revision
        exact = find_pretrained(model, revision=revision, trust_remote_code=trust_remote_code).revision
        return exact if commits_in(exact) else revision

    return agreed(find)


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
    return _tokenizer(location, trust_remote_code)


def positions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest input in tokens that a model has positions for."""
    table = getattr(model.config, "max_position_embeddings", None) or getattr(model.config, "max_seq_len", None)
    if not table:
        return tokenizer.model_max_length
    # RoBERTa and its kin count from the padding's place on in the table of positions.
    begins = [
        module.padding_idx + 1
        for module in model.modules()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None and module.num_embeddings == table
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
    of_blocks = sorted(name for name in made_up if ".pooler." not in f".{name}")
    if of_blocks:
        raise Damaged(
            f"{model} lacks weights of its body in the shapes of its config ({', '.join(of_blocks[:3])}): "
            "fetch it anew, or use a whole model."
        )


def _arguments(location: Location, trust_remote_code: bool) -> dict[str, Any]:
    """Return what each `from_pretrained` is to be told."""
    return location.arguments | {"trust_remote_code": trust_remote_code}


def _tokenizer(location: Location, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    with loading(location, trust_remote_code):
        return AutoTokenizer.from_pretrained(location.source, **_arguments(location, trust_remote_code))


def _check_safetensors(location: Location, *names: str) -> None:
    """Make sure that weights are in safetensors, before anything looks for others.

    Args:
        location: where they are.
        names: of the file that they may be in, or of an index of several.

    Raises:
        XsnsError: they aren't; or they aren't in the cache, and the Hub can't be reached.
    """
    safe = [name for name in names if name.endswith((".safetensors", ".safetensors.index.json"))]
    with quiet():
        if any(location.file(name) for name in safe):
            return
    if safe and location.cached:
        with explained(location.source, "model"):
            raise LocalEntryNotFoundError(f"no {safe[0]} in the cache")
    raise XsnsError(
        f"The model {location.source} can't be loaded, since its weights aren't safetensors: pickled weights are never "
        "read; use a revision with safetensors (on the Hub, `refs/pr/…` of the conversion bot), or convert it with "
        "`save_pretrained`."
    )


def _adapter(location: Location) -> dict[str, Any] | None:
    """Return an adapter's configuration, None if there is a whole model."""
    path = location.file("adapter_config.json")
    if path is None or (location.commit is None and any(path.parent.glob("model*.safetensors"))):
        return None
    with loading(location):
        return json.loads(path.read_text(encoding="utf-8"))


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
