"""Building a mask repository: extract the languages it lacks, one after the other, so that work can be resumed."""

from collections.abc import Sequence
from dataclasses import dataclass

from accelerate import Accelerator

from xsns_hf.blocks import layout_of
from xsns_hf.checkpoints import Checkpoint
from xsns_hf.corpora import Corpus
from xsns_hf.extraction import extract
from xsns_hf.recipes import Recipe
from xsns_hf.repository import MaskRepository, Provenance


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Attributes:
        extracted: language and seed of the new sub-networks, which are in the repository.
        kept: languages that were there already, for all seeds.
    """

    extracted: list[tuple[str, int]]
    kept: list[str]


def build(
    repository: MaskRepository,
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    languages: Sequence[str],
    seeds: Sequence[int],
    *,
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
        replace: extract again what is there already.

    Raises:
        XsnsError: unusable text, or masks that don't fit those in the repository.
    """
    accelerator = Accelerator()
    repository.check(recipe, layout_of(checkpoint.body))
    revisions = {language: corpus.revision(language) for language in languages}
    there = {
        language: [] if replace else repository.seeds(recipe, language, revision)
        for language, revision in revisions.items()
    }
    accelerator.wait_for_everyone()
    extracted, kept = [], []
    for number, language in enumerate(languages, 1):
        lacking = [seed for seed in seeds if seed not in there[language]]
        if not lacking:
            kept.append(language)
            continue
        title = f"[{number}/{len(languages)}] {language}"
        found = extract(checkpoint, corpus, recipe, language, lacking, accelerator, title=title)
        extracted += [(language, seed) for seed in lacking]
        if accelerator.is_main_process:
            entries = {
                each.seed: (
                    each.subnetwork,
                    Provenance(
                        examples=each.examples,
                        loss=each.loss,
                        corpus_revision=revisions[language],
                        licence=corpus.licences.get(language),
                        agreement=each.agreement,
                    ),
                )
                for each in found
            }
            repository.add(recipe, language, entries, replace=replace)
        accelerator.wait_for_everyone()
    return BuildSummary(extracted, kept)
