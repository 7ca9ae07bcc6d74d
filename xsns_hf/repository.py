"""The mask repository: one layout of plain Parquet files, which `load_dataset` opens.

    README.md                           the card; its `configs:` are written from the index
    index.parquet                       one row per sub-network
    similarity.parquet                  one row per seed and ordered pair of languages
    layout.parquet                      one row per tensor
    masks/<recipe>/<language>.parquet   one row per seed and tensor

The index is what counts and is written last: without a row in it, a mask or a similarity isn't there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pyarrow as pa
from filelock import FileLock

from xsns_hf import tables
from xsns_hf.card import render_card
from xsns_hf.errors import XsnsError
from xsns_hf.layouts import Arrangement, ParameterLayout, Tensor
from xsns_hf.maskfiles import pieces, read_masks, write_masks
from xsns_hf.recipes import Recipe
from xsns_hf.similarity import jaccard_of_pieces, jaccard_row
from xsns_hf.subnetworks import SubNetwork

MADE_WITH = ("xsns-hf", "torch", "transformers", "tokenizers", "accelerate", "numpy")


@dataclass(frozen=True)
class Provenance:
    """What the index records of a sub-network beside the mask itself.

    Attributes:
        examples: the true |D|.
        loss: mean −log p(y|x) in nats a token.
        corpus_revision: hash of the language's sentences.
        licence: of the text, if known.
        agreement: Jaccard coefficient of the masks of the sample's halves, where they were compared.
    """

    examples: int
    loss: float
    corpus_revision: str
    licence: str | None = None
    agreement: float | None = None


class MaskRepository:
    """Masks of one checkpoint in a local folder.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: str | Path, *, create: bool = False):
        """Open a repository.

        Args:
            folder: its folder.
            create: make an empty one if there is none.

        Raises:
            XsnsError: there is none, the folder holds something else, or it can't be written.
        """
        self.folder = Path(folder).expanduser()
        if (self.folder / "index.parquet").is_file():
            return
        if not create:
            raise XsnsError(
                f"There are no masks in {folder} (no index.parquet): make some with `xsns extract … --out {folder}`."
            )
        if self.folder.exists() and not self._is_new():
            raise XsnsError(
                f"{folder} holds something other than masks: give --out a new or empty folder, "
                "so that nothing of yours is overwritten."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".lock").touch()
        except OSError as error:
            raise XsnsError(f"{folder} can't be written ({error.strerror}): give --out a folder of yours.") from error

    def _is_new(self) -> bool:
        """Tell whether the folder is empty, or all it holds is what a first extraction left when it was killed."""
        if not self.folder.is_dir():
            return False
        ours = {".lock", "masks", "layout.parquet", "similarity.parquet", "README.md"}
        names = {path.name for path in self.folder.iterdir() if not path.name.endswith(".unfinished")}
        return not names or (".lock" in names and names <= ours)

    def index(self) -> pd.DataFrame:
        """Return the index, a row per sub-network (columns: `tables.INDEX`)."""
        return tables.read(self.folder / "index.parquet", tables.INDEX).to_pandas()

    def similarity(self) -> pd.DataFrame:
        """Return the similarities of the indexed sub-networks (columns: `tables.SIMILARITY`)."""
        table = tables.read(self.folder / "similarity.parquet", tables.SIMILARITY).to_pandas()
        known = self.index()[["recipe", "seed", "language"]]
        for side in ("source", "target"):
            table = table.merge(known.rename(columns={"language": side}), on=["recipe", "seed", side])
        return table

    def recipes(self) -> dict[str, Recipe]:
        """Return the recipes by name."""
        index = self.index().drop_duplicates("recipe")
        return {row["recipe"]: _recipe_of(row) for row in index.to_dict("records")}

    def seeds(self, recipe: Recipe, language: str, corpus_revision: str) -> list[int]:
        """Return the seeds for which a language's sub-network is there.

        Raises:
            XsnsError: it is there, but made from other text.
        """
        index = self.index()
        rows = index[(index["recipe"] == recipe.name) & (index["language"] == language)]
        if (rows["corpus_revision"] != corpus_revision).any():
            raise XsnsError(
                f"The masks of {language} in {self.folder} were made from another version of {recipe.corpus}'s "
                "text: pass --replace to make them anew, or name the new text otherwise with --corpus-name."
            )
        return sorted(rows["seed"])

    def layout(self) -> ParameterLayout:
        """Return the layout that all masks share, with the arrangement of their bits."""
        table = tables.read(self.folder / "layout.parquet", tables.LAYOUT).to_pandas()
        rows = table.to_dict("records")
        tensors = tuple(Tensor(row["tensor"], tuple(map(int, row["shape"])), row["offset"]) for row in rows)
        return ParameterLayout(tensors, Arrangement({row["tensor"]: (row["rows"], row["columns"]) for row in rows}))

    def check(self, recipe: Recipe, layout: ParameterLayout) -> None:
        """Make sure that masks of this recipe and layout may be added.

        Raises:
            XsnsError: the repository holds masks of another checkpoint, revision or layout, or another recipe of
                the same name.
        """
        for name, other in self.recipes().items():
            if (other.checkpoint, other.revision) != (recipe.checkpoint, recipe.revision):
                raise XsnsError(
                    f"{self.folder} holds masks of {other.checkpoint} at revision {other.revision}, not of "
                    f"{recipe.checkpoint} at {recipe.revision}: give each checkpoint a folder of its own."
                )
            if name == recipe.name and other != recipe:
                raise XsnsError(
                    f"{self.folder} holds another recipe {name} ({other.differences(recipe)}): masks of both "
                    "can't be compared; use another folder or --corpus-name."
                )
        mine = self.layout()
        if mine.tensors and mine.fingerprint != layout.fingerprint:
            raise XsnsError(
                f"{self.folder} holds masks over {mine.size:,} parameters, the checkpoint has {layout.size:,} with "
                "other names or shapes: give each checkpoint a folder of its own."
            )

    def subnetwork(self, recipe: str, language: str, seed: int) -> SubNetwork:
        """Read one sub-network.

        Raises:
            XsnsError: it isn't there, or the file is damaged or was changed.
        """
        return self.subnetworks(recipe, language)[seed]

    def subnetworks(self, recipe: str, language: str) -> dict[int, SubNetwork]:
        """Read the sub-networks of a language by seed, each checked against the hash in the index.

        Raises:
            XsnsError: the language isn't there, or the file is damaged or was changed.
        """
        index = self.index()
        rows = index[(index["recipe"] == recipe) & (index["language"] == language)].to_dict("records")
        if not rows:
            raise XsnsError(f"{self.folder} holds no masks of {language} for {recipe}: extract them first.")
        return read_masks(self._mask_file(recipe, language), self.layout(), rows)

    def computed_similarity(self, recipe: str, seed: int) -> pd.DataFrame:
        """Compute the similarities of all languages from their masks, which are streamed: N·(N−1)/2 comparisons.

        Returns:
            Jaccard coefficients, a square table with the languages as its index and columns.

        Raises:
            XsnsError: a mask file is damaged.
        """
        index = self.index()
        rows = index[(index["recipe"] == recipe) & (index["seed"] == seed)].sort_values("language")
        files = [(self._mask_file(recipe, language), seed) for language in rows["language"]]
        values = jaccard_of_pieces(list(rows["n_selected"]), pieces(files))
        return pd.DataFrame(values, index=rows["language"], columns=rows["language"])

    def add(
        self,
        recipe: Recipe,
        language: str,
        subnetworks: Mapping[int, tuple[SubNetwork, Provenance]],
    ) -> None:
        """Add a language's sub-networks and their similarity to all others; whole or not at all.

        What the language has for other seeds stays; what it has for these seeds is replaced.

        Args:
            recipe: how the masks were made.
            language: canonical code.
            subnetworks: by seed.

        Raises:
            XsnsError: see `check`; or the folder can't be written.
        """
        first = next(iter(subnetworks.values()))[0]
        with self._writing():
            self.check(recipe, first.layout)
            index, layout = self.index(), self.layout()
            if not layout.tensors:
                layout = ParameterLayout(first.layout.tensors, Arrangement.by_density(first.masks()))
                tables.write(self.folder / "layout.parquet", _layout_table(layout))
            entries = {seed: (mask.arranged(layout), provenance) for seed, (mask, provenance) in subnetworks.items()}
            same = (index["recipe"] == recipe.name) & (index["language"] == language)
            own = index[same & ~index["seed"].isin(list(subnetworks))]
            masks = {seed: mask for seed, (mask, _) in entries.items()}
            path = self._mask_file(recipe.name, language)
            kept = read_masks(path, layout, own.to_dict("records")) if len(own) else {}
            rows = [_index_row(recipe, language, seed, *entry) for seed, entry in entries.items()]
            new_index = pd.concat([index[~same], own, _frame(rows, tables.INDEX)]).sort_values(
                ["recipe", "language", "seed"]
            )
            similarity = self._merged_similarity(recipe.name, language, masks, index[~same], layout)
            write_masks(path, language, kept | masks)
            tables.write(self.folder / "similarity.parquet", _table(similarity, tables.SIMILARITY))
            tables.write(self.folder / "index.parquet", _table(new_index, tables.INDEX))
            tables.write_text(self.folder / "README.md", render_card(new_index))

    def _merged_similarity(
        self, recipe: str, language: str, masks: Mapping[int, SubNetwork], others: pd.DataFrame, layout: ParameterLayout
    ) -> pd.DataFrame:
        """Return the similarity table with this language's rows for these seeds computed anew, and only those."""
        old = tables.read(self.folder / "similarity.parquet", tables.SIMILARITY).to_pandas()
        stale = (
            (old["recipe"] == recipe)
            & old["seed"].isin(list(masks))
            & ((old["source"] == language) | (old["target"] == language))
        )
        others = others[(others["recipe"] == recipe) & others["seed"].isin(list(masks))]
        rows = []
        for other, indexed in others.groupby("language"):
            published = read_masks(self._mask_file(recipe, str(other)), layout, indexed.to_dict("records"))
            for seed in published:
                value = float(jaccard_row(masks[seed], [published[seed]])[0])
                rows += [(recipe, seed, language, other, value), (recipe, seed, other, language, value)]
        new = pd.DataFrame(rows, columns=tables.SIMILARITY.names)
        parts = [part for part in (old[~stale], new) if len(part)]
        merged = pd.concat(parts) if parts else old
        return merged.sort_values(["recipe", "seed", "target", "source"])

    def _mask_file(self, recipe: str, language: str) -> Path:
        return self.folder / "masks" / recipe / f"{language}.parquet"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the folder's lock, so that two extractions into one folder lose nothing of each other."""
        try:
            with FileLock(self.folder / ".lock"):
                yield
        except OSError as error:
            raise XsnsError(
                f"{self.folder} can't be written ({error.strerror or error}): "
                "check its permissions and the space on the disk; what was there before is whole."
            ) from error


