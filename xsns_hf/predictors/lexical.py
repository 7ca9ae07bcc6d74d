"""LEX: how much two languages' sub-words overlap (Muller et al. 2023; appendix B)."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from scipy.special import xlogy

from xsns_hf.predictors.base import Inputs, Predictor
from xsns_hf.text.corpus import Corpus

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Lexical(Predictor):
    """1 − Jensen-Shannon divergence of the distributions of sub-words, over all text of each language.

    Only the checkpoint's tokenizer is loaded, never its weights.
    """

    name = "lexical"
    about = "sub-word overlap: 1 − JSD of the unigrams of the checkpoint's tokenizer (Muller et al. 2023)"
    needs = ("text", "model")

    def __init__(self, inputs: Inputs):
        super().__init__(inputs)
        self.corpus = cast(Corpus, inputs.text)
        self._counted: dict[str, pd.Series] = {}

    @cached_property
    def _tokenizer(self) -> "PreTrainedTokenizerBase":
        from xsns_hf.models.finding import load_tokenizer

        return load_tokenizer(self.inputs.model)

    def scores(self, targets: Sequence[str], sources: Sequence[str], seed: int = 0) -> pd.DataFrame:
        """Return the overlaps, in [0, 1]: 0 if no sub-word is shared, 1 for the same distribution."""
        codes = [code for code in dict.fromkeys([*targets, *sources]) if code in self.corpus.languages]
        counts = pd.DataFrame({code: self._counts(code) for code in codes}).fillna(0.0)
        overlap = pd.DataFrame(overlaps(counts.to_numpy(float).T), index=codes, columns=codes)
        return overlap.reindex(index=list(targets), columns=list(sources))

    def _counts(self, language: str) -> pd.Series:
        """Return how often each sub-word occurs, by id. Special tokens, unknown ones too, are no sub-words."""
        if language not in self._counted:
            sentences = self.corpus.sentences(language)
            encoded = self._tokenizer(sentences, add_special_tokens=False, return_attention_mask=False, verbose=False)
            ids, counts = np.unique(np.concatenate(encoded["input_ids"]), return_counts=True)
            kept = ~np.isin(ids, self._tokenizer.all_special_ids)
            self._counted[language] = pd.Series(counts[kept], index=ids[kept].astype(int))
        return self._counted[language]


def overlaps(counts: np.ndarray) -> np.ndarray:
    """Return 1 − the Jensen-Shannon divergence, to base 2, of all pairs of distributions.

    With f(x) = x log₂ x and shares p and q, it is ½ Σ f(p + q) − f(p) − f(q): only sub-words that both have count.

    Args:
        counts: float64 [N, V], how often each of V sub-words occurs in each of N languages.

    Returns:
        float64 [N, N], in [0, 1]; NaN for a language without any sub-word.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    table = np.empty((len(shares), len(shares)))
    for row, share in enumerate(shares):
        support = share != 0  # NaN isn't 0 either
        p, q = share[support], shares[:, support]
        terms = xlogy(p + q, p + q) - xlogy(p, p) - xlogy(q, q)
        table[row] = terms.sum(axis=1) / (2 * np.log(2))
    return np.clip(table, 0, 1)
