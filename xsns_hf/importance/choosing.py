"""Which importance a recipe asks for."""

import torch
from torch import nn
from transformers import PreTrainedModel

from xsns_hf.importance.accumulators import Place
from xsns_hf.importance.activation import ActivationFrequency
from xsns_hf.importance.base import Importance
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.measures import GradientMagnitude, WeightTimesGradient
from xsns_hf.importance.released import ReleasedFisher
from xsns_hf.importance.weighted import CappedFisher, NormalisedFisher
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.recipe import Recipe

IMPORTANCES: dict[str, type[Importance]] = {
    "exact": ExactFisher,
    "capped": CappedFisher,
    "normalised": NormalisedFisher,
    "released": ReleasedFisher,
    "gradient": GradientMagnitude,
    "snip": WeightTimesGradient,
    "activation": ActivationFrequency,
}
"""The classes by their names in recipes; `recipe.IMPORTANCES` says what they are."""


def importance_class(recipe: Recipe) -> type[Importance]:
    """Return the kind of importance that a recipe asks for, whose attributes say what it needs and can do."""
    return IMPORTANCES[recipe.importance]


def importance_of(recipe: Recipe, body: PreTrainedModel, sums_in: Place | None = None) -> Importance:
    """Return what measures importance as a recipe says, with nothing added yet.

    Args:
        recipe: which importance, in which precision.
        body: the transformer without its head, with weights as the recipe has them.
        sums_in: where the sums are kept, if they can be kept elsewhere than with the body.
    """
    precision = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    return importance_class(recipe)(body, precision, sums_in, recipe.stacks)


def layout_for(recipe: Recipe, body: nn.Module) -> ParameterLayout:
    """Return the layout of a recipe's masks."""
    return importance_class(recipe).layout_of(body, recipe.stacks)
