"""Other importances of gradients than the Fisher information (alternatives that the paper's Limitations ask for).

With gⱼ = ∂ log p(yⱼ|xⱼ) / ∂θ, the gradient of example j, and means over the examples:

- `exact`: mean of gⱼ², the Fisher information (`fisher`, the default); `capped` and `normalised`: the same with a
  weight for each example (`weighted`); `released`: what the authors' code computes.
- `gradient`: mean of |gⱼ|. Squares let a few examples with large gradients decide; magnitudes do less so.
- `snip`: |θ · mean of gⱼ|, the connection sensitivity of SNIP (Lee et al. 2019): how much the mean log-likelihood would
  change, to first order, if the weight were scaled or removed. SNIP divides by the sum over all parameters, which
  changes no ranking and is left out. Gradients of opposite sign cancel, unlike in all the others.
"""

from typing import ClassVar

from torch import Tensor

from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.gradients import Moment


class GradientMagnitude(ExactFisher):
    """Sums the absolute values of per-example gradients; everything else as in `ExactFisher`."""

    moment: ClassVar[Moment] = "magnitude"


class WeightTimesGradient(ExactFisher):
    """Sums the gradients themselves, with their signs; everything else but `values` as in `ExactFisher`."""

    moment: ClassVar[Moment] = "sum"
    cancels = True

    def values(self) -> Tensor:
        """Return |θ · mean gradient|, float32 [layout.size]."""
        values = super().values()
        for tensor in self.layout.tensors:
            values[tensor.span] *= self._parameters[tensor.name].detach().flatten().to(values)
        return values.abs_()
