"""Masks of growing samples: one pass over the sentences of a language, with a mask at every size on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator

from study.workers import for_each, whole_file
from xsns_hf.extraction.accumulate import Accumulation
from xsns_hf.extraction.extract import check_sizes
from xsns_hf.extraction.sample import sample
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard_matrix
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import AGREEMENT, EMBEDDED, ImportanceName, Recipe
from xsns_hf.text.folder import text_folder

MOST, LEAST, DENSITY = 1024, 64, 0.15


@dataclass(frozen=True)
class Samples:
    """The masks of a language's first n sentences, for several n.

    Attributes:
        sizes: the n, int [sizes].
        agreements: Jaccard coefficients of the masks of the two halves, float [sizes].
        packed: the masks' bits, uint8 [sizes, bytes].
    """

    sizes: np.ndarray
    agreements: np.ndarray
    packed: np.ndarray

    def first_of(self, size: int) -> int:
        """Return the number of the first sample of that size; of the last one where none is as large."""
        return self._first(self.sizes >= size)

    def first_agreeing(self, agreement: float) -> int:
        """Return the number of the first sample whose halves agree so well; of the last one where none do."""
        return self._first(self.agreements >= agreement)

    def _first(self, reached: np.ndarray) -> int:
        return int(np.argmax(reached)) if reached.any() else len(reached) - 1


def grown(
    languages: list[str],
    text: Path,
    folder: Path,
    importance: ImportanceName,
    seed: int,
    processes: int,
    model: str = EMBEDDED,
    most: int = MOST,
) -> dict[str, Samples]:
    """Return the samples of each language, made where they are missing.

    Args:
        languages: canonical codes.
        text: a folder of text.
        folder: where the samples are kept.
        importance: exact, or one with bounds on what a sentence counts for.
        seed: of the sentences and their masking.
        processes: languages worked on at a time.
        model: a masked language model.
        most: of the sizes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {code: folder / f"{code}-{seed}.npz" for code in languages}
    missing = [code for code, file in files.items() if not file.exists()]
    for_each(missing, partial(save, model, text, folder, importance, most, seed), processes, "languages")
    return {code: Samples(**np.load(file)) for code, file in files.items()}


@flushed_denormals()
def save(model: str, text: Path, folder: Path, importance: ImportanceName, most: int, seed: int, language: str) -> None:
    """Save the masks of the first n sentences for each n, and the agreement of their halves' masks."""
    checkpoint, corpus = load_checkpoint(model), text_folder(text, "ud")
    recipe = Recipe(
        checkpoint.name,
        checkpoint.revision,
        checkpoint.head_name,
        corpus.name,
        importance=importance,
        examples=most,
        density=DENSITY,
        agreement=AGREEMENT,  # so that there are halves
    )
    examples, head = sample(checkpoint, corpus, recipe, language, seed)
    sums = Accumulation(checkpoint, head, recipe, language, seed, Accelerator())
    sizes, agreements, packed = sorted({LEAST, *check_sizes(len(examples))}), [], []
    for size in sizes:
        sums.add(examples[sums.examples : size], lambda _: None)
        agreements.append(sums.agreement())
        values = torch.stack([part.values() * part.count for part in sums.parts]).sum(0) / sums.examples
        packed.append(select(values.numpy(), sums.layout, DENSITY).bits)
    with whole_file(folder / f"{language}-{seed}.npz") as file:
        np.savez(file, sizes=sizes, agreements=agreements, packed=packed)


def similarity_of(samples: Mapping[str, Samples], numbers: Mapping[str, int]) -> pd.DataFrame:
    """Return the similarities of all languages, a square table.

    Args:
        samples: by language.
        numbers: which of its samples each language takes.
    """
    return similarity_of_bits({code: own.packed[numbers[code]] for code, own in samples.items()})


def similarity_of_bits(packed: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the similarities of languages by the bits of their masks, uint8 [bytes], a square table."""
    layout = ParameterLayout.of([("all", (8 * next(iter(packed.values())).size,))])
    masks = [SubNetwork(layout, bits, 0.0) for bits in packed.values()]
    return pd.DataFrame(jaccard_matrix(masks), index=list(packed), columns=list(packed))
