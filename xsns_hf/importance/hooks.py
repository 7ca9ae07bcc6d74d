"""Find the layers of a model whose gradients have a formula, and feed the formulas in each pass through it.

The backward pass computes the gradients of activations only; no weight requires a gradient. Hooks hand each layer's
inputs and output gradients to its formula (`layer_gradients`) as soon as both are there; what that gives is added up
by an `adding.Adding`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xsns_hf.errors import XsnsError
from xsns_hf.importance.adding import Adding
from xsns_hf.importance.gradients import Gradients
from xsns_hf.importance.layer_gradients import Formula, by_token, formula_of, own_parameters
from xsns_hf.models.blocks import block_lists
from xsns_hf.models.body import on_text_alone

PROBES = ((2, 4), (3, 5))
"""Examples and tokens of two small batches, by which it is found out how layers are called: the dimension of a layer's
input that has size 2 in the first and 3 in the second is the one of the batch."""


def find_layers(
    body: PreTrainedModel,
    parameters: Mapping[str, nn.Parameter],
    sums: Mapping[str, Tensor],
    inputs: Mapping[str, Tensor],
) -> "dict[nn.Module, Layer]":
    """Return the layers whose gradients have a formula.

    A layer counts if its parameters are its own and every call of it, in two small batches, keeps the examples apart in
    its first dimension; one that sees tokens regrouped has no formula.

    Args:
        body: the transformer without its head.
        parameters: those that matter, by name.
        sums: where their moments go, by name.
        inputs: of a batch, as the body takes them; a corner of it is used.

    Raises:
        XsnsError: the body wants more than tokens.
    """
    names = {parameter: name for name, parameter in parameters.items()}
    owners = Counter(parameter for module in body.modules() for parameter in own_parameters(module).values())
    candidates: dict[nn.Module, dict[str, str]] = {}
    for module in body.modules():
        own = own_parameters(module)
        if all(owners[parameter] == 1 for parameter in own.values()):
            candidates[module] = {local: names[parameter] for local, parameter in own.items() if parameter in names}
    candidates = {module: own for module, own in candidates.items() if own}
    calls = [_calls(body, candidates, inputs, *probe) for probe in PROBES]
    layers: dict[nn.Module, Layer] = {}
    for module, named in candidates.items():
        first, second = (_by_example(of_probe[module], size) for of_probe, (size, _) in zip(calls, PROBES, strict=True))
        formula = formula_of(module, first) if first is not None and second is not None else None
        if formula is not None:
            once = all(len(of_probe[module]) == 1 for of_probe in calls)
            layers[module] = Layer(formula, named, {local: sums[name] for local, name in named.items()}, once)
    return layers


@dataclass(frozen=True)
class Layer:
    """A layer with a formula.

    Attributes:
        formula: of its gradients.
        names: its parameters' full names by their own.
        sums: where its moments go, by its parameters' own names.
        once: it is called once in a forward pass.
    """

    formula: Formula
    names: Mapping[str, str]
    sums: Mapping[str, Tensor]
    once: bool

    def has_matrix(self) -> bool:
        """Return whether it multiplies by a matrix."""
        return any(of_parameter.ndim == 2 for of_parameter in self.sums.values())

    def gradients(self, module: nn.Module, inputs: Tensor, gradient: Tensor) -> Gradients:
        """Return the gradients of the layer's parameters, on the device of the gradient at its outputs."""
        return self.formula(module, self.sums.keys(), inputs.to(gradient.device), gradient)


