"""Checkpoints: a pre-trained model loaded as a body, a head for its objective, and a tokenizer."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import nn
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from xsns_hf.errors import XsnsError
from xsns_hf.models.blocks import block_lists
from xsns_hf.models.body import OwnHead, body_of, sees_padding, sees_what_follows
from xsns_hf.models.embedded import EMBEDDED
from xsns_hf.models.finding import Pretrained, check_complete, fetched, find_pretrained, padding_id, positions
from xsns_hf.models.heads import TiedHead, find_head, head_fingerprint, load_head
from xsns_hf.models.kinds import AUTO_CLASSES, check_objective, check_text_model, objective_of
from xsns_hf.recipe import HeadKind, fitted_head


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
    return len({parameter.device for parameter in model.parameters()}) > 1


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
    found = find_pretrained(model, revision=revision, trust_remote_code=trust_remote_code)
    kind = head or ("fitted" if model == EMBEDDED else "pretrained")
    chosen = _objective(model, found, objective, kind)
    how = {"dtype": dtype, **({"device_map": device_map} if device_map else {})}
    found = replace(found, arguments=found.arguments | how)
    if kind == "pretrained":
        body, own_head = fetched(model, lambda: _with_own_head(found, chosen))
        head_name: str = kind
    else:
        body = fetched(model, lambda: _bare_body(found))
        own_head, head_name = _head_on(found, body.get_input_embeddings(), kind)
    for module in body.modules():
        if isinstance(module, PreTrainedModel) and getattr(module.config, "use_cache", False):
            module.config.use_cache = False  # nothing is generated
    if hasattr(body, "set_attention_type"):
        body.set_attention_type("original_full")  # BigBird's goes over to it by itself at its first short sentence
    if any(parameter.is_meta for parameter in body.parameters()):
        raise XsnsError(f"{model} doesn't fit on the GPUs here: use --precision bfloat16-weights, or more of them.")
    if chosen == "clm" and sees_what_follows(body):
        raise XsnsError(
            f"{model} is a {found.config.model_type} model whose tokens see those after them, so there is nothing to "
            "predict: use a decoder, such as BLOOM, XGLM or Llama."
        )
    return Checkpoint(found.name, found.revision, body, found.tokenizer, own_head, head_name, chosen)


def _objective(model: str, found: Pretrained, wanted: str | None, kind: str) -> str:
    """Return the objective for a kind of head, none for a random one, once it is seen to fit the model."""
    check_text_model(model, found.config)
    if kind == "random":
        return ""
    if wanted is None:
        wanted = objective_of(model, found.config, found.tokenizer)
    else:
        check_objective(wanted, model, found.config, found.tokenizer)
    if kind == "fitted" and wanted != "mlm":
        raise XsnsError(f"Fitted heads predict masked tokens, not {wanted}: use --head tied or the checkpoint's own.")
    return wanted


def _head_on(found: Pretrained, words: nn.Module, kind: str) -> tuple[nn.Module, str]:
    """Return a head that a checkpoint doesn't ship, and its name."""
    if kind == "random":
        return nn.Identity(), kind
    if not isinstance(words, nn.Embedding):
        raise XsnsError(f"{found.name} has no word embeddings for a {kind} head: use one with a head of its own.")
    if kind == "tied":
        return TiedHead(words), kind
    path = find_head(found.revision)
    return load_head(path, words, found.revision), fitted_head(head_fingerprint(path))


def _with_own_head(found: Pretrained, objective: str) -> tuple[PreTrainedModel, nn.Module]:
    whole, info = AUTO_CLASSES[objective].from_pretrained(found.source, output_loading_info=True, **found.arguments)
    body = body_of(whole)
    of_body = set(body.parameters())
    names = {name for name, parameter in whole.named_parameters() if parameter in of_body}
    check_complete(found.name, {key for key in info["missing_keys"] if key in names})
    missing = sorted(key for key in info["missing_keys"] if key not in names)
    if missing:
        raise XsnsError(
            f"{found.name} ships no language-model head (for {objective}; missing: {', '.join(missing[:3])}…), and a "
            "random one would make meaningless masks: use `--head tied`, or for mlm fit one with `xsns fit-head`."
        )
    _put_adapter_on(whole, body, found)
    return body, OwnHead(whole)


def _bare_body(found: Pretrained) -> PreTrainedModel:
    body, info = AutoModel.from_pretrained(found.source, output_loading_info=True, **found.arguments)
    check_complete(found.name, info["missing_keys"])
    _put_adapter_on(body, body, found)
    return body


def _put_adapter_on(model: PreTrainedModel, body: PreTrainedModel, found: Pretrained) -> None:
    """Add a model's adapter, if it has one, and see that the body's blocks get all of it and nothing else."""
    if found.adapter is None:
        return
    info = model.load_adapter(found.adapter.source, adapter_kwargs=found.adapter.arguments)
    misplaced = {*info.missing_keys, *info.unexpected_keys, *(key for key, *_shapes in info.mismatched_keys)}
    blocks = [f"{each}." for each in block_lists(body)]
    wrong = [key for key in misplaced if any(block in key for block in blocks)]
    if wrong:
        raise XsnsError(
            f"The adapter {found.name} can't be put on its base as transformers does it "
            f"({', '.join(sorted(wrong)[:2])}, …): merge the two with PEFT (`merge_and_unload`), and use what "
            "`save_pretrained` makes of that."
        )
