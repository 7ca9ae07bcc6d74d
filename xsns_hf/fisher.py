"""Exact diagonal Fisher information: the mean over examples of the squared per-example gradient (§3).

f̃⁽ⁱ⁾ = 1/|D| Σⱼ (∂ log p(yⱼ|xⱼ) / ∂θ⁽ⁱ⁾)². The square is taken per example, so an ordinary backward pass, which
sums over the batch first, can't give it. Here the backward pass computes the gradients of activations only; hooks
form each example's weight gradient from a layer's input and output gradient (`formulas`), a tile at a time, and square
it into the sum (`squares`). The weights themselves never require a gradient; embeddings and heads cost none.

What has no formula (a mixture's experts, a convolution, weights that two layers share) is left to autograd, and the
examples then go through the model one at a time, so that the gradient of a batch is that of an example: exact as well.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from xsns_hf.blocks import block_lists, block_parameters, layout_of
from xsns_hf.errors import XsnsError
from xsns_hf.formulas import Formula, Moment, by_token, formula_of, moment_of, own_parameters
from xsns_hf.objectives import IGNORED
from xsns_hf.sums import Place, zeros

Head = Callable[[Tensor], Tensor]
"""Maps hidden states [N, H] to logits [N, V], each position a prediction by itself; or, if it has the method
`example_losses(hidden, labels, example)`, says itself what an example's loss is (see `task_heads.SpanHead`)."""

LOGIT_ROWS = 96
"""Predictions whose logits are held at a time: 96 MB of float32 for a vocabulary of 250,000, and as much again for
their gradient. A few dozen are enough for the product with the word embeddings to run at full speed."""

PROBES = ((2, 4), (3, 5))
"""Examples and tokens of two small batches that show how layers are called: what is 2 and then 3 is the batch."""


