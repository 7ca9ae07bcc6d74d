"""Building a mask repository: extract the languages it lacks, one after the other, so that work can be resumed."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accelerate import Accelerator

from xsns_hf import processes
from xsns_hf.checkpoints import Checkpoint
from xsns_hf.corpora import Corpus
from xsns_hf.errors import XsnsError
from xsns_hf.extraction import Extracted, extract
from xsns_hf.importance import layout_for
from xsns_hf.labelled import SCHEMES, labelled_revision
from xsns_hf.recipes import Recipe
from xsns_hf.repository import MaskRepository, Provenance


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Attributes:
        extracted: language and seed of the new sub-networks, which are in the repository.
        kept: languages that were there already, for all seeds.
        tensors: number of tensors that a mask covers.
        by_autograd: those whose gradients no formula covers, see `fisher`.
        unreached: those that some language had no gradient for, with the languages.
    """

    extracted: list[tuple[str, int]]
    kept: list[str]
    tensors: int = 0
    by_autograd: Sequence[str] = ()
    unreached: Mapping[str, Sequence[str]] = field(default_factory=dict)


def build(
    repository: MaskRepository,
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
    densities: Sequence[float] = (),
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
        sums_in: see `extract`.
        replace: extract again what is there already.

    Raises:
        XsnsError: unusable text, or masks that don't fit those in the repository.
    """
    if densities and recipe.agreement is not None:
        raise XsnsError("The sample of --examples auto depends on the density: give a number, or one --density.")
    recipes = [dataclasses.replace(recipe, density=each) for each in dict.fromkeys((recipe.density, *densities))]
    accelerator = Accelerator()
    for each in recipes:
        repository.check(each, layout_for(each, checkpoint.body))
    labelled = recipe.objective in SCHEMES
    revisions = {
        language: labelled_revision(corpus, language) if labelled else corpus.revision(language)
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
        lacking = [seed for seed in seeds if any(seed not in there[each.name, language] for each in recipes)]
        if not lacking:
            kept.append(language)
            continue
        title = f"[{number}/{len(languages)}] {language}"
        found = extract(
            checkpoint, corpus, recipe, language, lacking, accelerator,
            densities=densities, sums_in=sums_in, title=title,
        )  # fmt: skip
        extracted += [(language, seed) for seed in lacking]
        by_autograd = found[0].by_autograd
        for tensor in dict.fromkeys(each for one in found for each in one.unreached):
            unreached[tensor].append(language)
        if accelerator.is_main_process:
            provenances = {each.seed: _provenance(each, corpus, revisions[language]) for each in found}
            for each in recipes:
                new = [one for one in found if one.seed not in there[each.name, language]]
                entries = {one.seed: (one.subnetworks[each.density], provenances[one.seed]) for one in new}
                repository.add(each, language, entries, replace=replace)
        accelerator.wait_for_everyone()
    tensors = len(layout_for(recipe, checkpoint.body).tensors)
    return BuildSummary(extracted, kept, tensors, by_autograd, unreached)


def _provenance(found: Extracted, corpus: Corpus, revision: str) -> Provenance:
    return Provenance(
        examples=found.examples,
        loss=found.loss,
        corpus_revision=revision,
        licence=corpus.licences.get(found.language),
        agreement=found.agreement,
    )
