"""Exact diagonal Fisher information: the mean over examples of the squared per-example gradient (§3).

f̃⁽ⁱ⁾ = 1/|D| Σⱼ (∂ log p(yⱼ|xⱼ) / ∂θ⁽ⁱ⁾)². The square is taken per example, so an ordinary backward pass, which
sums over the batch first, can't give it. Here the backward pass computes the gradients of activations only; hooks
form each example's weight gradient from a layer's input and output gradient (`layer_gradients`), a tile at a time, and
square it into the sum (`kernels`). The weights themselves never require a gradient; embeddings and heads cost none.
Most of a masked language model's last block is computed at the predicted positions only (`last_block`).

What has no formula (a mixture's experts, a convolution, weights that two layers share) is left to autograd, and the
examples then go through the model one at a time, so that the gradient of a batch is that of an example: exact as well.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xsns_hf.importance.accumulators import Place, zeros
from xsns_hf.importance.adding import Adding
from xsns_hf.importance.base import Importance
from xsns_hf.importance.casting import Casts
from xsns_hf.importance.gradients import Gradients, Moment
from xsns_hf.importance.head import Head, through_head
from xsns_hf.importance.hooks import Layer, Recorder, find_layers, forward_hooks, gradients_from_embeddings, unreached
from xsns_hf.importance.last_block import PredictedRows, layers_for_own_position
from xsns_hf.models.blocks import block_parameters, layout_of
from xsns_hf.models.objectives import IGNORED
from xsns_hf.recipe import Stacks


class ExactFisher(Importance):
    """Sums the squared per-example gradients of a body's block parameters.

    The body is put into eval mode and all of its parameters are frozen.

    Attributes:
        layout: the block parameters, in the order of `sums`.
        sums: float32 [layout.size], Σⱼ of squared gradients so far.
        count: number of examples in the sums; sums / count is the Fisher information.
        by_autograd: names of the parameters that no formula covers; their gradients are taken by autograd, one
            example at a time: exact as well, but slow. Known after the first batch.
        moment: what of the gradients is summed: here the square; see `measures` for others.
    """

    moment: ClassVar[Moment] = "square"

    def __init__(
        self,
        body: PreTrainedModel,
        precision: torch.dtype = torch.float32,
        sums_in: Place | None = None,
        stacks: Stacks = "both",
    ):
        """Start with sums of zero.

        Args:
            body: the transformer without its head.
            precision: float32; or bfloat16, in which autocast then runs the forward and backward pass. The squares
                are summed in float32 either way.
            sums_in: where the sums are kept, see `accumulators`; by default with the body. Elsewhere they leave a GPU's
                memory to the model: each layer's squares of a batch are formed beside it and then added over there.
            stacks: whose blocks.
        """
        self.precision = precision
        self.body = body.eval().requires_grad_(False)
        self.layout = layout_of(body, stacks)
        self._place = sums_in or body.device
        self.sums = zeros(self.layout.size, self._place)
        self.count = 0
        self.by_autograd: list[str] = []
        self._parameters = block_parameters(body, stacks)
        self._views = {tensor.name: self.sums[tensor.span].view(tensor.shape) for tensor in self.layout.tensors}
        self._layers: dict[nn.Module, Layer] | None = None
        self._for_own_position: list[nn.Module] = []
        if precision == torch.bfloat16 and body.device.type == "cpu":
            self.casts = Casts()

    def values(self) -> Tensor:
        """Return the importance of each parameter, float32 [layout.size], non-negative: sums / count.

        It is kept where the sums are.
        """
        return torch.div(self.sums, self.count, out=zeros(self.layout.size, self._place))

    def add(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor) -> Tensor:
        """Add a batch, see `Importance.add`; return the examples' losses, float32 [B].

        Raises:
            XsnsError: no gradient reaches the blocks, or a layer is called otherwise than before.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **decoder}
        losses = self._add(inputs, labels, head)
        self.count += len(labels)
        return losses

    def _add(self, inputs: Mapping[str, Tensor], labels: Tensor, head: Head) -> Tensor:
        """Add a batch's gradients to the sums; return the examples' losses, float32 [B]."""
        losses = []
        for some, own_labels in self._parts(inputs, labels):
            losses.append(self._backward(some, own_labels, head, self._new_adding(own_labels)))
        return torch.cat(losses)

    def _new_adding(self, labels: Tensor) -> Adding:
        """Return what takes in the gradients of the examples with these labels, and adds them to the sums."""
        return Adding(self.moment)

    def _parts(self, inputs: Mapping[str, Tensor], labels: Tensor) -> Iterator[tuple[Mapping[str, Tensor], Tensor]]:
        """Yield what goes through the model at a time: the batch; or where autograd is needed, each of its examples."""
        if self._layers is None:
            self._layers = self._find_layers(inputs)
            if not self.by_autograd:
                self._for_own_position = layers_for_own_position(self.body, self._layers, inputs)
        if not self.by_autograd:
            yield inputs, labels
            return
        for number in range(len(labels)):
            example = _unpadded({name: values[number : number + 1] for name, values in inputs.items()})
            predicting = example.get("decoder_input_ids", example["input_ids"])
            yield example, labels[number : number + 1, : predicting.shape[1]]

    def _backward(
        self, inputs: Mapping[str, Tensor], labels: Tensor, head: Head, adding: Adding, scale: Tensor | None = None
    ) -> Tensor:
        """Run examples forward and backward, and have their gradients added; return their losses, float32 [B].

        Args:
            inputs: as the body takes them.
            labels: int64 [B, T] or [B, U].
            head: what predicts.
            adding: takes in the gradients.
            scale: float32 [B], what each example's gradient is multiplied by; None for 1.
        """
        assert self._layers is not None
        predicted = labels != IGNORED
        own_rows = PredictedRows(predicted, self._for_own_position)
        recorded = Recorder(self.body, self._layers, adding, len(labels), own_rows.inputs_of)
        autocast = torch.autocast(labels.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16)
        casts = self.casts
        with casts.pass_through(self.body) if casts else nullcontext():
            with (
                autocast,
                gradients_from_embeddings(self.body),
                own_rows.computed(),
                forward_hooks(self._layers, recorded.note),
            ):
                hidden = self.body(**inputs).last_hidden_state
            labels, predicted = labels.to(hidden.device), predicted.to(hidden.device)
            example = predicted.nonzero()[:, 0]
            rows = hidden[predicted]
            with autocast, casts.through_head(head) if casts else nullcontext():
                losses, gradient = through_head(rows.detach(), labels[predicted], example, head)
            if not rows.requires_grad or (self._layers and not recorded.reached):
                raise unreached(self.body)
            if scale is not None:
                gradient = (gradient * scale.to(gradient.device)[example, None]).to(gradient.dtype)
            rows.backward(gradient)
        recorded.finish()
        self._take_from_autograd(adding)
        adding.finish()
        return losses

    def _take_from_autograd(self, adding: Adding) -> None:
        """Have the gradients added that autograd left, which are those of one example."""
        for name in self.by_autograd:
            gradient, self._parameters[name].grad = self._parameters[name].grad, None
            if gradient is not None:
                adding.take({name: self._views[name]}, Gradients({name: gradient.float()[None]}))

    def _find_layers(self, inputs: Mapping[str, Tensor]) -> dict[nn.Module, Layer]:
        """Return the layers that have a formula, and leave all other parameters to autograd."""
        layers = find_layers(self.body, self._parameters, self._views, inputs)
        covered = {name for layer in layers.values() for name in layer.names.values()}
        self.by_autograd = [name for name in self._views if name not in covered]
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(name not in covered)
        return layers


def _unpadded(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cut the padding off a single example."""
    masks = {name: f"{'decoder_' * name.startswith('decoder')}attention_mask" for name in inputs}
    return {name: values[:, : int(inputs[masks[name]].sum())] for name, values in inputs.items()}
