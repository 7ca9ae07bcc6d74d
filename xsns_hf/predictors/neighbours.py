"""NN-Rank: whose tokens lie nearest to the target's in the checkpoint (Ebrahimi, Wiemerslage and von der Wense 2025).

"Model-Based Ranking of Source Languages for Zero-Shot Cross-Lingual Transfer", arXiv 2510.03202. Every token of the
target votes for the languages of its nearest source tokens. Beside it stands a soft form, which counts how near the
nearest token of each source is, not whose it is. Both are here to compare with, and in no ensemble.

What differs from the authors' code (github abteen/nn-rank): each language's text is a sample of |D| sentences of at
most 128 tokens; special tokens are left out wherever they are, not the first and last token; and the layer is the last
unless another is asked for.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.predictors.hidden_states import HiddenStates

if TYPE_CHECKING:
    import torch

NEIGHBOURS = 25
"""k, the votes of a token, as in the paper."""

CHUNK = 1024
"""Tokens of the target that are compared together, with those of one source at a time."""


class TokenPredictor(Predictor):
    """Predicts from the hidden states of all tokens of |D| sentences of each language.

    The states of one seed are kept, so that each language runs through the model once: 4·H bytes a token.
    """

    needs = ("text", "model")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self._hidden = HiddenStates(inputs)
        self._kept: tuple[int | None, dict[str, torch.Tensor]] = None, {}

    @property
    def seeds(self) -> Sequence[int]:
        """Numbers of the samples of text."""
        return self.inputs.seeds

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return what the target's tokens say of the sources: NaN for the target itself and for who has no tokens.

        Raises:
            XsnsError: the model can't be loaded or lacks the layer, or text can't be read.
        """
        codes = sorted({*targets, *sources} & {*self._hidden.corpus.languages})
        states = self._states(codes, seed)
        table = pd.DataFrame(float("nan"), index=sorted({*targets}), columns=sorted({*sources}))
        for target in tqdm([code for code in table.index if code in states], self.name, leave=False):
            pool = [code for code in table.columns if code in states and code != target]
            on_device = states[target].to(self._hidden.checkpoint.body.device)
            table.loc[target, pool] = self._row(on_device, [states[code] for code in pool])
        return table.reindex(index=list(targets), columns=list(sources))

    def _states(self, languages: Sequence[str], seed: int) -> "dict[str, torch.Tensor]":
        """Return the hidden states of languages' ordinary tokens, float32 [N, H]; of those that have any."""
        import torch

        if self._kept[0] != seed:
            self._kept = seed, {}
        kept = self._kept[1]
        for code in tqdm([code for code in languages if code not in kept], "embed", leave=False):
            batches = [states[ordinary].float().cpu() for states, ordinary in self._hidden.batches(code, seed)]
            kept[code] = self._prepared(torch.cat([torch.empty(0, self._hidden.width), *batches]))
        return {code: kept[code] for code in languages if len(kept[code])}

    def _prepared(self, states: "torch.Tensor") -> "torch.Tensor":
        """Return the states as they are to be compared, float32 [N, H]."""
        return states

    @abstractmethod
    def _row(self, target: "torch.Tensor", sources: "Sequence[torch.Tensor]") -> list[float]:
        """Return the score of each source.

        Args:
            target: float32 [N, H], N ≥ 1.
            sources: float32 [M, H] each, M ≥ 1.
        """


class Neighbours(TokenPredictor):
    """Share of the votes that the target's tokens have: k for each, one for the language of each nearest token.

    Near is what has a great inner product. All other sources take part in the vote, so that the share of one depends on
    who else is asked about.
    """

    name = "neighbours"
    about = "NN-Rank: votes of the target's tokens for their 25 nearest tokens' languages (Ebrahimi et al. 2025)"

    def _row(self, target: "torch.Tensor", sources: "Sequence[torch.Tensor]") -> list[float]:
        counts = votes(target, sources, NEIGHBOURS)
        return (counts / counts.sum()).tolist()


class NearestToken(TokenPredictor):
    """Mean over the target's tokens of the cosine with the nearest token of the source."""

    name = "nearest-token"
    about = "NN-Rank's soft form: mean cosine of the target's tokens with their nearest of the source"

    def _prepared(self, states: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import normalize

        return normalize(states)

    def _row(self, target: "torch.Tensor", sources: "Sequence[torch.Tensor]") -> list[float]:
        return [float(greatest(target, source, 1).double().mean()) for source in sources]


def votes(target: "torch.Tensor", sources: "Sequence[torch.Tensor]", k: int) -> "torch.Tensor":
    """Count for each source how many of the k nearest tokens of each target token are its own.

    Of each source the k nearest are found first, then the k nearest of those. What is equally near counts for the
    earlier source.

    Args:
        target: float32 [N, H].
        sources: float32 [M, H] each; the M may differ.
        k: how many neighbours; all, if the sources have fewer tokens.

    Returns:
        int64 [len(sources)], summing to k · N.
    """
    import torch

    if not sources:
        return torch.zeros(0, dtype=torch.int64)
    nearest = [greatest(target, source, k) for source in sources]
    owners = torch.repeat_interleave(torch.tensor([products.shape[1] for products in nearest]))
    order = torch.cat(nearest, dim=1).sort(dim=1, descending=True, stable=True).indices
    return torch.bincount(owners[order[:, :k]].flatten(), minlength=len(sources))


def greatest(target: "torch.Tensor", source: "torch.Tensor", k: int) -> "torch.Tensor":
    """Return the k greatest inner products of each target token with the source's tokens, falling.

    Args:
        target: float32 [N, H].
        source: float32 [M, H].
        k: how many; all M, if they are fewer.

    Returns:
        float32 [N, min(k, M)], on the CPU.
    """
    import torch

    k, turned = min(k, len(source)), source.to(target.device).T
    return torch.cat([(chunk @ turned).topk(k).values.cpu() for chunk in target.split(CHUNK)])
