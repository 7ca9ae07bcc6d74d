"""Adding a batch's gradients to the sums: as they come, with a note of their norms, or scaled to a norm of one."""

import torch

from xsns_hf.importance.gradients import Gradients, Moment, Sums


class Adding:
    """Adds the gradients of one batch to the sums as soon as they come."""

    def __init__(self, moment: Moment, sign: int = 1):
        """Start.

        Args:
            moment: of each example's gradient that is added.
            sign: -1 to take it off again.
        """
        self.moment, self.sign = moment, sign

    def take(self, sums: Sums, gradients: Gradients) -> None:
        """Take in the gradients of some parameters, which come once, and add to their sums, wherever these are kept."""
        device = next(iter(sums.values())).device
        own = next(iter((*gradients.whole.values(), *(each.left for each in gradients.products.values())))).device
        if device == own and self.sign == 1:
            return gradients.add_to(sums, self.moment)
        moments = {name: torch.zeros_like(of_parameter, device=own) for name, of_parameter in sums.items()}
        gradients.add_to(moments, self.moment)
        for name, of_parameter in sums.items():
            of_parameter.add_(moments[name].to(device), alpha=self.sign)

    def finish(self) -> None:
        """Do what is left once all gradients of the batch came."""


class AddingWithNorms(Adding):
    """Adds the gradients as soon as they come, and notes each example's norm.

    Attributes:
        squared_norms: float32 [B], of each example's gradients so far.
    """

    def __init__(self, moment: Moment, examples: int, device: torch.device):
        """Start with norms of zero, on a device."""
        super().__init__(moment)
        self.squared_norms = torch.zeros(examples, device=device)

    def take(self, sums: Sums, gradients: Gradients) -> None:
        """Take in the gradients of some parameters, see `Adding`."""
        self._note(gradients)
        super().take(sums, gradients)

    def _note(self, gradients: Gradients) -> None:
        self.squared_norms += gradients.squared_norms().to(self.squared_norms.device)


class AddingNormalised(AddingWithNorms):
    """Holds the gradients until all came, so that each example's norm is known, and adds them divided by it.

    An example without any gradient is left out.
    """

    def __init__(self, moment: Moment, examples: int, device: torch.device):
        super().__init__(moment, examples, device)
        self._held: list[tuple[Sums, Gradients]] = []

    def take(self, sums: Sums, gradients: Gradients) -> None:
        """Take in the gradients of some parameters and hold them."""
        self._note(gradients)
        self._held.append((sums, gradients))

    def finish(self) -> None:
        """Add what is held."""
        factors = self.squared_norms.rsqrt().masked_fill(self.squared_norms == 0, 0)
        while self._held:
            sums, gradients = self._held.pop(0)
            Adding.take(self, sums, gradients.scaled(factors))
