"""Which three languages' sub-networks together cover most of a target's: |t ∩ (s₁ ∪ s₂ ∪ s₃)| / |t|.

The three that are most like the target may all share the same part of it; these complete each other. It explains the
masks: that a mix which covers more transfers better isn't shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, combinations, groupby
from typing import Any

import numpy as np

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.errors import MasksMissing, parameter
from xsns_hf.languages.codes import name
from xsns_hf.masks.layout import Tensor

SOURCES = 3
"""How many languages cover the target, as many as the paper trains on at once (§6.4)."""

EXACT = 32
"""The most candidates of which all triples are compared (4,960: ten seconds a seed for XLM-R base); of more, one is
added to the others at a time."""

Numbers = tuple[int, ...]
"""Numbers of the languages whose masks are joined."""


@dataclass(frozen=True)
class Covering:
    """Languages that together cover a share of a target's sub-network.

    Attributes:
        languages: canonical codes, the one that covers most first, then the one that adds most to it, and so on.
        covered: the share that the first so many of them cover together, mean over seeds; each in [0, 1].
        std: standard deviation over seeds of what all of them cover; None with one seed.
    """

    languages: list[str]
    covered: list[float]
    std: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return a record for each language, and what all of them cover."""
        return {
            "sources": [
                {"language": code, "name": name(code), "covered": round(share, 6)}
                for code, share in zip(self.languages, self.covered, strict=True)
            ],
            "covered": round(self.covered[-1], 6),
            "std": None if self.std is None else round(self.std, 6),
        }


@dataclass(frozen=True)
class Cover:
    """The three languages that cover most of a target's sub-network, beside the three that are most like it.

    Attributes:
        target: canonical code.
        recipe: name of the masks' recipe.
        seeds: those that the target and all candidates have.
        candidates: how many there were to choose from.
        exact: whether all triples were compared; else one language was added at a time, the best to add.
        best: the three that cover most.
        similar: the three whose sub-networks are most similar.
    """

    target: str
    recipe: str
    seeds: list[int]
    candidates: int
    exact: bool
    best: Covering
    similar: Covering

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain records; shares have six digits."""
        return {**vars(self), "best": self.best.to_dict(), "similar": self.similar.to_dict()}


def cover(masks: RecipeMasks, target: str, candidates: Sequence[str] | None = None) -> Cover:
    """Find the three languages that cover most of a target's sub-network; of masks, a tensor of each is in memory.

    Args:
        masks: of which those of the target and the candidates are read, more than once.
        target: canonical code.
        candidates: canonical codes; by default all that have masks. The target itself is left out.

    Raises:
        MasksMissing: a language has no masks, there are fewer than three candidates, or they have no seed in common.
        Damaged: a file is truncated or was changed.
    """
    for code in (target, *(candidates or ())):
        masks.require(code)
    pool = sorted({*(candidates or masks.languages)} - {target})
    if len(pool) < SOURCES:
        raise MasksMissing(
            f"To cover {name(target)} takes at least {SOURCES} other languages, and {masks.repository.name} is asked "
            f"for {len(pool)} ({', '.join(pool)}): add some to {parameter('languages')}, or extract more."
        )
    search = _Search(masks, target, masks.common_seeds([target, *pool]))
    exact = len(pool) <= EXACT
    best = search.covering(search.best_of_all(pool) if exact else search.best_step_by_step(pool))
    similarity = masks.similarity(search.seeds).loc[target, pool]
    similar = search.covering(list(similarity.sort_values(ascending=False, kind="stable").index[:SOURCES]))
    best = max(best, similar, key=lambda covering: covering.covered[-1])  # step by step, similar ones may be missed
    return Cover(target, masks.name, search.seeds, len(pool), exact, best, similar)


@dataclass(frozen=True)
class _Search:
    """Compares sets of sources for a target.

    Attributes:
        masks: where they are.
        target: canonical code.
        seeds: over which to take means.
    """

    masks: RecipeMasks
    target: str
    seeds: list[int]

    def shares(self, pool: Sequence[str], unions: Sequence[Numbers]) -> np.ndarray:
        """Return the share of the target that unions of a pool's languages cover, float64 [seeds, unions]."""
        languages = [self.target, *pool]
        return np.stack([covered(self.masks.streamed(seed, languages), unions) for seed in self.seeds])

    def best_of_all(self, pool: Sequence[str]) -> list[str]:
        """Return the three languages that cover most; of equally good ones, the first by code."""
        triples = list(combinations(range(len(pool)), SOURCES))
        best = triples[int(self.shares(pool, triples).mean(axis=0).argmax())]
        return [pool[number] for number in best]

    def best_step_by_step(self, pool: Sequence[str]) -> list[str]:
        """Return the language that covers most, the one that adds most to it, and the one that adds most to both."""
        chosen: Numbers = ()
        for _ in range(SOURCES):
            longer = [(*chosen, number) for number in range(len(pool)) if number not in chosen]
            chosen = longer[int(self.shares(pool, longer).mean(axis=0).argmax())]
        return [pool[number] for number in chosen]

    def covering(self, languages: Sequence[str]) -> Covering:
        """Return what languages cover, in the order of what each adds; of those that add as much, the first first."""
        pool = sorted(languages)
        sets = list(chain.from_iterable(combinations(range(len(pool)), size + 1) for size in range(len(pool))))
        by_seed = self.shares(pool, sets)
        means = {
            frozenset(pool[n] for n in numbers): values.mean() for numbers, values in zip(sets, by_seed.T, strict=True)
        }
        order: list[str] = []
        while rest := [code for code in pool if code not in order]:
            order.append(max(rest, key=lambda code: means[frozenset([*order, code])]))
        growing = [float(means[frozenset(order[: size + 1])]) for size in range(len(order))]
        return Covering(order, growing, float(by_seed[:, -1].std(ddof=1)) if len(by_seed) > 1 else None)


def covered(tensors: Iterable[tuple[Tensor, Sequence[np.ndarray]]], unions: Sequence[Numbers]) -> np.ndarray:
    """Return which share of a target's mask unions of other masks cover.

    Args:
        tensors: each with the packed bits of the target's mask and of the others', uint8, padded with zeros.
        unions: the numbers of the others to join, from 0, at least one each; those that differ in the last one only
            had best stand side by side, since what they have in common is then joined once.

    Returns:
        float64 [unions], in [0, 1]; NaN for an empty target.
    """
    counts, selected = np.zeros(len(unions), np.int64), 0
    for _, (target, *others) in tensors:
        inside = np.flatnonzero(np.unpackbits(target))
        selected += inside.size
        counts += _union_sizes([_within(mask, inside) for mask in others], unions)
    return counts / selected if selected else np.full(len(unions), np.nan)


def _within(mask: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return some bits of a packed mask, packed anew: uint64, padded with zeros.

    Args:
        mask: uint8 [B].
        inside: int64, the numbers of those bits, in [0, 8·B).
    """
    bits = np.packbits(np.unpackbits(mask)[inside])
    return np.pad(bits, (0, -len(bits) % 8)).view(np.uint64)


def _union_sizes(masks: Sequence[np.ndarray], unions: Sequence[Numbers]) -> list[int]:
    """Return how many bits each union of packed masks sets."""
    nothing = np.zeros_like(masks[0])
    sizes: list[int] = []
    for others, group in groupby(unions, key=lambda numbers: numbers[:-1]):
        joined = reduce(np.bitwise_or, (masks[number] for number in others), nothing)
        sizes.extend(int(np.bitwise_count(joined | masks[last]).sum(dtype=np.int64)) for *_, last in group)
    return sizes
