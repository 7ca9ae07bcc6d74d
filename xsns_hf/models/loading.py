"""Checkpoints: a pre-trained model loaded as a body, a head for its objective, and a tokenizer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import torch
from torch import nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.models.blocks import block_lists
from xsns_hf.models.body import OwnHead, body_of, sees_padding, sees_what_follows
from xsns_hf.models.failures import quiet
from xsns_hf.models.finding import Pretrained, check_complete, find_pretrained, padding_id, positions
from xsns_hf.models.head_files import find_head, head_fingerprint
from xsns_hf.models.heads import TiedHead, load_head
from xsns_hf.models.identity import Identity, head_kind
from xsns_hf.models.kinds import AUTO_CLASSES, check_objective, check_text_model, objective_of
from xsns_hf.recipe import HeadKind, LanguageModelling, fitted_head


@dataclass(frozen=True)
class Checkpoint(Identity):
    """A loaded checkpoint.

    Attributes:
        body: the transformer without its head.
        tokenizer: its tokenizer.
        head: hidden states [N, H] to logits [N, V].
    """

    body: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    head: nn.Module

    @property
    def positions(self) -> int:
        """The longest input in tokens that the model has positions for."""
        return positions(self.body, self.tokenizer)

    @property
    def padding(self) -> int:
        """The id to pad with."""
        return padding_id(self.body.config, self.tokenizer)

    @cached_property
    def batched(self) -> bool:
        """Whether examples may go through the body together; else padding would change what it makes of them.

        Found out by trying, where the body is when this is first asked for.
        """
        return not sees_padding(self.body, self.padding)


def is_spread(model: PreTrainedModel) -> bool:
    """Return whether a model's parts are on several devices, see `device_map`."""
    return len({weight.device for weight in model.parameters()}) > 1


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
        revision: branch, tag, `refs/pr/…` or commit on the Hub; or what a recipe records, see `find_pretrained`.
        trust_remote_code: run model code from the repository; off unless asked for.
        dtype: of the weights.
        device_map: spreads a model over several GPUs, as accelerate does: `auto`, or a device for each part.

    Raises:
        XsnsError: the model isn't there, isn't a text model, doesn't fit the objective, has no trained head of the
            wanted kind, lacks weights, or its weights aren't safetensors.
    """
    pretrained = find_pretrained(model, revision=revision, trust_remote_code=trust_remote_code)
    kind = head_kind(model, head)
    chosen = choose_objective(model, pretrained.config, pretrained.tokenizer, objective, kind)
    options: dict[str, Any] = {"dtype": dtype, **({"device_map": device_map} if device_map else {})}
    head_name: str = kind
    if kind == "pretrained":
        body, own_head = _with_own_head(pretrained, chosen, options)
    else:
        body = _bare_body(pretrained, options)
        own_head, head_name = head_on(body, kind, pretrained.name, pretrained.revision)
    settle(body)
    check_usable(model, body, chosen)
    return Checkpoint(pretrained.name, pretrained.revision, head_name, chosen, body, pretrained.tokenizer, own_head)


def choose_objective(
    model: str, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, wanted: str | None, kind: HeadKind
) -> LanguageModelling | Literal[""]:
    """Return the objective for a kind of head, none for a random one, once it is seen to fit the model.

    Args:
        model: what to call it.
        config: its configuration.
        tokenizer: its tokenizer.
        wanted: `mlm`, `clm`, `span` or `infilling`; by default that of its pre-training.
        kind: of the head.

    Raises:
        XsnsError: it isn't a text model, or the objective or the head doesn't fit it.
    """
    check_text_model(model, config)
    if kind == "random":
        return ""
    if wanted is None:
        objective = objective_of(model, config, tokenizer)
    else:
        objective = cast(LanguageModelling, wanted)
        check_objective(objective, model, config, tokenizer)
    if kind == "fitted" and objective != "mlm":
        raise XsnsError(
            f"Fitted heads predict masked tokens, not {objective}: use {parameter('head', 'tied')} or the "
            "checkpoint's own."
        )
    return objective


def _with_own_head(
    pretrained: Pretrained, objective: str, options: dict[str, Any]
) -> tuple[PreTrainedModel, nn.Module]:
    """Return a checkpoint's body and the head that it ships."""
    whole, info = pretrained.load(AUTO_CLASSES[objective], **options)
    with quiet():
        body = body_of(whole)
    of_body = set(body.parameters())
    names = {name for name, weight in whole.named_parameters() if weight in of_body}
    missing = set(info["missing_keys"])
    check_complete(pretrained.name, missing & names)
    missing -= names
    if missing:
        raise XsnsError(
            f"{pretrained.name} ships no language-model head (for {objective}; missing: "
            f"{', '.join(sorted(missing)[:3])}…), and a random one would make meaningless masks: use "
            f"{parameter('head', 'tied')}, or for mlm fit one with `xsns fit-head`."
        )
    _put_adapter_on(whole, body, pretrained)
    return body, OwnHead(whole)


