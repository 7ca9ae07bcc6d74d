"""The gradients of a layer's parameters, example by example: what is summed of them, and their norms.

Those of a weight matrix are not formed in full. They are kept as the two factors whose product over an example's tokens
they are, which is enough for their squares (`kernels`) and for their norms: ‖Σₜ lₜ rₜᵀ‖² = Σ (LLᵀ ∘ RRᵀ), a sum over
pairs of tokens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from xsns_hf.importance.kernels import add_squares
from xsns_hf.importance.kernels.blas import add_magnitudes, add_products
from xsns_hf.importance.kernels.compiled import has_tiles

Moment = Literal["square", "magnitude", "sum"]
"""What of each example's gradient is summed: its square, its absolute value, or itself."""

Sums = Mapping[str, Tensor]
"""Where a layer's moments are added to, by its parameters' own names: float32, of their shapes."""

ADD: Mapping[Moment, Callable[[Tensor, Tensor, Tensor, Tensor], None]] = {
    "square": add_squares,
    "magnitude": add_magnitudes,
    "sum": add_products,
}
"""How a moment of the products leftᵀ right is added; see `kernels.add_squares` for the arguments."""


@dataclass(frozen=True)
class Product:
    """Each example's gradient of a matrix as a product: Σₜ leftₜ rightₜᵀ over the example's tokens t.

    Attributes:
        left: float [B, T, rows].
        right: float [B, T, columns].
        used: bool [B, T], the tokens that count; what the others hold is not looked at.
    """

    left: Tensor
    right: Tensor
    used: Tensor

    def squared_norms(self) -> Tensor:
        """Return each example's squared norm, float32 [B], in the cheaper of two ways."""
        rows, columns = self.left.shape[-1], self.right.shape[-1]
        if self.used.shape[1] * (rows + columns) > rows * columns:
            return self._norms_of_products()
        # Where bfloat16 is fast, products of tokens in it change a norm by less than 1 %, as all else in it does.
        precision = self.left.dtype if self.left.device.type == "cpu" and has_tiles() else torch.float32
        factors = (values.to(precision) for values in (self.left, self.right))
        left, right = (torch.bmm(values, values.mT).float() for values in factors)
        pairs = self.used[:, :, None] & self.used[:, None, :]
        return torch.where(pairs, left * right, 0).sum((1, 2)).clamp(min=0)

    def _norms_of_products(self) -> Tensor:
        """Return the norms of products that are formed, one example's at a time: cheaper where tokens are many."""
        examples = [
            (left[used].float(), right[used].float())
            for left, right, used in zip(self.left, self.right, self.used, strict=True)
        ]
        return torch.stack([(left.T @ right).square_().sum() for left, right in examples])

    def scaled(self, factors: Tensor) -> "Product":
        """Return the examples' gradients times factors, float32 [B]."""
        return Product(_times(self.left, factors), self.right, self.used & (factors != 0)[:, None])


@dataclass(frozen=True)
class Gradients:
    """Each example's gradients of some parameters, by the parameters' names.

    Attributes:
        whole: those that are formed in full, float32 [B, *shape of the parameter].
        products: those of matrices that are not.
    """

    whole: Mapping[str, Tensor]
    products: Mapping[str, Product] = field(default_factory=dict)

    def add_to(self, sums: Sums, moment: Moment) -> None:
        """Add a moment to sums in place, where these are on the gradients' device."""
        for name, gradients in self.whole.items():
            sums[name].add_(_total(_moment_of(gradients, moment)))
        for name, product in self.products.items():
            ADD[moment](sums[name], product.left, product.right, product.used)

    def squared_norms(self) -> Tensor:
        """Return the squared norm of each example's gradients, all of the parameters together, float32 [B]."""
        norms = [torch.linalg.vector_norm(gradients.flatten(1), dim=1).square() for gradients in self.whole.values()]
        return torch.stack(norms + [product.squared_norms() for product in self.products.values()]).sum(0)

    def scaled(self, factors: Tensor) -> "Gradients":
        """Return the examples' gradients times factors, float32 [B]."""
        whole = {name: _times(gradients, factors) for name, gradients in self.whole.items()}
        return Gradients(whole, {name: product.scaled(factors) for name, product in self.products.items()})


def _moment_of(gradients: Tensor, moment: Moment) -> Tensor:
    """Return what is summed of gradients, elementwise."""
    return {"square": gradients.square, "magnitude": gradients.abs, "sum": gradients.clone}[moment]()


def _total(moments: Tensor) -> Tensor:
    """Return the sum over the examples, [*shape] of [B, *shape], without a copy of a single one's."""
    return moments[0] if len(moments) == 1 else moments.sum(0)


def _times(values: Tensor, factors: Tensor) -> Tensor:
    """Return values [B, …] times a factor each, in the values' own precision."""
    return (values * factors.to(values.device).view(-1, *[1] * (values.ndim - 1))).to(values.dtype)
