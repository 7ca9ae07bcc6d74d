"""Bring a language: extract the mask of a visitor's text, and rank it against the published masks."""

import base64
import dataclasses
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xsns_hf.dataset.mask_files import find, read_masks
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.errors import LanguageError, MasksMissing, XsnsError
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.ranking.rank import Ranking, order_sources
from xsns_hf.recipe import LANGUAGE_MODELLING
from xsns_hf.space.answering import query
from xsns_hf.space.own_text.checkpoints import checkpoint_for
from xsns_hf.space.own_text.running import has_gpu, runner
from xsns_hf.space.own_text.worker import Request

EXAMPLES = 64
"""Sentences a seed at most without a GPU; with one, as many as the published masks are made of."""

SEEDS = 2
"""Seeds at most without a GPU: enough for a spread; with one, those of the published masks, up to `MOST_SEEDS`."""

MOST_SEEDS = 3

TIME_LIMIT = 300.0
"""Seconds that a job may take, fetching and comparing included."""

UNNAMED = "und"
"""The target in a ranking for a language without a code, after ISO 639-2's "undetermined"; `identify` refuses it."""

_DRAWN_AS = "zbl"
"""The code by which sentences of a language without one are sampled: that of Blissymbols, of which nobody has masks."""


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        stage: what is being done, in words; there are three stages.
        done: how much of the stage is done.
        total: of how much; 0 where that isn't known.
        seconds_left: until the stage ends, about; None where that isn't known.
    """

    stage: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True)
class Brought:
    """What a job found.

    Attributes:
        ranking: the sources; its target is `UNNAMED` for a language without a code.
        examples: sentences that each mask was made from.
    """

    ranking: Ranking
    examples: int


run = runner()  # when the page starts, which is when ZeroGPU wants to know


def can_bring(masks: RecipeMasks, models: Sequence[str] = ()) -> str | None:
    """Say why no language can be brought to masks; None if it can.

    Args:
        masks: the published ones.
        models: the checkpoints that may be loaded, see `checkpoint_for`.
    """
    recipe = masks.recipe
    if isinstance(masks.repository.store, Ready):
        return "Only similarities ship with xsns, no masks that a new language could be compared with: choose others."
    if recipe.objective not in LANGUAGE_MODELLING:
        return (
            f"These masks were made from labelled text ({recipe.objective}), and what is pasted has no labels: "
            "choose masks of language modelling."
        )
    if checkpoint_for(recipe, models) is not None:
        return None
    if recipe.model_id is None:
        return (
            f"The checkpoint of these masks, {recipe.checkpoint}, is a folder on the computer where they were made "
            "and can't be had here: choose masks of a checkpoint on the Hub."
        )
    return (
        f"The checkpoint of these masks, {recipe.checkpoint}, isn't one that this page loads for visitors: choose "
        "other masks, or ask whoever runs the page to allow it, with `xsns space --model` or the variable XSNS_MODEL."
    )


def amount(masks: RecipeMasks) -> tuple[int, int]:
    """Return how many sentences a sample are used at most, and how many samples are drawn."""
    examples, seeds = masks.recipe.examples, len(masks.seeds)
    return (examples, min(MOST_SEEDS, seeds)) if has_gpu() else (min(EXAMPLES, examples), min(SEEDS, seeds))


def code_of(language: str | None) -> str | None:
    """Return the code of a language that a visitor named; None if they named none, since theirs has no code.

    Raises:
        LanguageError: they named one that isn't known. Were it let pass, a slip of the pen for a published language
            would rank that language as the best source for itself.
    """
    named = (language or "").strip()
    try:
        return query.language(named) if named else None
    except LanguageError as error:
        raise LanguageError(f"{error} If yours has no code, leave its name out.") from error


def bring(
    sentences: Sequence[str],
    language: str | None,
    masks: RecipeMasks,
    candidates: Sequence[str] | None = None,
    *,
    models: Sequence[str] = (),
    seconds: float = TIME_LIMIT,
) -> Generator[Progress | Brought, None, None]:
    """Extract the masks of some text and rank the published masks' languages as sources for its language.

    Nothing of the text is written or logged. Closing the generator, as gradio does when a visitor leaves, ends the
    extraction at once.

    Args:
        sentences: what `sentences_of` returns.
        language: anything that `identify` takes; none or empty for a language that has no code. If there are masks of
            it, they are left out.
        masks: the published ones.
        candidates: languages with labelled data; by default all that there are masks of.
        models: the checkpoints that may be loaded, see `checkpoint_for`; never a visitor's choice.
        seconds: that it may take.

    Yields:
        Progress, at least every few seconds, and at the end what was found.

    Raises:
        XsnsError: unknown language, no candidate with masks, a checkpoint that isn't the published one or can't be
            had, unusable text, not enough memory or time; or the Hub can't be reached.
    """
    ends = time.monotonic() + seconds
    code = code_of(language)
    if problem := can_bring(masks, models):
        raise XsnsError(problem)
    rows, seeds, missing = _published(masks, code, candidates)
    layout = masks.repository.layout()
    checkpoint = checkpoint_for(masks.recipe, models)
    assert checkpoint is not None, "or it can't be brought"
    request = _request(sentences, code, seeds, masks, checkpoint, layout)
    extracted, examples = yield from _extracted(request, layout, seconds)
    similar = yield from _compared(extracted, masks, layout, rows, ends)
    if not similar:
        raise MasksMissing(
            f"The files of the masks in {masks.repository.name} are missing: extract and push them again."
        )
    by_seed = pd.DataFrame.from_dict(similar, orient="index", columns=seeds)
    missing = sorted({*missing, *(rows.keys() - similar.keys())})
    yield Brought(Ranking(code or UNNAMED, masks.name, len(seeds), order_sources(by_seed), missing), examples)


def _published(
    masks: RecipeMasks, code: str | None, candidates: Sequence[str] | None
) -> tuple[dict[str, list[dict[str, Any]]], list[int], list[str]]:
    """Return the index's rows of each candidate, the seeds to compare, and the candidates that lack them."""
    index, known = masks.index, {*masks.languages}
    wanted = known if candidates is None else {wanted for text in candidates if (wanted := code_of(text))}
    index = index[index["language"].isin(wanted - {code})]
    if index.empty:
        raise MasksMissing(
            f"None of the candidates has masks for {masks.name} in {masks.repository.name}: "
            f"choose from {', '.join(sorted(known - {code})) or 'more languages, once there are masks of them'}."
        )
    counts = index["seed"].value_counts().sort_index()
    # A seed that few candidates have would cost all the others.
    seeds = [int(seed) for seed in counts[counts == counts.max()].index[: amount(masks)[1]]]
    by_language = index[index["seed"].isin(seeds)].groupby("language")
    rows = {str(language): rows.to_dict("records") for language, rows in by_language if len(rows) == len(seeds)}
    return rows, seeds, sorted(wanted - {code} - rows.keys())


