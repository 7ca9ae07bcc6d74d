"""What a predictor is: something that says, for targets × sources, how well transfer will go."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError, parameter
from xsns_hf.gold import Gold
from xsns_hf.recipe import Layers
from xsns_hf.text.corpus import Corpus


@dataclass(frozen=True)
class Inputs:
    """What predictors may draw on; each takes what it needs.

    Attributes:
        masks: a mask dataset, or where it is: a folder or `user/repo` on the Hub.
        recipe: which of its masks, where it has several recipes.
        text: of the languages.
        model: checkpoint whose tokenizer or hidden states are looked at: an id, a folder or `embedded`.
        examples: |D|, sentences of each language that are embedded.
        layer: which hidden states: 0 the embeddings, −1 the last layer.
        seeds: of samples of text; masks have their own.
        gold: scores to learn from; a target's own are never looked at.
        layers: where masks are compared, see `MaskRepository.masks`.
    """

    masks: MaskRepository | str | None = None
    recipe: str | None = None
    text: Corpus | None = None
    model: str = "embedded"
    examples: int = 256
    layer: int = -1
    seeds: Sequence[int] = (0,)
    gold: Gold | None = None
    layers: Layers = "all"


class Predictor(ABC):
    """A way to predict transfer. Its class attributes say what it is; an object of it holds its inputs.

    Attributes:
        name: what it is called on the command line.
        about: what it is, in a few words, with the source.
        needs: which of the inputs `masks`, `text`, `model` and `gold` it takes.
        targeted: whether what it says of a source depends on the target.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    targeted: ClassVar[bool] = True

    def __init__(self, inputs: Inputs):
        """Take what is needed.

        Raises:
            XsnsError: something is missing.
        """
        missing = " and ".join(parameter(need) for need in self.needs if getattr(inputs, need) is None)
        if missing:
            raise XsnsError(f"The predictor {self.name} needs {missing}: give it, or leave {self.name} out.")
        self.inputs = inputs

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds for which its scores differ; one if chance plays no part."""
        return (0,)

    @abstractmethod
    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Predict the transfer of all pairs.

        Args:
            targets: canonical codes.
            sources: canonical codes.
            seed: one of `seeds`.

        Returns:
            float64, a row for each target and a column for each source, higher is better; NaN where it can't say.
            Values of a language as its own source are ignored.

        Raises:
            XsnsError: an input can't be read.
        """