class Recorder:
    """Hands on every layer's gradients as soon as the backward pass reaches its output.

    Those of a layer that is called several times (the same in every block, say) are handed on once they are all there,
    since an example's gradient is the sum over the calls.

    Attributes:
        reached: some layer was called whose output the gradient will come to.
    """

    def __init__(
        self,
        body: PreTrainedModel,
        layers: Mapping[nn.Module, Layer],
        adding: Adding,
        examples: int,
        inputs_of: Callable[[nn.Module, Tensor], Tensor],
    ):
        """Start.

        Args:
            body: the transformer without its head.
            layers: those with a formula.
            adding: takes in the gradients.
            examples: how many go through the body.
            inputs_of: returns a layer's inputs [B, …, n], given what it is called with, see `last_block`.
        """
        self.body, self.layers, self.adding, self.examples = body, layers, adding, examples
        self._inputs_of = inputs_of
        self.reached = False
        self._called: set[nn.Module] = set()
        self._waiting: dict[nn.Module, list[tuple[Tensor, Tensor]]] = defaultdict(list)

    def note(self, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Tensor) -> None:
        """Take note of a call in the forward pass."""
        layer, inputs = self.layers[module], self._inputs_of(module, arguments[0].detach())
        if len(inputs) != self.examples or (layer.once and module in self._called):
            raise XsnsError(
                f"A layer of {type(self.body).__name__} ({type(module).__name__}) isn't called for every batch in the "
                "same way, so that its gradients can't be told apart by example: use another model."
            )
        self._called.add(module)
        if not output.requires_grad:
            return  # no gradient comes this way, which the summary says
        self.reached = True
        if layer.once:
            output.register_hook(lambda gradient: self._take(module, inputs, gradient))
        else:
            output.register_hook(lambda gradient: self._waiting[module].append((inputs, gradient)))

    def finish(self) -> None:
        """Hand on what was waiting for other calls, after the backward pass."""
        for module, calls in self._waiting.items():
            inputs, gradient = (
                torch.cat([by_token(of_call) for of_call in values], dim=1) for values in zip(*calls, strict=True)
            )
            self._take(module, inputs, gradient)

    def _take(self, module: nn.Module, inputs: Tensor, gradient: Tensor) -> None:
        layer = self.layers[module]
        self.adding.take(layer.sums, layer.gradients(module, inputs, gradient))


def _calls(
    body: PreTrainedModel, modules: Mapping[nn.Module, object], inputs: Mapping[str, Tensor], examples: int, tokens: int
) -> dict[nn.Module, list[Tensor | None]]:
    """Return what modules are called with in a small batch: None for a call that isn't one tensor to one tensor.

    Raises:
        XsnsError: the body wants more than tokens.
    """
    calls: dict[nn.Module, list[Tensor | None]] = {module: [] for module in modules}

    def note(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: object) -> None:
        values = (*arguments, output)
        plain = len(arguments) == 1 and not keywords and all(isinstance(value, Tensor) for value in values)
        calls[module].append(arguments[0].detach() if plain and arguments[0].is_floating_point() else None)

    # Of encoder and decoder, the latter gets a token more, so that their tokens aren't taken for each other's.
    lengths = {name: tokens + name.startswith("decoder") for name in inputs}
    small = {name: values[:1, : lengths[name]].expand(examples, -1) for name, values in inputs.items()}
    with forward_hooks(modules, note), on_text_alone(body), torch.no_grad():
        body(**small)
    return calls


def _by_example(calls: list[Tensor | None], examples: int) -> Tensor | None:
    """Return the input of one of the calls if all of them keep the examples apart in their first dimension."""
    regular = all(call is not None and call.ndim >= 3 and len(call) == examples for call in calls)
    return calls[0] if calls and regular else None


def unreached(body: PreTrainedModel) -> XsnsError:
    """Return the error of a body whose blocks the gradient doesn't reach."""
    return XsnsError(
        f"The gradient doesn't reach the blocks of {type(body).__name__}: it doesn't look its inputs up in an "
        "nn.Embedding, or runs its blocks without keeping gradients; use another checkpoint."
    )


@contextmanager
def gradients_from_embeddings(body: PreTrainedModel) -> Iterator[None]:
    """Have the backward pass run down to the embeddings' output although no parameter requires a gradient.

    What is passed on is a copy, since some models (CTRL) go on with it in place.
    """
    lists = block_lists(body)
    embeddings = [
        module
        for name, module in body.named_modules()
        if isinstance(module, nn.Embedding) and not any(name.startswith(f"{block}.") for block in lists)
    ]
    with forward_hooks(embeddings, lambda _module, _arguments, _keywords, output: output.requires_grad_(True).clone()):
        yield


@contextmanager
def forward_hooks(modules: Iterable[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Have a function called with each module, its arguments, its keywords and its output, in this context."""
    handles = [module.register_forward_hook(hook, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