def _request(
    sentences: Sequence[str],
    code: str | None,
    seeds: list[int],
    published: RecipeMasks,
    checkpoint: str,
    layout: ParameterLayout,
) -> Request:
    """Return what to ask of the worker so that its masks compare with the published ones."""
    examples = min(amount(published)[0], len(sentences))
    return Request(
        sentences=list(sentences),
        language=code or _DRAWN_AS,
        seeds=seeds,
        recipe=dataclasses.replace(published.recipe, examples=examples, agreement=None),
        model=checkpoint,
        layout=layout.fingerprint,
    )


def _extracted(
    request: Request, layout: ParameterLayout, seconds: float
) -> Generator[Progress, None, tuple[dict[int, SubNetwork], int]]:
    """Return the masks by seed, arranged as the published ones, and how many sentences each is made from."""
    masks, examples = {}, 0
    plain = ParameterLayout(layout.tensors)
    clock, progress = None, Progress("Loading the checkpoint")
    yield progress
    with closing(run(request, seconds)) as records:
        for record in records:
            if "error" in record:
                raise XsnsError(record["error"])
            if "bits" in record:
                bits = np.frombuffer(base64.b64decode(record["bits"]), np.uint8)
                masks[record["seed"]] = SubNetwork(plain, bits, record["threshold"]).arranged(layout)
                examples = record["examples"]
            elif record:
                clock = clock or _Clock("Finding the sub-network")
                progress = clock.at(record["done"], record["total"])
            yield progress
    return masks, examples


def _compared(
    extracted: Mapping[int, SubNetwork],
    masks: RecipeMasks,
    layout: ParameterLayout,
    rows: Mapping[str, list[dict[str, Any]]],
    ends: float,
) -> Generator[Progress, None, dict[str, list[float]]]:
    """Return each language's similarities by seed; one language's masks are in memory at a time.

    Without those whose file is missing.
    """
    similar = {}
    clock = _Clock("Comparing with the published masks")
    yield clock.at(0, len(rows))
    for number, language in enumerate(sorted(rows), 1):
        if time.monotonic() > ends:
            raise XsnsError("Fetching the published masks takes too long just now: try again, or fewer candidates.")
        with suppress(MasksMissing):
            published = read_masks(find(masks.repository.store, rows[language][0]), layout, rows[language])
            similar[language] = [jaccard(mask, published[seed]) for seed, mask in extracted.items()]
        yield clock.at(number, len(rows))
    return similar


class _Clock:
    """Estimates how long a stage will take from how long it has taken so far."""

    def __init__(self, stage: str):
        self.stage, self.began = stage, time.monotonic()

    def at(self, done: int, total: int) -> Progress:
        left = (time.monotonic() - self.began) / done * (total - done) if done else None
        return Progress(self.stage, done, total, left)
