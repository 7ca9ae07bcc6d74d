"""Extraction: checkpoint × corpus × languages × seeds → sub-networks, through Accelerate.

One process or many, any batch size, any device: the same examples with the same masking, so the same masks
up to rounding.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import tqdm

from xsns_hf.dataset.record import MaskRecord
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.accumulate import Accumulation
from xsns_hf.extraction.resuming import text_revision
from xsns_hf.extraction.sample import sample
from xsns_hf.extraction.weights import Unusual
from xsns_hf.languages.codes import name
from xsns_hf.masks.subnetwork import select
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.loading import Checkpoint, is_spread
from xsns_hf.models.objectives import Encoded
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

FIRST_CHECK, STEP = 128, 2**0.25
"""With `agreement`, the halves of the sample are compared at 128 examples and then at every 19 % more."""

LARGEST_SHARE = 0.3
"""Share of the sums above which a single batch is reported; or a sentence, if it would have that without a cap."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extracted(MaskRecord):
    """A mask that was just made, with what is said about it but not recorded.

    Attributes:
        by_autograd: tensors whose gradients no formula covers, see `ExactFisher`.
        unreached: tensors that no example had any gradient for.
        unusual: what stands out among the examples, where the importance knows their gradients' norms.
    """

    by_autograd: Sequence[str] = ()
    unreached: Sequence[str] = ()
    unusual: Unusual | None = None


@flushed_denormals()
def extract(
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    language: str,
    seeds: Sequence[int],
    accelerator: Accelerator | None = None,
    *,
    also: Sequence[Recipe] = (),
    sums_in: Path | None = None,
    title: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Extracted]:
    """Extract a language's sub-network for each seed (§3).

    The examples are shared out over the accelerator's processes and their importances are summed.

    Args:
        checkpoint: the model; it is moved to the accelerator's device.
        corpus: where the language's sentences are.
        recipe: how to make the masks.
        language: canonical code, in the corpus.
        seeds: one sub-network each.
        accelerator: by default a new `Accelerator()`.
        also: further recipes, that differ in |D| and density only: the masks of a smaller |D| are taken on the way to
            the largest, whose first examples are theirs, and further densities cost next to nothing. Other |D| neither
            with an agreement nor for the released variant, whose batches they would change.
        sums_in: a folder on whose disk the sums are kept; by default only if memory is short, in the temporary folder.
        title: what the progress bar says; by default the language.
        on_progress: called after each batch with how many examples of the seed in work are done, and how many there
            are, in place of the progress bar; what it raises ends the extraction.

    Returns:
        A mask for each seed and recipe, those of fewer examples first.

    Raises:
        XsnsError: no usable text, or a loss or gradient that isn't finite, or no gradient at all.
    """
    accelerator = accelerator or Accelerator()
    _place(checkpoint, recipe, accelerator.device)
    recipes = sorted(dict.fromkeys((recipe, *also)), key=lambda each: each.examples)
    quiet = not accelerator.is_main_process
    origin = {
        "corpus_revision": text_revision(corpus, recipe, language),
        "corpus_source": corpus.sources.get(language),
        "licence": corpus.licences.get(language),
    }
    masks = []
    for seed in seeds:
        examples, head = sample(checkpoint, corpus, recipes[-1], language, seed, quiet=quiet)
        sums = Accumulation(checkpoint, head, recipe, language, seed, accelerator, sums_in)
        with _progress(len(examples), f"{title or language} seed {seed}", on_progress) as advance:
            for reached, agreement in _rounds(sums, examples, recipes, advance):
                masks += _masks(sums, reached, agreement, origin)
    return masks


def _place(checkpoint: Checkpoint, recipe: Recipe, device: torch.device) -> None:
    """Move a model to its device, in the precision wanted, unless it is spread over several already."""
    if is_spread(checkpoint.body):
        return
    weights = torch.bfloat16 if recipe.precision == "bfloat16-weights" else None
    for part in (checkpoint.body, checkpoint.head):
        part.to(device, weights)


