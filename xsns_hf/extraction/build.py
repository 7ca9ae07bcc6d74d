"""Building a mask repository: extract the languages it lacks, one after the other, so that work can be resumed."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelerate import Accelerator

from xsns_hf import processes
from xsns_hf.dataset.draft import index_row
from xsns_hf.dataset.repository import Entry, MaskRepository, Provenance
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.extract import Extracted, extract
from xsns_hf.extraction.labelled import SCHEMES, labelled_revision
from xsns_hf.importance.choosing import importance_class, layout_for
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.models.loading import Checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus, revision


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Attributes:
        extracted: language and seed of the new sub-networks, which are in the repository.
        kept: languages that were there already, for all seeds.
        tensors: number of tensors that a mask covers; 0 for an importance that takes no gradients.
        by_autograd: those whose gradients no formula covers, see `fisher`.
        unreached: those that some language had no gradient for, with the languages.
        batched: whether several sentences went through the model at a time, see `Checkpoint`.
    """

    extracted: list[tuple[str, int]]
    kept: list[str]
    tensors: int = 0
    by_autograd: Sequence[str] = ()
    unreached: Mapping[str, Sequence[str]] = field(default_factory=dict)
    batched: bool = True


def build(
    repository: MaskRepository,
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
    densities: Sequence[float] = (),
    sizes: Sequence[int] = (),
    sums_in: Path | None = None,
    replace: bool = False,
) -> BuildSummary:
    """Extract the sub-networks that a repository lacks and add each language as soon as it is done.

    Stopping it loses the language in work at most; calling it again goes on from there.

    Args:
        repository: where the masks go.
        checkpoint: the model.
        corpus: the text; all of its languages are checked before the first is extracted.
        recipe: how to make the masks.
        languages: canonical codes.
        seeds: a sub-network each.
        densities: further densities, of the same examples; each makes a recipe.
        sizes: further |D|, see `extract`; each makes a recipe with each density.
        sums_in: see `extract`.
        replace: extract again what is there already.

    Raises:
        XsnsError: unusable text, or masks that don't fit those in the repository.
    """
    if densities and recipe.agreement is not None:
        raise XsnsError("The sample of --examples auto depends on the density: give a number, or one --density.")
    if sizes and recipe.agreement is not None:
        raise XsnsError("--examples auto finds the one |D| that it needs: give it alone, or numbers.")
    measured = importance_class(recipe)
    if sizes and measured.batch:
        raise XsnsError(
            "--importance released depends on its batches, which several |D| would change: give one --examples."
        )
    if sums_in and not measured.sums_anywhere:
        raise XsnsError(f"The sums of --importance {recipe.importance} are always with the model: leave --sums-in out.")
    recipes = [
        dataclasses.replace(recipe, examples=size, density=density)
        for size in dict.fromkeys((recipe.examples, *sizes))
        for density in dict.fromkeys((recipe.density, *densities))
    ]
    accelerator = Accelerator()
    layout = layout_for(recipe, checkpoint.body)  # which neither |D| nor p changes
    for each in recipes:
        repository.check(each, layout)
    labelled = recipe.objective in SCHEMES
    revisions = {
        language: labelled_revision(corpus, language) if labelled else revision(corpus, language)
        for language in languages
    }
    there = {
        (each.name, language): [] if replace else repository.seeds(each, language, revision)
        for each in recipes
        for language, revision in revisions.items()
    }
    accelerator.wait_for_everyone()
    extracted, kept = [], []
    by_autograd: Sequence[str] = ()
    unreached: dict[str, list[str]] = defaultdict(list)
    for number, language in enumerate(languages, 1):
        processes.stop_if_interrupted()
        lacking = {seed: [each for each in recipes if seed not in there[each.name, language]] for seed in seeds}
        lacking = {seed: some for seed, some in lacking.items() if some}
        if not lacking:
            kept.append(language)
            continue
        title = f"[{number}/{len(languages)}] {language}"
        found = [
            one
            for seed, some in lacking.items()
            for one in extract(
                *(checkpoint, corpus, some[0], language, [seed], accelerator),
                densities=[each.density for each in some],
                sizes=[each.examples for each in some],
                sums_in=sums_in,
                title=title,
            )
        ]
        extracted += [(language, seed) for seed in lacking]
        by_autograd = found[0].by_autograd
        most = max(one.size for one in found)
        for tensor in dict.fromkeys(each for one in found if one.size == most for each in one.unreached):
            unreached[tensor].append(language)
        if accelerator.is_main_process:
            rows = {each: _rows(each, found, lacking, corpus, revisions[language]) for each in recipes}
            entries = [Entry(each, language, some) for each, some in rows.items() if some]
            repository.add_all(entries.copy, replace=replace)  # one step for all recipes
        accelerator.wait_for_everyone()
    tensors = len(layout.tensors) if measured.of_gradients else 0
    batched = checkpoint.batched or measured.batch is not None
    return BuildSummary(extracted, kept, tensors, by_autograd, unreached, batched)


def _rows(
    recipe: Recipe,
    found: Sequence[Extracted],
    lacking: Mapping[int, Sequence[Recipe]],
    corpus: Corpus,
    revision: str,
) -> dict[int, tuple[SubNetwork, dict[str, object]]]:
    """Return what a recipe lacked of a language, by seed, each mask with its row of the index."""
    new = [one for one in found if one.size == recipe.examples and recipe in lacking[one.seed]]
    masks = {one.seed: (one, one.subnetworks[recipe.density]) for one in new}
    return {
        seed: (mask, index_row(recipe, one.language, seed, mask, _provenance(one, corpus, revision)))
        for seed, (one, mask) in masks.items()
    }


def _provenance(found: Extracted, corpus: Corpus, revision: str) -> Provenance:
    return Provenance(
        examples=found.examples,
        loss=found.loss,
        corpus_revision=revision,
        licence=corpus.licences.get(found.language),
        agreement=found.agreement,
    )
