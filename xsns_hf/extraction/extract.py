"""Extraction: checkpoint × corpus × languages × seeds → sub-networks, through Accelerate.

One process or many, any batch size, any device: the same examples with the same masking, so the same masks
up to rounding.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, tqdm
from torch import distributed

from xsns_hf.errors import XsnsError
from xsns_hf.extraction.batches import batches, collate
from xsns_hf.extraction.examples import text_examples
from xsns_hf.extraction.labelled import SCHEMES, labelled_examples, scheme_of
from xsns_hf.extraction.random_heads import random_head
from xsns_hf.importance.accumulators import place_of_sums
from xsns_hf.importance.base import Importance
from xsns_hf.importance.choosing import importance_of
from xsns_hf.importance.head import Head
from xsns_hf.languages.codes import name
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.models.blocks import layout_of
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.kinds import is_decoder
from xsns_hf.models.loading import Checkpoint, is_spread
from xsns_hf.models.objectives import Encoded, example_generator
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus

FIRST_CHECK, STEP = 128, 2**0.25
"""With `agreement`, the halves of the sample are compared at 128 examples and then at every 19 % more."""

LARGEST_SHARE = 0.3
"""Share of the sums above which a single batch is reported."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extracted:
    """A sub-network, possibly at several densities, and what it was made from.

    Attributes:
        language: canonical code.
        seed: of the sample and the masking.
        subnetworks: the mask by density, that of the recipe first.
        examples: the true |D|.
        size: the |D| asked for.
        loss: mean over examples of −log p(y|x), in nats (per token, for a language model).
        agreement: Jaccard coefficient of the masks of the two halves of the sample, if the recipe asks for one.
        by_autograd: tensors whose gradients no formula covers, see `ExactFisher`.
        unreached: tensors that no example had any gradient for.
    """

    language: str
    seed: int
    subnetworks: Mapping[float, SubNetwork]
    examples: int
    size: int
    loss: float
    agreement: float | None = None
    by_autograd: Sequence[str] = ()
    unreached: Sequence[str] = ()

    @property
    def subnetwork(self) -> SubNetwork:
        """The mask at the recipe's own density."""
        return next(iter(self.subnetworks.values()))


@flushed_denormals()
def extract(
    checkpoint: Checkpoint,
    corpus: Corpus,
    recipe: Recipe,
    language: str,
    seeds: Sequence[int],
    accelerator: Accelerator | None = None,
    *,
    densities: Sequence[float] = (),
    sizes: Sequence[int] = (),
    sums_in: Path | None = None,
    title: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Extracted]:
    """Extract a language's sub-network for each seed (§3).

    The examples are shared out over the accelerator's processes and their Fisher information is summed.

    Args:
        checkpoint: the model; it is moved to the accelerator's device.
        corpus: where the language's sentences are.
        recipe: how to make the masks.
        language: canonical code, in the corpus.
        seeds: one sub-network each.
        accelerator: by default a new `Accelerator()`.
        densities: further densities, whose masks cost next to nothing once the Fisher information is there.
        sizes: further |D|, whose masks are taken on the way to the largest: the examples of a smaller one are the first
            of a larger one. Not with an agreement, nor for the released variant, whose batches they would change.
        sums_in: a folder on whose disk the sums are kept; by default only if memory is short, in the temporary folder.
        title: what the progress bar says; by default the language.
        on_progress: called after each batch with how many examples of the seed in work are done, and how many there
            are, in place of the progress bar; what it raises ends the extraction.

    Returns:
        One for each seed or, with further sizes, for each seed and size.

    Raises:
        XsnsError: no usable text, or a loss or gradient that isn't finite, or no gradient at all.
    """
    accelerator = accelerator or Accelerator()
    _place(checkpoint, recipe, accelerator.device)
    sizes = sorted({recipe.examples, *sizes})
    recipe = replace(recipe, examples=sizes[-1])
    found = []
    for seed in seeds:
        examples, head = _task(checkpoint, corpus, recipe, language, seed, accelerator)
        extraction = _Extraction(checkpoint, head, recipe, densities, sums_in, language, seed, accelerator, on_progress)
        found += extraction.run(examples, sizes, f"{title or language} seed {seed}")
    return found


