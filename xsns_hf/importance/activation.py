"""Activation frequency: of each feed-forward neuron, the share of tokens for which it is above 0.

That is after its nonlinearity; with a gated one, after the gate. The input is what the model sees otherwise, masked
tokens included. The mask is one over neurons, not parameters.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.importance.accumulators import Place
from xsns_hf.importance.base import Importance
from xsns_hf.importance.head import Head, through_head
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.objectives import IGNORED
from xsns_hf.recipe import Stacks

_BLOCK = re.compile(r"^.*?\.\d+(?=\.)")
"""A block's own name at the start of a module's within it: `encoder.layer.0`."""

_REMEDY = f"use another {parameter('importance')} than activation"


class ActivationFrequency(Importance):
    """Counts for how many tokens each feed-forward neuron is above 0.

    The body is put into eval mode and all of its parameters are frozen.

    Attributes:
        layout: a tensor [neurons, 1] per feed-forward layer, named after the input of its last matrix, so that a
            neuron is a row, as in the masks of weights (see `neurons`).
        sums: float32 [layout.size] on the body's device, numbers of tokens so far. A layer that several blocks share
            counts once in each.
        count: number of TOKENS looked at; padding isn't.
        by_autograd: nothing, since no gradients are taken.
    """

    of_gradients = False
    sums_anywhere = False

    def __init__(
        self,
        body: PreTrainedModel,
        precision: torch.dtype = torch.float32,
        sums_in: Place | None = None,
        stacks: Stacks = "both",
    ):
        """Start with counts of zero.

        Args:
            body: the transformer without its head.
            precision: float32; or bfloat16, in which autocast then runs the forward pass.
            sums_in: ignored, see `sums`.
            stacks: ignored: models with two stacks are refused.

        Raises:
            XsnsError: the blocks have no feed-forward layers that could be told from the others.
        """
        self.precision = precision
        self.body = body.eval().requires_grad_(False)
        self.layout = self.layout_of(body)
        self.sums = torch.zeros(self.layout.size, device=body.device)
        self.count = 0
        self.by_autograd: list[str] = []

    @staticmethod
    def layout_of(body: nn.Module, stacks: Stacks = "both") -> ParameterLayout:
        """Return the layout of a body's feed-forward neurons."""
        return neuron_layout(body)

    def values(self) -> Tensor:
        """Return the activation frequency of each neuron, float32 [layout.size]."""
        return self.sums / self.count

    def add(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor) -> Tensor:
        """Add a batch; arguments and losses as of `Importance.add`.

        Raises:
            XsnsError: a feed-forward layer sees tokens regrouped, as in a mixture of experts; or there are an encoder
                and a decoder, whose tokens can't be counted together.
        """
        if decoder:
            raise XsnsError(
                f"{type(self.body).__name__} has an encoder and a decoder, whose neurons see different tokens: "
                f"{_REMEDY}."
            )
        attended, predicted = attention_mask.bool(), labels != IGNORED
        autocast = torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16)
        with ExitStack() as hooks:
            for tensor, module in zip(self.layout.tensors, feed_forward_outputs(self.body).values(), strict=True):
                count = _counter(self.sums[tensor.span], attended)
                hooks.enter_context(module.register_forward_pre_hook(count))
            hooks.enter_context(autocast)
            with torch.no_grad():
                rows = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[predicted]
            losses, _ = through_head(rows, labels[predicted], predicted.nonzero()[:, 0], head)
        self.count += int(attended.sum())
        return losses


def neuron_layout(body: nn.Module) -> ParameterLayout:
    """Return the layout of a body's feed-forward neurons, a tensor [neurons, 1] per layer.

    Raises:
        XsnsError: see `feed_forward_outputs`.
    """
    outputs = feed_forward_outputs(body)
    return ParameterLayout.of((f"{name}.input", (_widths(module)[0], 1)) for name, module in outputs.items())


def feed_forward_outputs(body: nn.Module) -> dict[str, nn.Module]:
    """Return the matrices that take in feed-forward neurons, by name: those of which the inputs are the neurons.

    They are found by structure: in each block, of the linear layers that narrow n values to m, where another one widens
    m to n (or to 2 n, gate and value in one), the ones with the largest n.

    Raises:
        XsnsError: there are none; or blocks have a mixture's experts, or convolutions as state-space models have, so
            that other layers may look like these.
    """
    parameters = block_parameters(body)
    inside = {name.rpartition(".")[0] for name in parameters}
    hidden = getattr(body.config, "hidden_size", None)
    unlike = [name for name, weight in parameters.items() if weight.ndim > 2 and hidden in weight.shape[1:]]
    unlike += [name for name, module in body.named_modules() if name in inside and isinstance(module, nn.Conv1d)]
    if unlike:
        raise XsnsError(
            f"The blocks of {type(body).__name__} have experts or convolutions ({unlike[0]}), beside which "
            f"feed-forward layers can't be told: {_REMEDY}."
        )
    blocks: dict[str, dict[str, nn.Module]] = defaultdict(dict)
    for name, module in body.named_modules():
        if name in inside and isinstance(module, nn.Linear | Conv1D) and (block := _BLOCK.match(name)):
            blocks[block[0]][name] = module
    outputs: dict[str, nn.Module] = {}
    for linear in blocks.values():
        widths = {name: _widths(module) for name, module in linear.items()}
        in_block = set(widths.values())
        narrowing = {name: n for name, (n, m) in widths.items() if n > m and in_block & {(m, n), (m, 2 * n)}}
        outputs |= {name: linear[name] for name, n in narrowing.items() if n == max(narrowing.values())}
    if not outputs:
        raise XsnsError(f"The blocks of {type(body).__name__} have no feed-forward layers of two matrices: {_REMEDY}.")
    return outputs


def _widths(module: nn.Module) -> tuple[int, int]:
    """Return the number of inputs and of outputs; GPT-2's matrices lie the other way round."""
    rows, columns = module.weight.shape  # type: ignore[misc]
    return (rows, columns) if isinstance(module, Conv1D) else (columns, rows)


def _counter(sums: Tensor, attended: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """Return a hook that adds for how many attended tokens each input is above 0."""

    def count(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        neurons = arguments[0]
        if neurons.shape[:-1] != attended.shape:
            raise XsnsError(
                "The feed-forward layers see tokens regrouped (a mixture of experts, or in chunks), so activations "
                f"can't be counted: {_REMEDY}."
            )
        sums.add_((neurons > 0)[attended].sum(0))

    return count
