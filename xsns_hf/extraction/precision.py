"""Which precision is fast here and does the masks no harm: what `--precision auto` means."""

from dataclasses import replace

import torch

from xsns_hf.extraction.extract import extract
from xsns_hf.importance.choosing import importance_class
from xsns_hf.importance.kernels.compiled import has_tiles
from xsns_hf.masks.similarity import jaccard
from xsns_hf.models.loading import Checkpoint, is_spread
from xsns_hf.processes import agreed
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

EXAMPLES = 16
"""Sentences whose masks in both precisions are compared."""

AGREEMENT = 0.99
"""The Jaccard coefficient from which on bfloat16 is good enough. Two samples of 32 sentences of a language have 0.6."""


def settled(
    recipe: Recipe, checkpoint: Checkpoint, corpus: Corpus, language: str, device: torch.device
) -> tuple[Recipe, str]:
    """Return a recipe with its precision chosen, bfloat16 or float32, and why: a sentence.

    It takes two extractions of a few sentences where there are units for bfloat16, and nothing where there are none.
    All processes must call this.

    Args:
        recipe: what is to be made.
        checkpoint: the model, with weights in float32.
        corpus: the text.
        language: of it, whose sentences are tried.
        device: where extraction will run.

    Raises:
        XsnsError: as `extract` does.
    """
    exactly = replace(recipe, precision="float32")
    if not importance_class(recipe).of_gradients or recipe.importance == "released":
        return exactly, f"float32 is used: importance {recipe.importance} gains nothing by bfloat16."
    if not agreed(lambda: has_units(device)) or is_spread(checkpoint.body):
        return exactly, f"float32 is used: this {_kind(device)} has no fast units for bfloat16."
    roughly, masks = replace(recipe, precision="bfloat16"), []
    for each in (exactly, roughly):
        few = replace(each, examples=min(EXAMPLES, recipe.examples), agreement=None)
        masks += extract(checkpoint, corpus, few, language, [0], title=f"trying {each.precision}")
    agreement = jaccard(*(found.mask for found in masks))
    if agreement < AGREEMENT:
        return exactly, f"float32 is used: masks in bfloat16 agree with it to {agreement:.4f} only."
    return roughly, f"bfloat16 is used, which this {_kind(device)} is fast at: masks agree to {agreement:.4f}."


def has_units(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 much faster than float32.

    Processors with AVX512-BF16 but without AMX gain little or nothing, and others lose a lot.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and has_tiles()


def _kind(device: torch.device) -> str:
    return {"cuda": "GPU", "cpu": "processor"}.get(device.type, device.type)