def _place(checkpoint: Checkpoint, recipe: Recipe, device: torch.device) -> None:
    """Move a model to its device, in the precision wanted, unless it is spread over several already."""
    if is_spread(checkpoint.body):
        return
    weights = torch.bfloat16 if recipe.precision == "bfloat16-weights" else None
    checkpoint.body.to(device, weights)
    checkpoint.head.to(device, weights)


def _task(
    checkpoint: Checkpoint, corpus: Corpus, recipe: Recipe, language: str, seed: int, accelerator: Accelerator
) -> tuple[list[Encoded], Head]:
    """Return the examples of p(y|x) and the head that it takes."""
    if recipe.objective not in SCHEMES:
        quiet = not accelerator.is_main_process
        return text_examples(checkpoint, corpus, recipe, language, seed, quiet=quiet), checkpoint.head
    config = checkpoint.body.config
    if config.is_encoder_decoder:
        raise XsnsError(
            f"{checkpoint.name} has an encoder and a decoder, for which there is no random head: use its own "
            "objective, or a model that is one of them."
        )
    examples = labelled_examples(
        checkpoint.tokenizer,
        corpus,
        language,
        objective=recipe.objective,
        count=recipe.examples,
        seed=seed,
        longest=min(recipe.max_length, checkpoint.positions),
        causal=is_decoder(config),
    )
    classes = len(scheme_of(recipe.objective, corpus, language).names)
    head = random_head(recipe.objective, classes, config.hidden_size, seed)
    *_, last = checkpoint.body.parameters()  # where the hidden states come out, if the model is spread
    return examples, head.to(last.device, checkpoint.body.dtype)


