"""A language model in two: its body, up to the last hidden states, and the head that it puts on them."""

from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from xsns_hf.errors import XsnsError


def body_of(model: PreTrainedModel) -> PreTrainedModel:
    """Return the body of a language model, which shares its weights.

    Raises:
        XsnsError: it can't be told from the head.
    """
    if model.base_model is not model:
        return model.base_model
    # T5's language model isn't a body with a head on it, but has the parts of a body among its own.
    try:
        with torch.device("meta"):
            body = AutoModel.from_config(model.config)
    except ValueError as error:
        raise XsnsError(f"{type(model).__name__} has no body of its own in transformers: use another model.") from error
    for name, _ in body.named_children():
        setattr(body, name, getattr(model, name))
    return body


def sees_what_follows(body: PreTrainedModel) -> bool:
    """Tell by trying whether a body's tokens see those after them, which would give away the next token."""
    tokens = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 9]], device=body.get_input_embeddings().weight.device)
    with torch.no_grad():
        one, other = body.eval()(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
    return not torch.allclose(one[:-1].float(), other[:-1].float(), rtol=1e-3, atol=1e-3)


class OwnHead(nn.Module):
    """Whatever a model computes after its body, as a function of hidden states.

    The body, or an encoder–decoder's encoder and decoder, is stood in for while the model runs, so this works for any
    architecture whose head looks at one position at a time, without knowing what the head is called or made of.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model.eval()

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits [N, V] of hidden states [N, H]."""
        tokens = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        states = _States(last_hidden_state=hidden[None])
        if self.model.config.is_encoder_decoder:
            encoded = BaseModelOutput(last_hidden_state=hidden[None])  # anything: the decoder doesn't look at it
            with _instead_of(self.model.get_decoder(), states):
                return self.model(encoder_outputs=encoded, decoder_input_ids=tokens).logits[0]
        with _instead_of(self.model.base_model, states):
            return self.model(input_ids=tokens).logits[0]


class _States(BaseModelOutput):
    """Hidden states; whatever else a model may look for in its body's output is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@contextmanager
def _instead_of(body: nn.Module, output: BaseModelOutput):
    hooked = vars(body).get("forward")  # accelerate's, where a model is spread over devices
    body.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del body.forward
        if hooked is not None:
            body.forward = hooked
