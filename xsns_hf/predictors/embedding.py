"""EMB: cosine of two languages' mean hidden states (Muller et al. 2023; appendix B)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.hidden_states import HiddenStates


class Embedding(Predictor):
    """Cosine similarity of languages' mean embeddings in one layer of the checkpoint.

    An embedding is the mean of a sentence's token embeddings, special tokens left out; a language's is the mean of
    those of |D| sentences, or of all that it has. They are kept, so that each language runs through the model once.
    """

    name = "embedding"
    about = "cosine of mean sentence embeddings in the checkpoint (Muller et al. 2023)"
    needs = ("text", "model")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self._hidden = HiddenStates(inputs)
        self._means: dict[tuple[str, int], np.ndarray] = {}

    @property
    def seeds(self) -> Sequence[int]:
        """Numbers of the samples of text."""
        return self.inputs.seeds

    @property
    def revision(self) -> str:
        """Commit sha or content hash of the checkpoint, as recipes have it.

        Raises:
            XsnsError: the model can't be loaded or lacks the layer.
        """
        return self._hidden.checkpoint.revision

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the cosines, in [−1, 1].

        Raises:
            XsnsError: the model can't be loaded or lacks the layer, or text can't be read.
        """
        codes = [code for code in dict.fromkeys([*targets, *sources]) if code in self._hidden.corpus.languages]
        for code in tqdm([code for code in codes if (code, seed) not in self._means], "embed", leave=False):
            self._means[code, seed] = self._mean(code, seed)
        means = [self._means[code, seed] for code in codes]
        units = np.array([mean / np.linalg.norm(mean) for mean in means]).reshape(len(codes), -1 if codes else 0)
        return pd.DataFrame(units @ units.T, codes, codes).reindex(index=list(targets), columns=list(sources))

    def _mean(self, language: str, seed: int) -> np.ndarray:
        """Return the mean embedding of a language's sentences, float64 [H]; NaN if none has an ordinary token."""
        import torch

        total, number = torch.zeros(self._hidden.width, dtype=torch.float64), 0
        for states, ordinary in self._hidden.batches(language, seed):
            weights = ordinary[..., None].double()
            total += ((states.double() * weights).sum(dim=1) / weights.sum(dim=1)).cpu().sum(dim=0)
            number += len(states)
        return (total / number).numpy()  # 0 / 0 is NaN