@contextmanager
def _progress(
    total: int, title: str, on_progress: Callable[[int, int], None] | None
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, or tell `on_progress`; gives what is to be called with the number of examples just done."""
    done = 0
    with tqdm(total=total, desc=title, unit="example", leave=False, disable=on_progress is not None) as bar:

        def advance(number: int) -> None:
            nonlocal done
            done = min(done + number, total)
            bar.update(number)
            if on_progress:
                on_progress(done, total)

        yield advance


def _rounds(
    sums: Accumulation, examples: Sequence[Encoded], recipes: Sequence[Recipe], advance: Callable[[int], None]
) -> Iterator[tuple[list[Recipe], float | None]]:
    """Add examples in rounds; yield the recipes whose masks can be taken now, and the agreement, if one is looked for.

    With a fixed |D| there is one round, with several one for each. With an agreement to reach, the halves of the sample
    are compared after each round, until they agree well enough or there are no more examples.
    """
    wanted = recipes[0].agreement
    if wanted is not None:
        agreement = 0.0
        for end in check_sizes(len(examples)):
            sums.add(examples[sums.examples : end], advance)
            agreement = sums.agreement()
            if agreement >= wanted:
                break
        yield list(recipes), agreement
        return
    for end in sorted({min(recipe.examples, len(examples)) for recipe in recipes}):
        sums.add(examples[sums.examples : end], advance)
        yield [recipe for recipe in recipes if min(recipe.examples, len(examples)) == end], None


def _masks(
    sums: Accumulation, recipes: Sequence[Recipe], agreement: float | None, origin: Mapping[str, Any]
) -> list[Extracted]:
    """Take the masks of what is summed so far.

    Args:
        sums: the importances.
        recipes: those with this |D|.
        agreement: of the sample's halves.
        origin: where the text is from, by the names of `MaskRecord`.
    """
    if sums.accelerator.is_main_process:
        _warn(sums, agreement)
    values = sums.merged_values()
    unreached = [tensor.name for tensor in sums.layout.tensors if not values[tensor.span].any()]
    if len(unreached) == len(sums.layout.tensors):
        raise XsnsError(
            f"No sentence of {sums.language} has any gradient for the blocks of {sums.checkpoint.name}, which may "
            "run without keeping any: use another model."
        )
    by_density = {density: select(values, sums.layout, density) for density in {each.density for each in recipes}}
    first = Extracted(
        recipes[0],
        sums.language,
        sums.seed,
        by_density[recipes[0].density],
        examples=sums.examples,
        loss=float(sums.loss) / sums.examples,
        **origin,
        agreement=agreement,
        by_autograd=sums.by_autograd,
        unreached=unreached,
        unusual=sums.unusual(),
    )
    return [replace(first, recipe=recipe, mask=by_density[recipe.density]) for recipe in recipes]


def _warn(sums: Accumulation, agreement: float | None) -> None:
    """Say what makes a mask doubtful."""
    about, count, wanted = (name(sums.language), sums.language, sums.seed), sums.examples, sums.recipe.agreement
    share = sums.largest_share()
    if share is not None and share > LARGEST_SHARE > 2 * sums.largest_batch / count:
        logger.warning(
            "%s (%s), seed %d: one batch of at most %d sentences makes up %.0f %% of what the mask of %d is made "
            "from, so it shows these more than the language; look for odd lines in the text, or use more of it.",
            *(*about, sums.largest_batch, 100 * share, count),
        )
    unusual = sums.unusual()
    if unusual and unusual.silent:
        logger.warning(
            "%s (%s), seed %d: %d of %d sentences have no gradient at all and are left out.",
            *(*about, unusual.silent, count),
        )
    if unusual and unusual.weight < 1 and unusual.share > LARGEST_SHARE > 2 / count:
        logger.warning(
            "%s (%s), seed %d: %s would make up %.0f %% of what the mask of %d is made from, so it counts for %.2g of "
            "its square only; look whether it is an odd line.",
            *(*about, sentence(unusual.line), 100 * unusual.share, count, unusual.weight),
        )
    if agreement is not None and wanted and agreement < wanted:
        logger.warning(
            "%s (%s), seed %d: the halves of %d sentences agree to %.2f, not to the %.2f asked for: the mask is "
            "noisier than the others', which makes the language look a little less similar to all of them.",
            *(*about, count, agreement, wanted),
        )


def sentence(line: int | None) -> str:
    """Return what a sentence is called, by its number among the language's sentences, from 0."""
    return "a sentence" if line is None else f"sentence {line + 1} of its text"


def check_sizes(count: int) -> list[int]:
    """Return the sample sizes at which the halves are compared, the last one being all there is.

    Args:
        count: number of examples that there are.
    """
    sizes, size = [], float(FIRST_CHECK)
    while round(size) < count:
        sizes.append(2 * round(size / 2))
        size *= STEP
    return [*sizes, count]
