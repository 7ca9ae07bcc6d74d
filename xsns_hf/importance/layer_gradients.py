"""Layers whose per-example gradients have a formula, and the formulas.

With a layer's inputs a and the gradient g at its outputs, row t for token t of one example, that example's gradient is

- gᵀ a for the weight [out, in] of a linear layer, aᵀ g where the weight lies the other way round (GPT-2's `Conv1D`);
- Σₜ gₜ for a bias;
- Σₜ gₜ · uₜ for a weight that scales its inputs' features one by one, as a normalisation does (LayerNorm, RMSNorm in
  all its varieties, LayerScale): the output is u₀ + Σ uᵢ θᵢ, with uᵢ what a weight of one adds.

A layer is known by what it computes, not by its class: it is tried with random weights, and its output compared with
what the formula is for. So fused matrices, gated feed-forward layers and adapters need no mention here, and what
computes anything else has no formula.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from xsns_hf.importance.gradients import Gradients, Product

logger = logging.getLogger(__name__)


class Formula(Protocol):
    """Gives each example's gradient of a layer's parameters."""

    def __call__(self, module: nn.Module, names: Collection[str], inputs: Tensor, gradient: Tensor) -> Gradients:
        """Return the gradients.

        Args:
            module: the layer.
            names: of its parameters that count.
            inputs: the layer's inputs, float [B, …, in]: all but the first and the last dimension are of one example.
            gradient: of the loss with respect to its outputs, float [B, …, out].
        """
        ...


def formula_of(module: nn.Module, inputs: Tensor) -> Formula | None:
    """Return the formula for a layer, or None if there is none.

    Args:
        module: with parameters of its own.
        inputs: some that it is called with, float [B, …, in].
    """
    if any(True for child in module.children() for _ in child.parameters()):
        return None
    own, random = own_parameters(module), torch.Generator().manual_seed(0)
    inputs = inputs.detach().to(next(iter(own.values())).device, torch.float32)
    parameters = {name: torch.randn(own[name].shape, generator=random).to(inputs.device) for name in own}
    try:
        with torch.no_grad():
            output = functional_call(module, parameters, (inputs,))
            for formula, expected in _CANDIDATES.items():
                if _same(output, expected(module, parameters, inputs)):
                    return formula
    except Exception as error:  # what can't be tried with other weights, for whatever reason, has no formula
        logger.info(
            "No formula for a %s, which can't be tried (%s: %s)", type(module).__name__, type(error).__name__, error
        )
    return None


def _of_linear(module: nn.Module, names: Collection[str], inputs: Tensor, gradient: Tensor) -> Gradients:
    inputs, gradient = by_token(inputs), by_token(gradient)
    products = {"weight": Product(gradient, inputs, _used(gradient))} if "weight" in names else {}
    return Gradients(_of_bias(names, gradient), products)


def _of_transposed(module: nn.Module, names: Collection[str], inputs: Tensor, gradient: Tensor) -> Gradients:
    inputs, gradient = by_token(inputs), by_token(gradient)
    products = {"weight": Product(inputs, gradient, _used(gradient))} if "weight" in names else {}
    return Gradients(_of_bias(names, gradient), products)


def _of_scale(module: nn.Module, names: Collection[str], inputs: Tensor, gradient: Tensor) -> Gradients:
    with torch.no_grad():
        _, terms = _affine(module, inputs.float())
    return Gradients({name: by_token(gradient * terms[name]).sum(1) for name in names})


def _of_bias(names: Collection[str], gradient: Tensor) -> dict[str, Tensor]:
    return {"bias": gradient.sum(1, dtype=torch.float32)} if "bias" in names else {}


def _linear(_module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor | None:
    return _product(parameters, inputs, lambda weight: weight)


def _transposed(_module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor | None:
    return _product(parameters, inputs, lambda weight: weight.T)


def _scale(module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor | None:
    if any(weights.shape != inputs.shape[-1:] for weights in parameters.values()):
        return None
    output, terms = _affine(module, inputs)
    for name, term in terms.items():
        output = output + term * parameters[name]
    return output


_CANDIDATES: Mapping[Formula, Callable[[nn.Module, Mapping[str, Tensor], Tensor], Tensor | None]] = {
    _of_linear: _linear,
    _of_transposed: _transposed,
    _of_scale: _scale,
}
"""The formulas, each with what a layer computes that it is for; None if its parameters don't even look like it."""


def _product(parameters: Mapping[str, Tensor], inputs: Tensor, turned: Callable[[Tensor], Tensor]) -> Tensor | None:
    if not {"weight"} <= set(parameters) <= {"weight", "bias"} or parameters["weight"].ndim != 2:
        return None
    weight = turned(parameters["weight"])
    return F.linear(inputs, weight, parameters.get("bias")) if weight.shape[1] == inputs.shape[-1] else None


def _affine(module: nn.Module, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what a layer computes with weights of zero, and what each weight of one adds to that: [B, …, n] each."""
    zeros = {name: torch.zeros_like(weights, dtype=torch.float32) for name, weights in own_parameters(module).items()}
    base = functional_call(module, zeros, (inputs,))
    ones = {name: zeros | {name: torch.ones_like(zero)} for name, zero in zeros.items()}
    return base, {name: functional_call(module, weights, (inputs,)) - base for name, weights in ones.items()}


def _same(output: object, expected: Tensor | None) -> bool:
    if expected is None or not isinstance(output, Tensor) or output.shape != expected.shape:
        return False
    return torch.allclose(output.float(), expected, rtol=1e-3, atol=1e-3 * float(output.abs().max()))


def by_token(values: Tensor) -> Tensor:
    """Return [B, T, n] of [B, …, n]."""
    return values.reshape(len(values), -1, values.shape[-1])


def _used(gradient: Tensor) -> Tensor:
    """Return bool [B, T]: the tokens whose gradient isn't zero; the others add nothing to a weight's gradient.

    That leaves out the padding, exactly, and in the last block all positions but the predicted ones. Only tokens
    whose first component is zero are looked at in full.
    """
    used = gradient[..., 0] != 0
    doubtful = ~used
    used[doubtful] = gradient[doubtful].ne(0).any(-1)
    return used


def own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of a module itself, not of those inside it, by name."""
    return dict(module.named_parameters(recurse=False))
