"""Fisher informations that no single sentence can own: the sum of squares, each sentence's with a weight by its norm.

With gⱼ = ∂ log p(yⱼ|xⱼ) / ∂θ, the gradient of example j over all block parameters, f̃ = 1/|D| Σⱼ wⱼ gⱼ²:

- `normalised`: wⱼ = 1/‖gⱼ‖², so that every example counts for as much as any other;
- `capped`: wⱼ = min(1, (c · median‖g‖ / ‖gⱼ‖)²), so that none counts for more than one of c times the median norm. The
  median is that of all |D| examples. Where no norm is above the cap this is the exact Fisher information.

A norm needs no weight's gradient (`gradients`), but it is known only once a backward pass has ended. Until then
`normalised` holds what the squares are made of. `capped` adds the squares as they are; those of the few examples above
the cap, which isn't known before the last example, are corrected by a second pass.
"""

from typing import ClassVar

import torch
from torch import Tensor

from xsns_hf.importance.adding import Adding, AddingNormalised, AddingWithNorms
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.head import Head


class NormedFisher(ExactFisher):
    """Sums squared per-example gradients as `ExactFisher` does, and knows the norm of each example's gradient."""

    takes_norms = True
    adding: ClassVar[type[AddingWithNorms]] = AddingWithNorms

    def add(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor) -> Tensor:
        """Add a batch's gradients to the sums and note their norms; return the examples' losses, float32 [B]."""
        self._addings: list[AddingWithNorms] = []
        losses = super().add(input_ids, attention_mask, labels, head, **decoder)
        self.norms = torch.cat([adding.squared_norms for adding in self._addings]).sqrt()
        return losses

    def _new_adding(self, labels: Tensor) -> AddingWithNorms:
        """Return what also notes the gradients' norms, see `ExactFisher`."""
        self._addings.append(self.adding(self.moment, len(labels), labels.device))
        return self._addings[-1]


class NormalisedFisher(NormedFisher):
    """Sums gⱼ² / ‖gⱼ‖²; an example without any gradient adds nothing."""

    adding = AddingNormalised


class CappedFisher(NormedFisher):
    """Sums gⱼ², until it is told what each example shall count for: see `weights` and `add_again`.

    Attributes:
        cap: c, the norm from which on an example counts for less than its square, in median norms.
    """

    cap: ClassVar[float] = 2.0

    def weights(self, norms: Tensor) -> Tensor:
        """Return what each example shall count for, see `capped_weights` and `Importance.weights`."""
        return capped_weights(norms, self.cap)

    def add_again(
        self, weights: Tensor, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, head: Head, **decoder: Tensor
    ) -> None:
        """Add examples' squares times weights of one sign, see `Importance.add_again`."""
        sign = -1 if bool((weights < 0).any()) else 1
        scales, first = weights.abs().sqrt().float(), 0
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **decoder}
        for some, own_labels in self._parts(inputs, labels):
            scale = scales[first : first + len(own_labels)]
            self._backward(some, own_labels, head, Adding(self.moment, sign), scale)
            first += len(own_labels)

    def restart(self) -> None:
        """Set the sums to zero, for all examples to be added again."""
        self.sums.zero_()

    def values(self) -> Tensor:
        """Return sums / count, float32 [layout.size]: rounding may have left a sum of nothing below zero."""
        return super().values().clamp_(min=0)


def capped_weights(norms: Tensor, cap: float) -> Tensor:
    """Return what each example counts for with a cap, in median norms; float64 [n], 1 up to the cap.

    Examples without any gradient are left out of the median. Of norms that aren't finite nothing can be said.
    """
    norms = norms.double()
    some = norms[norms > 0]
    if not len(some) or not norms.isfinite().all():
        return torch.ones_like(norms)
    return (cap * some.quantile(0.5) / norms).square().clamp(max=1)