class ExactFisher:
    """Sums the squared per-example gradients of a body's block parameters.

    The body is put into eval mode and all of its parameters are frozen.

    Attributes:
        layout: the block parameters, in the order of `sums`.
        sums: float32 [layout.size], Σⱼ of squared gradients so far.
        count: number of examples in the sums; sums / count is the Fisher information.
        by_autograd: names of the parameters that no formula covers; their gradients are taken by autograd, one
            example at a time: exact as well, but slow. Known after the first batch.
        moment: what of the gradients is summed: here the square; see `importance` for others.
    """

    moment: ClassVar[Moment] = "square"

    def __init__(
        self,
        body: PreTrainedModel,
        precision: torch.dtype = torch.float32,
        sums_in: Place | None = None,
        stacks: str = "both",
    ):
        """Start with sums of zero.

        Args:
            body: the transformer without its head.
            precision: float32; or bfloat16, in which autocast then runs the forward and backward pass. The squares
                are summed in float32 either way.
            sums_in: where the sums are kept, see `sums`; by default with the body. Elsewhere they leave a GPU's memory
                to the model: each layer's squares of a batch are formed beside it and then added over there.
            stacks: whose blocks, see `recipes.STACKS`.
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
        self._layers: dict[nn.Module, _Layer] | None = None

    def values(self) -> Tensor:
        """Return the importance of each parameter, float32 [layout.size], non-negative: sums / count.

        It is kept where the sums are.
        """
        return torch.div(self.sums, self.count, out=zeros(self.layout.size, self._place))

    def add(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        head: Head,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Add a batch of examples, each with at least one token to predict.

        Args:
            input_ids: int64 [B, T], padded on the right.
            attention_mask: int64 [B, T], 0 where padded.
            labels: int64 [B, T], or [B, U] for an encoder–decoder: what is to be predicted there, or `IGNORED`.
            head: what turns hidden states into predictions; it is applied to the predicted positions only.
            decoder_input_ids: int64 [B, U], of an encoder–decoder only, padded on the right.
            decoder_attention_mask: int64 [B, U], 0 where padded.

        Returns:
            float32 [B], the loss −log p(y|x) of each example: the mean cross-entropy over its predicted tokens.

        Raises:
            XsnsError: no gradient reaches the blocks, or a layer is called otherwise than before.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if decoder_input_ids is not None and decoder_attention_mask is not None:
            inputs |= {"decoder_input_ids": decoder_input_ids, "decoder_attention_mask": decoder_attention_mask}
        if self._layers is None:
            self._layers = self._find_layers(inputs)
        if not self.by_autograd:
            return self._add(inputs, labels, head, self._layers)
        losses = []
        for number in range(len(labels)):
            one = _unpadded({name: each[number : number + 1] for name, each in inputs.items()})
            predicting = one.get("decoder_input_ids", one["input_ids"])
            own = labels[number : number + 1, : predicting.shape[1]]
            losses.append(self._add(one, own, head, self._layers))
            for name in self.by_autograd:
                gradient, self._parameters[name].grad = self._parameters[name].grad, None
                if gradient is not None:
                    self._views[name].add_(moment_of(gradient.float(), self.moment).to(self.sums.device))
        return torch.cat(losses)

    def _add(
        self, inputs: Mapping[str, Tensor], labels: Tensor, head: Head, layers: "Mapping[nn.Module, _Layer]"
    ) -> Tensor:
        """Run a batch forward and backward, and add what the formulas give."""
        recorded = _Recorded(self.body, layers, self.moment, len(labels))
        autocast = torch.autocast(labels.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16)
        with autocast:
            with _gradients_from_embeddings(self.body), _forward_hooks(layers, recorded.note):
                hidden = self.body(**inputs).last_hidden_state
            labels = labels.to(hidden.device)
            predicted = labels != IGNORED
            rows = hidden[predicted]
            losses, gradient = through_head(rows.detach(), labels[predicted], predicted.nonzero()[:, 0], head)
        if not rows.requires_grad:
            raise _unreached(self.body)
        rows.backward(gradient)
        recorded.finish()
        self.count += len(labels)
        return losses

    def _find_layers(self, inputs: Mapping[str, Tensor]) -> "dict[nn.Module, _Layer]":
        """Return the layers whose gradients have a formula, each with its sums by local parameter name.

        A layer counts if its parameters are its own and every call of it, in two small batches, keeps the examples
        apart in its first dimension; one that sees tokens regrouped goes by autograd.
        """
        names = {parameter: name for name, parameter in self._parameters.items()}
        owners = Counter(parameter for module in self.body.modules() for parameter in own_parameters(module).values())
        candidates = {
            module: {
                local: names[parameter] for local, parameter in own_parameters(module).items() if parameter in names
            }
            for module in self.body.modules()
            if not names.keys().isdisjoint(own_parameters(module).values())
            and all(owners[parameter] == 1 for parameter in own_parameters(module).values())
        }
        calls = [_calls(self.body, candidates, inputs, *probe) for probe in PROBES]
        layers: dict[nn.Module, _Layer] = {}
        for module, own in candidates.items():
            examples = [_by_example(found[module], size) for found, (size, _) in zip(calls, PROBES, strict=True)]
            formula = formula_of(module, examples[0]) if examples[0] is not None and examples[1] is not None else None
            if formula is not None:
                sums = {local: self._views[name] for local, name in own.items()}
                layers[module] = _Layer(formula, sums, once=all(len(found[module]) == 1 for found in calls))
        covered = {name for module in layers for name in candidates[module].values()}
        self.by_autograd = [name for name in self._views if name not in covered]
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(name not in covered)
        return layers


class _Layer:
    """A layer with a formula: where its moments go, and whether it is called once in a forward pass."""

    def __init__(self, formula: Formula, sums: dict[str, Tensor], once: bool):
        self.formula, self.sums, self.once = formula, sums, once

    def add(self, module: nn.Module, inputs: Tensor, gradient: Tensor, moment: Moment) -> None:
        """Add the layer's moments to its sums, wherever these are kept."""
        inputs = inputs.to(gradient.device)
        if next(iter(self.sums.values())).device == gradient.device:
            return self.formula(module, self.sums, inputs, gradient, moment)
        beside = {name: torch.zeros_like(each, device=gradient.device) for name, each in self.sums.items()}
        self.formula(module, beside, inputs, gradient, moment)
        for name, each in beside.items():
            self.sums[name].add_(each.to(self.sums[name].device))


