"""Fisher information itself, kept in a file for each language and seed, and its similarity without masks."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from study.workers import add_examples, for_each, whole_file
from xsns_hf.extraction.examples import text_examples
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.masks.soft_similarity import cosine, log_ranks, log_ratios, weighted_jaccard
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

WEIGHTED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "log F, Σ min / Σ max": (log_ratios, weighted_jaccard),
    "log F, cosine": (log_ratios, cosine),
    "log rank of F, Σ min / Σ max": (log_ranks, weighted_jaccard),
}
"""By name: how weights are made from Fisher information, and how they are compared."""


def vector_file(folder: Path, language: str, seed: int) -> Path:
    """Return where the Fisher information of a language is."""
    return folder / f"{language}-{seed}.npy"


def lacking(corpus: Corpus, folder: Path, seed: int) -> list[str]:
    """Return the languages of a corpus whose Fisher information isn't there yet."""
    return [code for code in corpus.languages if not vector_file(folder, code, seed).exists()]


def make_vectors(model: str, corpus: Corpus, folder: Path, seed: int, examples: int, processes: int) -> None:
    """Save the Fisher information of each language that lacks it.

    Args:
        model: a masked language model.
        corpus: its text.
        folder: for the files.
        seed: of the sentences and their masking.
        examples: |D|.
        processes: languages worked on at a time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = partial(save_vector, model, corpus, folder, seed, examples)
    for_each(lacking(corpus, folder, seed), work, processes, f"{corpus.name}: Fisher information")


@flushed_denormals()
def save_vector(model: str, corpus: Corpus, folder: Path, seed: int, examples: int, language: str) -> None:
    """Compute the Fisher information from the sentences that the masks are made from too."""
    checkpoint = load_checkpoint(model)
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, corpus.name, examples=examples)
    fisher = ExactFisher(checkpoint.body)
    add_examples(fisher, text_examples(checkpoint, corpus, recipe, language, seed), checkpoint)
    with whole_file(vector_file(folder, language, seed)) as file:
        np.save(file, fisher.values().numpy())


def weighted(way: str, folder: Path, languages: Sequence[str], seed: int) -> pd.DataFrame:
    """Return the similarities of all languages' Fisher information, a square table."""
    weights_of, similarity = WEIGHTED[way]
    loading = tqdm(languages, desc=f"{way}: weights", leave=False)
    weights = {code: weights_of(np.load(vector_file(folder, code, seed))) for code in loading}
    table = pd.DataFrame(1.0, index=list(languages), columns=list(languages))
    for first, second in tqdm(list(combinations(languages, 2)), desc=f"{way}: pairs", leave=False):
        table.loc[first, second] = table.loc[second, first] = similarity(weights[first], weights[second])
    return table
