"""What building a mask repository did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xsns_hf.extraction.extract import Extracted
    from xsns_hf.extraction.weights import Unusual


@dataclass
class BuildSummary:
    """What a build did.

    Attributes:
        extracted: language and seed of the new sub-networks, which are in the repository.
        kept: languages that were there already, for all seeds.
        tensors: number of tensors that a mask covers; 0 for an importance that takes no gradients.
        by_autograd: those whose gradients no formula covers, see `fisher`.
        unreached: those that some language had no gradient for, with the languages.
        batched: whether several sentences went through the model at a time, see `Checkpoint`.
        capped: language and seed of the masks of the largest |D| in which sentences count for less than their square,
            with what stands out there.
    """

    extracted: list[tuple[str, int]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    tensors: int = 0
    by_autograd: Sequence[str] = ()
    unreached: dict[str, list[str]] = field(default_factory=dict)
    batched: bool = True
    capped: "list[tuple[str, int, Unusual]]" = field(default_factory=list)

    def add(self, language: str, masks: "Sequence[Extracted]") -> None:
        """Count in a language's new masks."""
        self.extracted += [(language, seed) for seed in dict.fromkeys(mask.seed for mask in masks)]
        self.by_autograd = masks[0].by_autograd
        most = max(mask.recipe.examples for mask in masks)
        largest = [mask for mask in masks if mask.recipe.examples == most]
        unusual = {mask.seed: mask.unusual for mask in largest if mask.unusual}
        self.capped += [(language, seed, of_seed) for seed, of_seed in unusual.items() if of_seed.capped]
        for tensor in dict.fromkeys(tensor for mask in largest for tensor in mask.unreached):
            self.unreached.setdefault(tensor, []).append(language)