def _bare_body(pretrained: Pretrained, options: dict[str, Any]) -> PreTrainedModel:
    body, info = pretrained.load(AutoModel, **options)
    check_complete(pretrained.name, info["missing_keys"])
    _put_adapter_on(body, body, pretrained)
    return body


def head_on(body: PreTrainedModel, kind: HeadKind, model: str, revision: str) -> tuple[nn.Module, str]:
    """Return a head that a checkpoint doesn't ship, and its name.

    Args:
        body: the transformer without a head.
        kind: any but `pretrained`.
        model: what to call it.
        revision: for which a head was fitted.

    Raises:
        XsnsError: it has no word embeddings to put a head on, or none was fitted for it.
    """
    if kind == "random":
        return nn.Identity(), kind
    words = body.get_input_embeddings()
    if not isinstance(words, nn.Embedding):
        raise XsnsError(f"{model} has no word embeddings for a {kind} head: use one with a head of its own.")
    if kind == "tied":
        return TiedHead(words), kind
    path = find_head(revision)
    return load_head(path, words, revision), fitted_head(head_fingerprint(path))


def _put_adapter_on(model: PreTrainedModel, body: PreTrainedModel, pretrained: Pretrained) -> None:
    """Add a model's adapter, if it has one, and see that the body's blocks get all of it and nothing else."""
    misplaced = pretrained.load_adapter(model)
    blocks = [f"{name}." for name in block_lists(body)] if misplaced else []
    wrong = [name for name in misplaced if any(block in name for block in blocks)]
    if wrong:
        raise XsnsError(
            f"The adapter {pretrained.name} can't be put on its base as transformers does it "
            f"({', '.join(wrong[:2])}, …): merge the two with PEFT (`merge_and_unload`), and use what "
            "`save_pretrained` makes of that."
        )


def check_usable(model: str, body: PreTrainedModel, objective: str) -> None:
    """Make sure that all weights are in memory, and that there is something to predict.

    Raises:
        XsnsError: they aren't, or there is nothing.
    """
    if any(weight.is_meta for weight in body.parameters()):
        raise XsnsError(
            f"{model} doesn't fit on the GPUs here: use {parameter('precision', 'bfloat16-weights')}, or more of them."
        )
    if objective == "clm" and sees_what_follows(body):
        raise XsnsError(
            f"{model} is a {body.config.model_type} model whose tokens see those after them, so there is nothing to "
            "predict: use a decoder, such as BLOOM, XGLM or Llama."
        )


def settle(body: PreTrainedModel) -> None:
    """Turn off what a model does for generating text, or goes over to at its first short sentence, as BigBird does."""
    for module in body.modules():
        if isinstance(module, PreTrainedModel) and getattr(module.config, "use_cache", False):
            module.config.use_cache = False
    set_attention(body, "original_full")


def set_attention(body: nn.Module, attention: str) -> None:
    """Have a body attend in one of its ways, if it has several as BigBird does."""
    if callable(setter := getattr(body, "set_attention_type", None)):
        setter(attention)