def _recipe_of(row: Mapping) -> Recipe:
    """Return the recipe of a row of the index, whose `examples` and `agreement` are what was reached."""
    fields = {name: row[name] for name in Recipe.__dataclass_fields__ if name not in {"examples", "agreement"}}
    wanted = row["agreement_wanted"]
    return Recipe(examples=row["examples_wanted"], agreement=None if pd.isna(wanted) else wanted, **fields)


def _index_row(
    recipe: Recipe, language: str, seed: int, subnetwork: SubNetwork, provenance: Provenance
) -> dict[str, object]:
    return {
        **recipe.to_dict(),
        "recipe": recipe.name,
        "language": language,
        "seed": seed,
        "examples": provenance.examples,
        "examples_wanted": recipe.examples,
        "agreement": provenance.agreement,
        "agreement_wanted": recipe.agreement,
        "loss": provenance.loss,
        "threshold": subnetwork.threshold,
        "n_selected": subnetwork.n_selected,
        "n_parameters": subnetwork.layout.size,
        "layout": subnetwork.layout.fingerprint,
        "sha256": subnetwork.sha256,
        "corpus_revision": provenance.corpus_revision,
        "licence": provenance.licence,
        "versions": " ".join(f"{package}={version(package)}" for package in MADE_WITH),
        "created": datetime.now(UTC).replace(microsecond=0),
    }


def _layout_table(layout: ParameterLayout) -> pa.Table:
    assert layout.arrangement is not None
    orders = layout.arrangement.orders
    rows = [
        {
            "tensor": t.name,
            "shape": t.shape,
            "offset": t.offset,
            "rows": orders[t.name][0],
            "columns": orders[t.name][1],
        }
        for t in layout.tensors
    ]
    return pa.Table.from_pylist(rows, tables.LAYOUT)


def _frame(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pd.DataFrame:
    return pa.Table.from_pylist(list(rows), schema).to_pandas()


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pandas(frame, schema, preserve_index=False)
