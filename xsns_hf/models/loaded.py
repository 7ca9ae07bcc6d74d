"""A model that is in memory already as a checkpoint, and left afterwards as it was."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.models.body import OwnHead, body_of
from xsns_hf.models.finding import load_tokenizer
from xsns_hf.models.kinds import has_head
from xsns_hf.models.loading import Checkpoint, check_usable, choose_objective, head_on, set_attention, settle
from xsns_hf.models.locations import locate
from xsns_hf.recipe import HeadKind, Precision


def loaded_checkpoint(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    objective: str | None = None,
    head: HeadKind | None = None,
) -> Checkpoint:
    """Return a loaded model as a checkpoint that shares its weights, to be used while it is `borrowed`.

    Its revision is a hash of the weights as they are now: who goes on training it asks again.

    Args:
        model: a language model, or with `head` a body without a head.
        tokenizer: its tokenizer.
        objective: as of `load_checkpoint`.
        head: `pretrained` (its own, the default), `tied`, `random`, or `fitted`: by `xsns fit-head` for the checkpoint
            that the model was loaded from.

    Raises:
        XsnsError: it isn't a text model, has no head of its own, or doesn't fit the objective or the head.
    """
    called, kind = name_of(model), head or "pretrained"
    chosen = choose_objective(called, model.config, tokenizer, objective, kind)
    check_usable(called, model, "")  # that its weights are here to be hashed
    body, name = body_of(model), str(kind)
    if kind == "pretrained":
        if not (chosen and has_head(model, chosen)):
            raise XsnsError(
                f"The loaded {type(model).__name__} has no language-model head for {chosen}: load the checkpoint with "
                f"one (AutoModelForMaskedLM, AutoModelForCausalLM …), or use {parameter('head', 'tied')}."
            )
        _check_trained(model, body)
        own_head: Any = OwnHead(model)
    else:
        fitted_for = locate(model.name_or_path or "").revision if kind == "fitted" else ""
        own_head, name = head_on(body, kind, called, fitted_for)
    settle(body)
    check_usable(called, body, chosen)
    return Checkpoint(called, weights_hash(model, tokenizer), name, chosen, body, tokenizer, own_head)


def _check_trained(model: PreTrainedModel, body: PreTrainedModel) -> None:
    """Refuse a head that transformers made up since the checkpoint has none: its normalisation is as it begins.

    Heads without any can't be told.
    """
    of_body = set(body.modules())
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm) and module not in of_body]
    if norms and all(bool((norm.weight == 1).all()) for norm in norms if norm.weight is not None):
        raise XsnsError(
            f"The head of the loaded {type(model).__name__} was never trained, and would make meaningless masks: use "
            f"{parameter('head', 'tied')}, or a checkpoint that has one."
        )


def check_loaded(model: Any) -> None:
    """Make sure that something is a model of transformers, in a precision that sums can be taken in.

    Raises:
        XsnsError: it isn't.
    """
    if not isinstance(model, PreTrainedModel):
        hint = ", or merge an adapter first (`merge_and_unload`)" if hasattr(model, "merge_and_unload") else ""
        raise XsnsError(
            f"A {type(model).__name__} is no transformers model: give a PreTrainedModel, a name or a folder{hint}."
        )
    if model.dtype not in _PRECISIONS:
        raise XsnsError(f"The loaded model is in {_short(model.dtype)}: load it with dtype=torch.float32 or bfloat16.")


def precision_of(model: PreTrainedModel, wanted: Precision | None) -> Precision:
    """Return the precision to run a loaded model in: the one wanted, if its weights are in it, else their own.

    Raises:
        XsnsError: they are in another.
    """
    possible = _PRECISIONS[model.dtype]
    if wanted is not None and wanted not in possible:
        raise XsnsError(
            f"The loaded model is in {_short(model.dtype)}, which isn't {parameter('precision', wanted)}: load it in "
            f"another dtype, or take {parameter('precision', possible[0])}."
        )
    return wanted or possible[0]


def tokenizer_for(model: PreTrainedModel) -> PreTrainedTokenizerBase:
    """Load the tokenizer of the checkpoint that a model was loaded from.

    Raises:
        XsnsError: it isn't known which that was, or it can't be loaded.
    """
    if not model.name_or_path:
        raise XsnsError("The loaded model doesn't say where its tokenizer is: give it with tokenizer=….")
    return load_tokenizer(model.name_or_path)


@contextmanager
def borrowed(model: PreTrainedModel) -> Iterator[None]:
    """Leave a model as it was after this context: its modes, what of it is trained, its settings and its device."""
    modes = [(module, module.training) for module in model.modules()]
    trained = [(weight, weight.requires_grad) for weight in model.parameters()]
    caching = [(config, config.use_cache) for config in _configs(model) if hasattr(config, "use_cache")]
    attention, device = getattr(model.base_model, "attention_type", None), model.device
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for weight, is_trained in trained:
            weight.requires_grad_(is_trained)
        for config, cached in caching:
            config.use_cache = cached
        if attention is not None:
            set_attention(model.base_model, attention)
        if model.device != device:
            model.to(device)  # type: ignore[arg-type]  # transformers wraps it without its types


def name_of(model: PreTrainedModel) -> str:
    """Return what recipes call a loaded model: its id on the Hub, its folder's name, or its type if it has neither."""
    name = model.name_or_path
    if not name:
        return model.config.model_type
    is_path = name.startswith((".", "~", "/", "\\")) or name.count("/") > 1 or Path(name).is_dir()
    return Path(name).resolve().name if is_path else name


def weights_hash(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a hash of a model's weights and its tokenizer's vocabulary, 16 hex digits: its revision in recipes.

    The device doesn't matter.
    """
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        values = weight.detach().cpu().contiguous()
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data if values.numel() else b"")
    for token, number in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{token} {number}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


_PRECISIONS: dict[torch.dtype, tuple[Precision, ...]] = {
    torch.float32: ("float32", "bfloat16"),
    torch.bfloat16: ("bfloat16-weights",),
}


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _configs(model: PreTrainedModel) -> list[Any]:
    return [module.config for module in model.modules() if isinstance(module, PreTrainedModel)]
