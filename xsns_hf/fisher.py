"""Exact diagonal Fisher information: the mean over examples of the squared per-example gradient (§3).

f̃⁽ⁱ⁾ = 1/|D| Σⱼ (∂ log p(yⱼ|xⱼ) / ∂θ⁽ⁱ⁾)². The square is taken per example, so an ordinary backward pass, which
sums over the batch first, can't give it. Here the backward pass computes the gradients of activations only; hooks
form each example's weight gradient from a layer's input and output gradient, a tile at a time, and square it into
the sum (`squares`). The weights themselves never require a gradient; embeddings and heads cost none.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from xsns_hf.blocks import block_parameters, layout_of
from xsns_hf.objectives import IGNORED
from xsns_hf.squares import add_squares
from xsns_hf.squares.blas import add_magnitudes, add_products

Head = Callable[[Tensor], Tensor]
"""Maps hidden states [N, H] to logits [N, V], each position a prediction by itself; or, if it has the method
`example_losses(hidden, labels, example)`, says itself what an example's loss is (see `task_heads.SpanHead`)."""

Moment = Literal["square", "magnitude", "sum"]
"""What of each example's gradient is summed: its square, its absolute value, or itself."""

LOGIT_ROWS = 96
"""Predictions whose logits are held at a time: 96 MB of float32 for a vocabulary of 250,000, and as much again for
their gradient. A few dozen are enough for the product with the word embeddings to run at full speed."""


class ExactFisher:
    """Sums the squared per-example gradients of a body's block parameters.

    The body is put into eval mode and all of its parameters are frozen.

    Attributes:
        layout: the block parameters, in the order of `sums`.
        sums: float32 [layout.size], Σⱼ of squared gradients so far.
        count: number of examples in the sums; sums / count is the Fisher information.
        by_autograd: names of the parameters that no formula in here covers; their gradients are taken by autograd,
            one example at a time: exact as well, but slow. Known after the first batch.
        moment: what of the gradients is summed: here the square; see `importance` for others.
    """

    moment: ClassVar[Moment] = "square"

    def __init__(
        self, body: PreTrainedModel, precision: torch.dtype = torch.float32, sums_on: torch.device | None = None
    ):
        """Start with sums of zero.

        Args:
            body: the transformer without its head.
            precision: float32; or bfloat16, in which autocast then runs the forward and backward pass. The squares
                are summed in float32 either way.
            sums_on: where the sums are kept, by default with the body. On the CPU they leave a GPU's memory to the
                model: each layer's squares of a batch are formed beside it and then added over there.
        """
        self.precision = precision
        self.body = body.eval().requires_grad_(False)
        self.layout = layout_of(body)
        self.sums = torch.zeros(self.layout.size, device=sums_on or body.device)
        self.count = 0
        self.by_autograd: list[str] = []
        self._views = {tensor.name: self.sums[tensor.span].view(tensor.shape) for tensor in self.layout.tensors}
        self._layers: dict[nn.Module, dict[str, Tensor]] | None = None

    def values(self) -> Tensor:
        """Return the importance of each parameter, float32 [layout.size], non-negative: sums / count."""
        return self.sums / self.count

    def add(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head) -> Tensor:
        """Add a batch of examples, each with at least one token to predict.

        Args:
            input_ids: int64 [B, T], padded.
            attention_mask: int64 [B, T], 0 where padded.
            labels: int64 [B, T], the id to predict or `IGNORED`.
            head: what turns hidden states into predictions; it is applied to the predicted positions only.

        Returns:
            float32 [B], the loss −log p(y|x) of each example: the mean cross-entropy over its predicted tokens.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self._layers is None:
            # A corner of the batch is enough to see which layers are called, and how.
            self._layers = self._find_layers({name: value[:2, :4] for name, value in inputs.items()})
        predicted = labels != IGNORED
        example = predicted.nonzero()[:, 0]
        autocast = torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16)
        with _gradients_from_embeddings(self.body), self._recording(self._layers, attention_mask.bool()):
            with autocast:
                rows = self.body(**inputs).last_hidden_state[predicted]
                losses, gradient = through_head(rows.detach(), labels[predicted], example, head)
            rows.backward(gradient, retain_graph=bool(self.by_autograd))
        self._add_by_autograd(rows, gradient, example, len(labels))
        self.count += len(labels)
        return losses

    def _find_layers(self, inputs: dict[str, Tensor]) -> dict[nn.Module, dict[str, Tensor]]:
        """Return the layers whose weight gradients have a formula, each with its sums by local parameter name.

        A layer counts if its parameters are its own and the forward pass calls it exactly once, with the whole
        batch [B, T, features]: one that is shared between blocks, or sees its tokens regrouped, goes by autograd.
        """
        names = {parameter: name for name, parameter in block_parameters(self.body).items()}
        owners = Counter(parameter for module in self.body.modules() for parameter in _own(module).values())
        known: dict[nn.Module, dict[str, str]] = {
            module: {local: names[parameter] for local, parameter in _own(module).items() if parameter in names}
            for module in self.body.modules()
            if isinstance(module, nn.Linear | nn.LayerNorm)
        }
        shapes: dict[nn.Module, list[tuple[int, ...]]] = {module: [] for module in known}

        def note(module: nn.Module, arguments: tuple, _output: Tensor) -> None:
            shapes[module].append(tuple(arguments[0].shape[:-1]) if arguments else ())

        with _forward_hooks(known, note), torch.no_grad():
            self.body(**inputs)
        regular: dict[nn.Module, dict[str, Tensor]] = {
            module: {local: self._views[name] for local, name in locals_.items()}
            for module, locals_ in known.items()
            if locals_
            and shapes[module] == [tuple(inputs["input_ids"].shape)]
            and all(owners[parameter] == 1 for parameter in _own(module).values())
        }
        covered = {name for module in regular for name in known[module].values()}
        self.by_autograd = [name for name in self._views if name not in covered]
        for parameter, name in names.items():
            parameter.requires_grad_(name not in covered)
        return regular

    @contextmanager
    def _recording(self, layers: dict[nn.Module, dict[str, Tensor]], attended: Tensor) -> Iterator[None]:
        """Add every layer's gradients, squared, as soon as the backward pass reaches its output."""

        def note(module: nn.Module, arguments: tuple, output: Tensor) -> None:
            inputs = arguments[0].detach()
            sums, moment = layers[module], self.moment
            handles.append(output.register_hook(lambda g: _add_where(module, sums, inputs, g, attended, moment)))

        handles: list = []
        with _forward_hooks(layers, note):
            yield
        for handle in handles:
            handle.remove()

    def _add_by_autograd(self, rows: Tensor, gradient: Tensor, example: Tensor, examples: int) -> None:
        if not self.by_autograd:
            return
        parameters = block_parameters(self.body)
        for number in range(examples):
            own = gradient * (example == number)[:, None]
            found = torch.autograd.grad(
                rows,
                [parameters[name] for name in self.by_autograd],
                own,
                retain_graph=True,
                allow_unused=True,
            )
            for name, of_example in zip(self.by_autograd, found, strict=True):
                if of_example is not None:
                    self._views[name].add_(_of(of_example.float(), self.moment).to(self.sums.device))


