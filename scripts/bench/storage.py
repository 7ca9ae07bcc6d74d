"""Storage: real masks of the embedded checkpoint, in a mask dataset."""

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measuring import alternate, console, timed, titled_table
from bench.settings import LANGUAGES, Settings
from xsns_hf.dataset.mask_files import find, read_masks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.extraction.extract import extract
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork
from xsns_hf.models.loading import Checkpoint, load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import Files, sample_corpus


def bench(settings: Settings) -> None:
    """Print the size of a mask in several codes, how fast it is read, and what half the precision changes."""
    examples = 16 if settings.size == "tiny" else 256
    checkpoint, corpus = load_checkpoint("embedded"), sample_corpus()
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, corpus.name, examples=examples)
    masks, stored = make_and_read(checkpoint, corpus, recipe)
    table = titled_table(f"A mask of {masks[0].layout.size:,} parameters, |D| = {examples}", "bytes", "bit a parameter")
    for name, size in sizes(masks, stored.size).items():
        table.add_row(name, f"{size:,.0f}", f"{8 * size / masks[0].layout.size:.3f}")
    console.print(table)
    packed = masks[0].layout.packed_size * len(masks) / 1e6
    console.print(
        f"Decoded at {packed / stored.decoding:.0f} MB of packed bits a second; read and checked against its hash at "
        f"{packed / stored.reading:.0f} MB/s; added (encoded, compared with {len(LANGUAGES) - 1} others, card written) "
        f"in {stored.adding:.1f} s."
    )
    few = [replace(recipe, examples=16, precision=precision) for precision in ("float32", "bfloat16")]
    exact, rough = (extract(checkpoint, corpus, changed, LANGUAGES[0], [0])[0].mask for changed in few)
    console.print(f"Masks in float32 and bfloat16 agree to {jaccard(exact, rough):.3f} (Jaccard, |D| = 16).")


@dataclass(frozen=True)
class Stored:
    """Files with a mask each, of all languages but the first, in whose order they are.

    Attributes:
        size: of a file in bytes, their mean.
        adding: seconds to add one to the dataset.
        reading: seconds to read all and check them.
        decoding: seconds to decode all and no more.
    """

    size: float
    adding: float
    reading: float
    decoding: float


def make_and_read(checkpoint: Checkpoint, corpus: Files, recipe: Recipe) -> tuple[list[SubNetwork], Stored]:
    """Make masks, store them and read them; return those of all languages but the first."""
    masks = []
    with tempfile.TemporaryDirectory() as folder:
        repository = MaskRepository(Path(folder) / "masks", create=True)
        for language in LANGUAGES:
            records = extract(checkpoint, corpus, recipe, language, [0])
            masks.append(records[0].mask)
            start = time.perf_counter()
            repository.add(records)
            adding = time.perf_counter() - start
        layout = repository.layout()
        rows = {row["language"]: row for row in repository.index().to_dict("records")}
        files = {language: find(repository.store, rows[language]) for language in LANGUAGES[1:]}
        read = timed(lambda: [read_masks(file, layout, [rows[language]]) for language, file in files.items()])
        reading = alternate({"": read}, 5)[""]
        decoding = alternate(
            {"": timed(lambda: [pq.read_table(file, columns=["mask"]) for file in files.values()])}, 5
        )[""]
        size = float(np.mean([file.stat().st_size for file in files.values()]))
    return masks[1:], Stored(size, adding, float(np.median(reading)), float(np.median(decoding)))


def sizes(masks: Sequence[SubNetwork], stored: float) -> dict[str, float]:
    """Return the bytes of a mask in several codes, the mean of some masks."""
    layout = masks[0].layout
    return {
        "packed bits": layout.packed_size,
        "zstd 17 of the packed bits in row-major order": float(np.mean([by_zstd(mask.bits) for mask in masks])),
        "ours: the Parquet file, of a language other than the first": stored,
        "ideal code of independent rows × columns (estimate)": float(np.mean([ideal(mask) for mask in masks])),
        "ideal code of independent bits": layout.size * entropy(0.15) / 8,
    }


def by_zstd(bits: np.ndarray) -> int:
    """Return the bytes of bits compressed."""
    return len(pa.Codec("zstd", compression_level=17).compress(bits.tobytes(), asbytes=True))


def ideal(mask: SubNetwork) -> float:
    """Return the bytes of a code that knows how many bits each row and column has, as if they were independent."""
    total = 0.0
    for _, bits in mask.masks():
        matrix = bits.reshape(bits.shape[0], -1).astype(np.float64)
        expected = np.outer(matrix.mean(1), matrix.mean(0)) / max(matrix.mean(), 1e-9)
        expected = expected.clip(1e-6, 1 - 1e-6)
        total -= float((matrix * np.log2(expected) + (1 - matrix) * np.log2(1 - expected)).sum())
    return total / 8


def entropy(p: float) -> float:
    """Return the bits that one bit is worth which is set with probability p."""
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)
