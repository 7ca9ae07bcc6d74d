"""A mask with its origin: what is published of a language's sub-network, and how a row of the index says it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import Any

import pandas as pd

from xsns_hf.dataset.schema import recipe_columns, recipe_of
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe

MADE_WITH = ("xsns-hf", "torch", "transformers", "tokenizers", "accelerate", "numpy")
"""Packages whose versions are recorded."""

_MAY_LACK = ("corpus_source", "licence", "versions", "agreement")


@cache
def versions() -> str:
    """Return the versions of the packages that make masks, those that are installed: `torch=2.13.0 numpy=2.4.1`."""
    return " ".join(filter(None, map(_version, MADE_WITH)))


def _version(package: str) -> str:
    try:
        return f"{package}={version(package)}"
    except PackageNotFoundError:
        return ""


def now() -> datetime:
    """Return the time, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class MaskRecord:
    """A sub-network and where it comes from.

    Attributes:
        recipe: how it was made.
        language: canonical code.
        seed: of the sample and the masking.
        mask: the sub-network.
        examples: the true |D|.
        loss: mean over the examples of −log p(y|x), in nats, per token for a language model.
        corpus_revision: hash of the language's sentences.
        corpus_source: the dataset on the Hub that they are from, at its commit, if that is known.
        licence: of the text, if known.
        agreement: Jaccard coefficient of the masks of the sample's halves, where they were compared.
        versions: of the libraries that made it.
        created: when it was made.
    """

    recipe: Recipe
    language: str
    seed: int
    mask: SubNetwork
    examples: int
    loss: float
    corpus_revision: str
    corpus_source: str | None = None
    licence: str | None = None
    agreement: float | None = None
    versions: str | None = field(default_factory=versions)
    created: datetime = field(default_factory=now)

    @classmethod
    def of_row(cls, row: Mapping[str, Any], mask: SubNetwork) -> "MaskRecord":
        """Return the record of a mask and its row of the index (columns: `schema.INDEX`)."""
        own = {each.name: row[each.name] for each in fields(cls) if each.name not in ("recipe", "mask")}
        unknown = dict.fromkeys(name for name in _MAY_LACK if pd.isna(own[name]))
        return cls(recipe=recipe_of(row), mask=mask, **own | unknown)

    def row(self) -> dict[str, object]:
        """Return the row of the index (columns: `schema.INDEX`)."""
        return {
            **recipe_columns(self.recipe),
            "language": self.language,
            "seed": self.seed,
            "examples": self.examples,
            "agreement": self.agreement,
            "loss": self.loss,
            "threshold": self.mask.threshold,
            "n_selected": self.mask.n_selected,
            "n_parameters": self.mask.layout.size,
            "layout": self.mask.layout.fingerprint,
            "sha256": self.mask.sha256,
            "corpus_revision": self.corpus_revision,
            "corpus_source": self.corpus_source,
            "licence": self.licence,
            "versions": self.versions,
            "created": self.created,
        }


def by_file(records: Iterable[MaskRecord]) -> Iterator[Sequence[MaskRecord]]:
    """Return records in groups of one recipe and language, as mask files have them, in the order of their names."""
    ordered = sorted(records, key=_file_of)
    return (list(group) for _, group in groupby(ordered, key=_file_of))


def _file_of(record: MaskRecord) -> tuple[str, str]:
    return record.recipe.name, record.language