class _Extraction:
    """One language and seed: examples in, a sub-network out.

    With a fixed |D| there is one round, with several one for each. With an agreement to reach, examples come in rounds,
    by turns to two halves of the sample, until the halves' masks agree well enough.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        head: Head,
        recipe: Recipe,
        densities: Sequence[float],
        sums_in: Path | None,
        language: str,
        seed: int,
        accelerator: Accelerator,
        on_progress: Callable[[int, int], None] | None,
    ):
        self.head, self.on_progress = head, on_progress
        self.densities = dict.fromkeys((recipe.density, *densities))
        self.checkpoint, self.recipe, self.accelerator = checkpoint, recipe, accelerator
        self.language, self.seed = language, seed
        number = 2 if recipe.agreement else 1
        size = layout_of(checkpoint.body, recipe.stacks).size
        # Of a model over several GPUs, no one of them has room for the sums of all.
        device = torch.device("cpu") if is_spread(checkpoint.body) else accelerator.device
        place = place_of_sums(number * size, device, sums_in)
        self.parts = [importance_of(recipe, checkpoint.body, place) for _ in range(number)]
        self.layout = self.parts[0].layout
        self.loss = torch.zeros((), device=accelerator.device)
        self.largest = torch.zeros((), device=accelerator.device)
        self.most_examples = 1

    def run(self, examples: Sequence[Encoded], sizes: Sequence[int], title: str) -> list[Extracted]:
        done, seen, agreement, found = 0, 0, None, []
        taken = sorted({min(size, len(examples)) for size in sizes})
        quiet = self.on_progress is not None
        with tqdm(total=len(examples), desc=title, unit="example", leave=False, disable=quiet) as bar:

            def advance(number: int) -> None:
                nonlocal seen
                seen = min(seen + number, len(examples))
                bar.update(number)
                if self.on_progress:
                    self.on_progress(seen, len(examples))

            for end in check_sizes(len(examples)) if self.recipe.agreement else taken:
                if done:
                    self._leave_sums_to_main()
                for number, part in enumerate(self.parts):
                    self._add(part, examples[done + number : end : len(self.parts)], advance)
                self._share_sums()
                done, agreement = end, self._agreement()
                if not self.recipe.agreement:
                    reached = [size for size in sizes if min(size, len(examples)) == done]
                    found += self._found(reached, done)
                elif agreement is not None and agreement >= self.recipe.agreement:
                    break
        return found or self._found(sizes, done, agreement)

    def _found(self, sizes: Sequence[int], done: int, agreement: float | None = None) -> list[Extracted]:
        """Take the masks of what is summed so far, for all sizes that are reached with it."""
        self._report(done, agreement)
        whole = self.parts[0]
        for part in self.parts[1:]:
            whole.merge(part)
        values = whole.values().cpu().numpy()
        subnetworks = {density: select(values, self.layout, density) for density in self.densities}
        unreached = [tensor.name for tensor in self.layout.tensors if not values[tensor.span].any()]
        if len(unreached) == len(self.layout.tensors):
            raise XsnsError(
                f"No sentence of {self.language} has any gradient for the blocks of {self.checkpoint.name}, which may "
                "run without keeping any: use another model."
            )
        found = Extracted(
            self.language, self.seed, subnetworks, done, sizes[0], float(self.loss) / done, agreement,
            whole.by_autograd, unreached,
        )  # fmt: skip
        return [replace(found, size=size) for size in sizes]

    def _add(self, part: Importance, examples: Sequence[Encoded], advance: Callable[[int], None]) -> None:
        """Add this process's share of some examples."""
        group = self.accelerator.process_index, self.accelerator.num_processes
        before = part.total().to(self.largest)
        device = self.accelerator.device
        alone = not self.checkpoint.batched
        for number, batch in batches(examples, self.layout, device, *group, alone=alone, drawn=part.batch):
            # Dropout, where an importance uses it, depends on the batch and not on the process.
            torch.manual_seed(int(example_generator(self.seed, self.language, number).integers(2**31)))
            inputs = collate(batch, self.checkpoint.padding, device)
            self.loss += part.add(**inputs, head=self.head).mean().to(self.loss) * len(batch)
            if not torch.isfinite(self.loss):
                return  # and meet the other processes in their sum, where all of them see it
            after = part.total().to(self.largest)
            self.largest, before = torch.maximum(self.largest, after - before), after
            self.most_examples = max(self.most_examples, len(batch))
            advance(len(batch) * group[1])

    def _share_sums(self) -> None:
        """Sum over the processes."""
        if self.accelerator.num_processes > 1:
            for part in self.parts:
                part.reduce(self.loss.device)
            distributed.all_reduce(self.loss)
            distributed.all_reduce(self.largest, distributed.ReduceOp.MAX)
        if not torch.isfinite(self.loss):
            raise XsnsError(
                f"The loss of {self.checkpoint.name} on {self.language} isn't finite: check the checkpoint's weights "
                "for NaN or infinite values."
            )

    def _leave_sums_to_main(self) -> None:
        """Set the sums of all processes but the first to zero before another round.

        The first holds the total of all; summed up again over the processes, each example counts once.
        """
        if not self.accelerator.is_main_process:
            self.loss.zero_()
            for part in self.parts:
                part.clear()

    def _agreement(self) -> float | None:
        """Compare the masks of the sample's halves; on the main process, so that all decide alike."""
        if len(self.parts) == 1:
            return None
        agreement = self.loss.new_zeros(())
        if self.accelerator.is_main_process:
            halves = [select(part.values().cpu().numpy(), self.layout, self.recipe.density) for part in self.parts]
            agreement += jaccard(*halves)
        return float(broadcast(agreement))

    def _report(self, done: int, agreement: float | None) -> None:
        """Say what makes the mask doubtful."""
        if not self.accelerator.is_main_process:
            return
        about = name(self.language), self.language, self.seed
        share = float(self.largest / sum(part.total() for part in self.parts))
        if not self.parts[0].cancels and share > LARGEST_SHARE > 2 * self.most_examples / done:
            logger.warning(
                "%s (%s), seed %d: one batch of at most %d sentences makes up %.0f %% of what the mask of %d is made "
                "from, so it shows these more than the language; look for odd lines in the text, or use more of it.",
                *(*about, self.most_examples, 100 * share, done),
            )
        if agreement is not None and self.recipe.agreement and agreement < self.recipe.agreement:
            logger.warning(
                "%s (%s), seed %d: the halves of %d sentences agree to %.2f, not to the %.2f asked for: the mask is "
                "noisier than the others', which makes the language look a little less similar to all of them.",
                *(*about, done, agreement, self.recipe.agreement),
            )


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
