"""A language model in two: its body, up to the last hidden states, and the head that it puts on them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from xsns_hf.errors import XsnsError, parameter


def body_of(model: PreTrainedModel) -> PreTrainedModel:
    """Return the body of a language model, which shares its weights.

    Raises:
        XsnsError: it can't be told from the head.
    """
    base = model.base_model
    if base is not model and isinstance(base, PreTrainedModel):
        return base
    no_body = XsnsError(f"{type(model).__name__} has no body of its own in transformers: use another model.")
    try:
        with torch.device("meta"):
            body: PreTrainedModel = AutoModel.from_config(model.config)
    except Exception as error:  # there is none, or a model's own code fails
        raise no_body from error
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and type(module) is type(body):
            return module  # under another name than the model's class says, as in Llama 4
    # T5's language model isn't a body with a head on it, but has the parts of a body among its own.
    for name, _ in body.named_children():
        if not hasattr(model, name):
            raise no_body
        setattr(body, name, getattr(model, name))
    return body


def sees_what_follows(body: PreTrainedModel) -> bool:
    """Return whether a body's tokens see those after them, which would give away the next token.

    Raises:
        XsnsError: the body wants more than text.
    """
    states, with_another_end = _states(body, [[5, 6, 7, 8], [5, 6, 7, 9]])
    return not _alike(states[:-1], with_another_end[:-1])


def sees_padding(body: PreTrainedModel, padding: int) -> bool:
    """Return whether padding changes what a body makes of the other tokens, as it does in FNet.

    Args:
        body: the transformer without its head.
        padding: the id that examples are padded with.

    Raises:
        XsnsError: the body wants more than text.
    """
    tokens = [5, 6, 7, 8]
    alone, padded = _states(body, [tokens]), _states(body, [[*tokens, *[padding] * 3]], attended=len(tokens))
    return not _alike(alone, padded[:, : len(tokens)])


def _states(body: PreTrainedModel, tokens: Sequence[Sequence[int]], attended: int | None = None) -> Tensor:
    """Return the hidden states of a few tokens, of which the first are attended to, float [B, T, H]."""
    ids = torch.tensor(tokens, device=body.device)
    mask = torch.ones_like(ids)
    if attended is not None:
        mask[:, attended:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if body.config.is_encoder_decoder:
        inputs |= {f"decoder_{name}": values for name, values in inputs.items()}
    training = body.training
    try:
        with on_text_alone(body), torch.no_grad():
            return body.eval()(**inputs).last_hidden_state
    finally:
        body.train(training)


def _alike(states: Tensor, others: Tensor) -> bool:
    """Return whether each token's hidden states [B, T, H] differ by rounding only.

    Medians over the features are compared, since some models have features a thousand times as large as the others.
    What isn't finite counts as alike; extraction says so later.
    """
    tolerance = 1e-3 if states.dtype == torch.float32 else 3e-2
    difference, size = (values.float().abs().median(dim=-1).values for values in (states - others, states))
    return not bool((difference > tolerance * size).any())


@contextmanager
def on_text_alone(body: PreTrainedModel) -> Iterator[None]:
    """Turn the errors of a body that is called in this context into one sentence each.

    Such errors are that it needs more inputs than text, or lacks an operation in its precision or on its device.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        how = f"in {str(body.dtype).removeprefix('torch.')} on {body.device.type}"
        raise XsnsError(
            f"{type(body).__name__} can't be run on text alone ({reason}), {how}: use another model or "
            f"{parameter('precision')}."
        ) from error


class OwnHead(nn.Module):
    """What a model computes after its body, as a function of hidden states.

    The whole model runs, but its body (of an encoder–decoder, the decoder) returns the given hidden states at once. So
    this works for any architecture whose head looks at one position at a time, whatever the head is called or made of.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model.eval()
        # Models such as OPT's call not their body but the decoder in it.
        body = model.get_decoder() if model.config.is_encoder_decoder else body_of(model)
        self.skipped = [module for module in body.modules() if isinstance(module, PreTrainedModel)]

    @property
    def word_embeddings(self) -> nn.Module | None:
        """What holds the matrix by which logits are made, [V, H]; None of a model that doesn't say."""
        return self.model.get_output_embeddings()

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits [N, V] of hidden states [N, H]."""
        tokens = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        states = _States(last_hidden_state=hidden[None])
        inputs: dict[str, Tensor | BaseModelOutput] = {"input_ids": tokens}
        if self.model.config.is_encoder_decoder:
            inputs = {"encoder_outputs": states, "decoder_input_ids": tokens}  # the decoder doesn't look at the former
        with ExitStack() as replaced:
            for module in self.skipped:
                replaced.enter_context(_returning(states, module))
            return self.model(**inputs).logits.squeeze(0)  # by an index, the backward pass would copy them all


class _States(BaseModelOutput):
    """Hidden states; whatever else a model may look for in its body's output is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__") or name == "to":  # by which accelerate tells tensors
            raise AttributeError(name)


@contextmanager
def _returning(output: BaseModelOutput, body: nn.Module) -> Iterator[None]:
    """Have a body return an output without computing anything, in this context."""
    hooked = vars(body).get("forward")  # accelerate's, where a model is spread over devices
    # A monkeypatch: a hook could replace what the body returns, but the body would be computed first, in vain.
    body.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del body.forward
        if hooked is not None:
            body.forward = hooked
