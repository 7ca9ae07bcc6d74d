"""The masks of one recipe of a repository: those that can be compared with each other."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.commands import extract_command
from xsns_hf.dataset.mask_files import MOST_OPEN, changed, computed_similarity, file_of, find, pieces, read_masks
from xsns_hf.dataset.squares import lacking, mean, pairs_of
from xsns_hf.dataset.stores.ready import is_ready
from xsns_hf.errors import Damaged, MasksMissing, XsnsError, parameter, some
from xsns_hf.languages.codes import name as name_of
from xsns_hf.masks.layout import Tensor
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.recipe import Recipe

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository


class RecipeMasks:
    """The masks of one recipe of a repository, as its tables were when they were first asked for.

    Attributes:
        repository: where they are.
        name: of the recipe.
        index: its rows of the index (columns: `schema.INDEX`).
    """

    def __init__(self, repository: "MaskRepository", name: str, index: pd.DataFrame):
        """Take a recipe's rows.

        Args:
            repository: where the masks are.
            name: of the recipe.
            index: of the whole repository.
        """
        self.repository, self.name = repository, name
        self.index = index[index["recipe"] == name]

    @cached_property
    def by_seed(self) -> Mapping[int, pd.DataFrame]:
        """The similarity of each source (columns) to each target (index) by seed; NaN on the diagonal.

        Raises:
            Damaged: some are missing, without which means and orders would be others.
        """
        squares, tables = self.repository.squares(), {}
        for seed, rows in self.index.groupby("seed"):
            if len(rows) < 2:
                continue
            table = squares.get((self.name, int(str(seed))), pd.DataFrame())
            if len(table) != len(rows) or lacking(table).any():
                raise Damaged(
                    f"{self.repository.name} lacks similarities of its recipe {self.name}, or some that can't be used: "
                    f"fetch it again, or choose another with {parameter('recipe')}."
                )
            tables[int(str(seed))] = table
        return tables

    def to_target(self, target: str) -> pd.DataFrame:
        """Return the similarity of each source (index) to a target by seed (columns); NaN where one hasn't the seed.

        Of a large dataset no more than this is read.

        Raises:
            Damaged: similarities are missing, see `by_seed`.
        """
        read = None if "by_seed" in self.__dict__ else self.repository.to_target(self.name, target)
        return self.from_all(target) if read is None else read

    def from_all(self, target: str) -> pd.DataFrame:
        """Return what `to_target` does, from the table of all pairs."""
        having = {seed: table.loc[target] for seed, table in self.by_seed.items() if target in table.index}
        return pd.DataFrame(having).drop(index=target, errors="ignore")

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Its rows of the similarity (columns: `schema.SIMILARITY`): all pairs of languages.

        Raises:
            Damaged: some are missing, see `by_seed`.
        """
        return pairs_of({(self.name, seed): table for seed, table in self.by_seed.items()})

    @cached_property
    def recipe(self) -> Recipe:
        """How the masks were made."""
        return schema.recipe_of(self.index.head(1).to_dict("records")[0])  # which has numbers of Python

    @cached_property
    def languages(self) -> list[str]:
        """The languages that have masks, for one seed at least: canonical codes, sorted."""
        return sorted(set(self.index["language"]))

    @property
    def seeds(self) -> list[int]:
        """The seeds of the masks, sorted."""
        return sorted(map(int, set(self.index["seed"])))

    def similarity(self, seeds: Sequence[int] | None = None) -> pd.DataFrame:
        """Return the similarity of all pairs of languages: a square table with ones on its diagonal.

        Args:
            seeds: over which to average; by default all. Languages without a seed in common have NaN.
        """
        if seeds is None:
            return self._mean.copy()
        return mean(table for seed, table in self.by_seed.items() if seed in seeds)

    @cached_property
    def _mean(self) -> pd.DataFrame:
        return mean(self.by_seed.values())

    def require(self, code: str) -> None:
        """Make sure that a language has masks.

        Raises:
            MasksMissing: it has none; the sentence says what there is.
        """
        if code in self.languages:
            return
        index = self.repository.index()
        elsewhere = sorted(set(index.loc[index["language"] == code, "recipe"]))
        remedy = f"extract it with `{self.command([code])}`"
        if elsewhere:
            remedy = f"choose one that has them with {parameter('recipe')}: {', '.join(elsewhere)}"
        raise MasksMissing(
            f"There are no masks of {name_of(code)} ({code}) for {self.name} in {self.repository.name}, which has "
            f"{some(self.languages, 40)}: {remedy}."
        )

    def command(self, languages: Sequence[str]) -> str:
        """Return the command that adds languages, see `extract_command`; what ships takes none: masks of one's own."""
        if is_ready(self.repository.name):
            return "xsns extract --out masks --text my-text"
        sources = self.index["corpus_source"].dropna()
        source = None if sources.empty else sources.iloc[0]
        return extract_command(self.repository.name, self.recipe, languages, seeds=len(self.seeds), source=source)

    def common_seeds(self, languages: Sequence[str]) -> list[int]:
        """Return the seeds that all of several languages have, sorted.

        Raises:
            MasksMissing: there is none.
        """
        having = self.index[self.index["language"].isin(languages)].groupby("seed")["language"].nunique()
        common = [int(seed) for seed in having.index[having == len(languages)]]
        if not common:
            raise MasksMissing(
                f"The languages in {self.repository.name} have no seed in common: extract all for the same seeds, or "
                f"choose some with {parameter('languages')}."
            )
        return common

    def subnetworks(self, language: str) -> dict[int, SubNetwork]:
        """Read the sub-networks of a language by seed, each checked against the hash in the index.

        Raises:
            XsnsError: the language isn't there, or the file is damaged or was changed.
        """
        rows = self.index[self.index["language"] == language].to_dict("records")
        if not rows:
            raise MasksMissing(
                f"{self.repository.name} holds no masks of {language} for {self.name}: extract them with "
                f"`{self.command([language])}`."
            )
        return read_masks(find(self.repository.store, rows[0]), self.repository.layout(), rows)

    def streamed(self, seed: int, languages: Sequence[str]) -> Iterator[tuple[Tensor, list[np.ndarray]]]:
        """Read the masks of several languages side by side, in memory that one tensor of each takes.

        Yields:
            Each tensor of the layout with the packed bits of all the languages' masks, uint8.

        Raises:
            XsnsError: a language or seed isn't there, there are more than `MOST_OPEN` languages, or a file is damaged
                or was changed; the latter is known only once the last tensor is read.
        """
        if len(languages) > MOST_OPEN:
            raise XsnsError(
                f"The masks of {len(languages):,} languages are too many to be looked at side by side: choose "
                f"{MOST_OPEN} at most with {parameter('languages')}."
            )
        rows = self.index[self.index["seed"] == seed].set_index("language", drop=False)
        for language in languages:
            if language not in rows.index:
                raise MasksMissing(
                    f"{self.repository.name} holds no mask of {language}, seed {seed}, for {self.name}: extract it "
                    "first."
                )
        digests = [hashlib.sha256() for _ in languages]
        files = [(find(self.repository.store, rows.loc[language]), seed) for language in languages]
        layout = self.repository.layout()
        for tensor, masks in zip(layout.tensors, pieces(files, layout), strict=True):
            for digest, bits in zip(digests, masks, strict=True):
                digest.update(bits.data)
            yield tensor, masks
        for language, digest in zip(languages, digests, strict=True):
            if digest.hexdigest() != rows.loc[language, "sha256"]:
                raise changed(language, seed, file_of(rows.loc[language])[0])

    def computed_similarity(self, seed: int) -> pd.DataFrame:
        """Compute the similarities of all languages from their masks, which are streamed: N·(N−1)/2 comparisons.

        Returns:
            Jaccard coefficients, a square table with the languages as its index and columns.

        Raises:
            XsnsError: a mask file is damaged or missing.
        """
        rows = self.index[self.index["seed"] == seed]
        return computed_similarity(self.repository.store, rows, self.repository.layout())


