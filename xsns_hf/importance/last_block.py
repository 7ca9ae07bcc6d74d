"""The layers that are computed at the predicted positions only: in a masked language model, most of the last block.

After the last block's attention nothing passes from one position to another, and its queries serve their own position.
So what these layers give at the positions that aren't predicted, 85 of 100, is never looked at, forward or backward.
They are known by that, not by their names.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xsns_hf.importance.hooks import Layer, forward_hooks
from xsns_hf.models.blocks import block_lists
from xsns_hf.models.body import on_text_alone

TOKENS, MIDDLE = 5, 2
"""Tokens of a small batch by which such layers are found, and the position whose hidden state is looked at."""

FEWEST_ROWS = 32
"""Predicted positions from which on it is worth it. Matrix libraries multiply a dozen rows by other routines than many,
which round otherwise; with this many, on one thread, not a bit of the sums changes."""


def layers_for_own_position(
    body: PreTrainedModel, layers: Mapping[nn.Module, Layer], inputs: Mapping[str, Tensor]
) -> list[nn.Module]:
    """Return the linear layers of the last block whose output at a position matters for the hidden state there only.

    In a small batch there is an example for each candidate, in which NaN takes the place of what it gives at all
    positions but the middle. NaN gets through any factor, zero too: where none comes to the middle, nothing does.

    Args:
        body: the transformer without its head.
        layers: those with a formula.
        inputs: of a batch, as the body takes them; its first token is used.

    Raises:
        XsnsError: the body wants more than tokens.
    """
    *_, last = body.get_submodule(block_lists(body)[-1]).children()
    candidates = [module for module in last.modules() if module in layers and layers[module].has_matrix()]
    numbers = {module: number for number, module in enumerate(candidates) if layers[module].once}
    small = {name: values[:1, :1].expand(len(candidates), TOKENS) for name, values in inputs.items()}
    poisoned: list[nn.Module] = []

    def poison(module: nn.Module, _arguments: object, _keywords: object, output: Tensor) -> Tensor:
        if output.shape[:2] != (len(candidates), TOKENS):
            return output
        poisoned.append(module)
        elsewhere = torch.arange(TOKENS, device=output.device) != MIDDLE
        output = output.clone()
        output[numbers[module], elsewhere] = torch.nan
        return output

    if not numbers:
        return []
    with forward_hooks(numbers, poison), on_text_alone(body), torch.no_grad():
        clean = body(**small).last_hidden_state[:, MIDDLE].isfinite().all(-1).tolist()
    return [module for module in poisoned if clean[numbers[module]]]


class PredictedRows:
    """The predicted positions of a batch, at which alone some layers are computed.

    That is done where the positions are many enough for quick products, and at most half of all.
    """

    def __init__(self, predicted: Tensor, layers: Sequence[nn.Module]):
        """Start.

        Args:
            predicted: bool [B, T].
            layers: see `layers_for_own_position`.
        """
        self._shape, self._rows = predicted.shape, predicted.flatten().nonzero()[:, 0]
        worth_it = FEWEST_ROWS <= len(self._rows) <= predicted.numel() // 2
        self._layers = set(layers) if worth_it else set()

    @contextmanager
    def computed(self) -> Iterator[None]:
        """Have the layers computed at these positions only, in this context."""
        with ExitStack() as stack:
            for module in self._layers:
                stack.callback(module.register_forward_pre_hook(self._gather).remove)
                stack.callback(module.register_forward_hook(self._spread_output).remove)
            yield

    def inputs_of(self, module: nn.Module, values: Tensor) -> Tensor:
        """Return a layer's inputs [B, …, n], given those that it was called with."""
        return self._spread(values) if module in self._layers else values

    def _gather(self, _module: nn.Module, arguments: tuple[Any, ...]) -> Tensor:
        values = arguments[0]
        if values.shape[:-1] != self._shape:
            return values  # of a model that pads its inputs further (Reformer)
        return values.flatten(0, 1).index_select(0, self._rows.to(values.device))

    def _spread_output(self, _module: nn.Module, _arguments: object, output: Tensor) -> Tensor:
        return self._spread(output)

    def _spread(self, values: Tensor) -> Tensor:
        """Return [B, T, n] of gathered rows [N, n]; elsewhere stands the first of them, as harmless as any."""
        if values.ndim != 2:
            return values
        whole = values[:1].detach().expand(self._shape.numel(), -1)
        return whole.index_copy(0, self._rows.to(values.device), values).view(*self._shape, -1)