class _Recorded:
    """Adds every layer's gradients as soon as the backward pass reaches its output.

    Those of a layer that is called several times (the same in every block, say) are added once they are all there,
    since an example's gradient is the sum over the calls.
    """

    def __init__(self, body: PreTrainedModel, layers: Mapping[nn.Module, _Layer], moment: Moment, examples: int):
        self.body, self.layers, self.moment, self.examples = body, layers, moment, examples
        self._called: set[nn.Module] = set()
        self._waiting: dict[nn.Module, list[tuple[Tensor, Tensor]]] = defaultdict(list)

    def note(self, module: nn.Module, arguments: tuple, keywords: dict, output: Tensor) -> None:
        """Take note of a call in the forward pass."""
        layer, inputs = self.layers[module], arguments[0].detach()
        if len(inputs) != self.examples or (layer.once and module in self._called):
            raise XsnsError(
                f"A layer of {type(self.body).__name__} ({type(module).__name__}) isn't called for every batch in the "
                "same way, so that its gradients can't be told apart by example: use another model."
            )
        self._called.add(module)
        if not output.requires_grad:
            raise _unreached(self.body)
        if layer.once:
            output.register_hook(lambda gradient: layer.add(module, inputs, gradient, self.moment))
        else:
            output.register_hook(lambda gradient: self._waiting[module].append((inputs, gradient)))

    def finish(self) -> None:
        """Add what was waiting for other calls, after the backward pass."""
        for module, calls in self._waiting.items():
            inputs, gradient = (
                torch.cat([by_token(each) for each in some], dim=1) for some in zip(*calls, strict=True)
            )
            self.layers[module].add(module, inputs, gradient, self.moment)


def _calls(
    body: PreTrainedModel, modules: Mapping[nn.Module, object], inputs: Mapping[str, Tensor], examples: int, tokens: int
) -> dict[nn.Module, list[Tensor | None]]:
    """Return what modules are called with in a small batch: None for a call that isn't one tensor to one tensor.

    Raises:
        XsnsError: the body wants more than tokens.
    """
    calls: dict[nn.Module, list[Tensor | None]] = {module: [] for module in modules}

    def note(module: nn.Module, arguments: tuple, keywords: dict, output: object) -> None:
        plain = len(arguments) == 1 and not keywords and all(isinstance(each, Tensor) for each in (*arguments, output))
        calls[module].append(arguments[0].detach() if plain and arguments[0].is_floating_point() else None)

    # Of encoder and decoder, the latter gets a token more, so that their tokens aren't taken for each other's.
    lengths = {name: tokens + name.startswith("decoder") for name in inputs}
    small = {name: each[:1, : lengths[name]].expand(examples, -1) for name, each in inputs.items()}
    with _forward_hooks(modules, note), torch.no_grad():
        try:
            body(**small)
        except (TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise XsnsError(
                f"{type(body).__name__} can't be run on text alone ({reason}): use another model."
            ) from error
    return calls


def _by_example(calls: list[Tensor | None], examples: int) -> Tensor | None:
    """Return the input of one of the calls if all of them keep the examples apart in their first dimension."""
    regular = all(each is not None and each.ndim >= 3 and len(each) == examples for each in calls)
    return calls[0] if calls and regular else None


def _unpadded(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cut the padding off a single example."""
    masks = {name: f"{'decoder_' * name.startswith('decoder')}attention_mask" for name in inputs}
    return {name: each[:, : int(inputs[masks[name]].sum())] for name, each in inputs.items()}


def _unreached(body: PreTrainedModel) -> XsnsError:
    return XsnsError(
        f"The gradient doesn't reach all blocks of {type(body).__name__}: it doesn't look its inputs up in an "
        "nn.Embedding; use another checkpoint."
    )


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
        logits = head(hidden).float()
        loss = F.cross_entropy(logits, target.to(logits.device), reduction="none").to(rows.device)
        gradients.append(torch.autograd.grad(loss @ share, hidden)[0])
        row_losses.append(loss.detach())
    weighted = torch.cat(row_losses) * weight
    return weighted.new_zeros(int(example[-1]) + 1).index_add_(0, example, weighted), torch.cat(gradients)


@contextmanager
def _gradients_from_embeddings(body: PreTrainedModel) -> Iterator[None]:
    """Have the backward pass run down to the embeddings' output although no parameter requires a gradient."""
    lists = block_lists(body)
    embeddings = [
        module
        for name, module in body.named_modules()
        if isinstance(module, nn.Embedding) and not any(name.startswith(f"{block}.") for block in lists)
    ]
    with _forward_hooks(embeddings, lambda _module, _arguments, _keywords, output: output.requires_grad_(True)):
        yield


@contextmanager
def _forward_hooks(modules, hook) -> Iterator[None]:
    handles = [module.register_forward_hook(hook, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