def recipes_by_size(index: pd.DataFrame, having: Sequence[Collection[str]] = ()) -> list[str]:
    """Return the names of an index's recipes: those of the most languages first, then those of the most seeds, then
    those whose density is closest to the usual one.

    Args:
        index: of a repository (columns: `schema.INDEX`).
        having: what comes before all this: how many of these languages a recipe has, then of the next, and so on.
    """
    by_recipe = index.groupby("recipe")
    recipes = by_recipe.agg({"language": "nunique", "seed": "nunique", "density": "first"})
    recipes["usual"] = -(recipes["density"] - Recipe.density).abs()
    wanted = [f"wanted {number}" for number in range(len(having))]
    for column, languages in zip(wanted, having, strict=True):
        rows = index[index["language"].isin(list(languages))]
        recipes[column] = rows.groupby("recipe")["language"].nunique().reindex(recipes.index, fill_value=0)
    return list(recipes.sort_values([*wanted, "language", "seed", "usual"], ascending=False, kind="stable").index)


def recipe_named(wanted: str, names: Collection[str], where: str) -> str:
    """Return the name of a recipe from itself, or from enough of it to tell it from the others.

    Args:
        wanted: the whole name; or how it begins; or some of its parts between the hyphens, such as `p0.15`.
        names: of the recipes there are.
        where: what to call the repository.

    Raises:
        MasksMissing: none has such a name, or several have; the sentence says which there are.
    """
    if wanted in names:
        return wanted
    parts = set(wanted.split("-"))
    beginning = [name for name in names if wanted and name.startswith(wanted)]
    having = [name for name in names if parts <= set(name.split("-"))]
    for matching in (beginning, having):
        if len(matching) == 1:
            return matching[0]
    several = sorted({*beginning, *having})
    problem = f"several recipes '{wanted}'" if several else f"no recipe '{wanted}'"
    raise MasksMissing(
        f"{where} holds {problem}: choose one with {parameter('recipe')}: {', '.join(several or sorted(names))}."
    )