def _add_where(
    module: nn.Module, sums: dict[str, Tensor], inputs: Tensor, gradient: Tensor, attended: Tensor, moment: Moment
) -> None:
    """Add a layer's moments to its sums, wherever these are kept."""
    if next(iter(sums.values())).device == gradient.device:
        return _add_layer(module, sums, inputs, gradient, attended, moment)
    beside = {name: torch.zeros_like(each, device=gradient.device) for name, each in sums.items()}
    _add_layer(module, beside, inputs, gradient, attended, moment)
    for name, each in beside.items():
        sums[name].add_(each.to(sums[name].device))


def _add_layer(
    module: nn.Module, sums: dict[str, Tensor], inputs: Tensor, gradient: Tensor, attended: Tensor, moment: Moment
) -> None:
    """Add a moment of each example's gradients of a layer's parameters; inputs [B, T, in], gradient [B, T, out]."""
    if "bias" in sums:
        sums["bias"] += _of(gradient.sum(1, dtype=torch.float32), moment).sum(0)
    if isinstance(module, nn.LayerNorm):
        normalised = F.layer_norm(inputs.float(), module.normalized_shape, eps=module.eps)
        sums["weight"] += _of((gradient * normalised).sum(1), moment).sum(0)
    else:
        add = {"square": add_squares, "magnitude": add_magnitudes, "sum": add_products}[moment]
        add(sums["weight"], gradient, inputs, _used(gradient, attended))


def _of(gradients: Tensor, moment: Moment) -> Tensor:
    return {"square": gradients.square, "magnitude": gradients.abs, "sum": gradients.clone}[moment]()


def _used(gradient: Tensor, attended: Tensor) -> Tensor:
    """Return bool [B, T]: the tokens whose gradient isn't zero; the others add nothing to a weight's gradient.

    That leaves out the padding, exactly, and in the last block all positions but the predicted ones. Only tokens
    whose first component is zero are looked at in full.
    """
    doubtful = attended & (gradient[..., 0] == 0)
    if not doubtful.any():
        return attended
    used = attended.clone()
    used[doubtful] = gradient[doubtful].ne(0).any(-1)
    return used


def through_head(rows: Tensor, targets: Tensor, example: Tensor, head: Head) -> tuple[Tensor, Tensor]:
    """Return each example's loss [B] and the gradient [N, H] of their sum with respect to the rows."""
    if hasattr(head, "example_losses"):
        hidden = rows.clone().requires_grad_(True)
        losses = head.example_losses(hidden, targets, example)
        return losses.detach(), torch.autograd.grad(losses.sum(), hidden)[0]
    weight = torch.bincount(example).float().reciprocal()[example]
    parts = -(-len(rows) // LOGIT_ROWS)  # a few rows at a time, since a vocabulary is large
    row_losses, gradients = [], []
    for part, target, share in zip(*(each.tensor_split(parts) for each in (rows, targets, weight)), strict=True):
        hidden = part.clone().requires_grad_(True)
        loss = F.cross_entropy(head(hidden).float(), target, reduction="none")
        gradients.append(torch.autograd.grad(loss @ share, hidden)[0])
        row_losses.append(loss.detach())
    weighted = torch.cat(row_losses) * weight
    return weighted.new_zeros(int(example[-1]) + 1).index_add_(0, example, weighted), torch.cat(gradients)


@contextmanager
def _gradients_from_embeddings(body: PreTrainedModel) -> Iterator[None]:
    """Have the backward pass run down to the embeddings' output although no parameter requires a gradient."""
    body.enable_input_require_grads()
    try:
        yield
    finally:
        body.disable_input_require_grads()


def _own(module: nn.Module) -> dict[str, nn.Parameter]:
    return dict(module.named_parameters(recurse=False))


@contextmanager
def _forward_hooks(modules, hook) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
