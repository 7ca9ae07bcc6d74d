"""The files of masks: one per recipe and language, a row group per seed, a row per tensor."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xsns_hf.dataset import schema
from xsns_hf.dataset.layout_door import mask_pieces
from xsns_hf.dataset.parquet import explained
from xsns_hf.errors import Damaged, MasksMissing, parameter
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork

LEVEL = 17
"""zstd level: see the storage table of `scripts/bench`. Levels up to 15 write four times as fast and 4 % larger; 19
takes three times as long for 2 % less. All are read at the same speed."""


def mask_file(recipe: str, language: str) -> str:
    """Return the name of a language's file within the repository."""
    return f"masks/{recipe}/{language}.parquet"


def write_masks(path: Path, language: str, subnetworks: Mapping[int, SubNetwork]) -> None:
    """Write the sub-networks of a language by seed.

    Args:
        path: the file.
        language: canonical code.
        subnetworks: by seed, all of one layout.
    """
    rows = [
        {
            "language": language,
            "seed": seed,
            "tensor": tensor.name,
            "shape": tensor.shape,
            "n_selected": int(np.bitwise_count(bits).sum(dtype=np.int64)),
            "mask": bits.tobytes(),
        }
        for seed in sorted(subnetworks)
        for tensor, bits in subnetworks[seed].packed()
    ]
    tensors = len(rows) // len(subnetworks)
    schema.write(path, pa.Table.from_pylist(rows, schema.MASKS), LEVEL, row_group_size=tensors)


def read_masks(path: Path | None, layout: ParameterLayout, index: Sequence[Mapping[str, Any]]) -> dict[int, SubNetwork]:
    """Read the sub-networks of a language by seed, each checked against the hash in the index.

    Args:
        path: the file, or None if it is missing.
        layout: of the repository.
        index: the rows of the index that are wanted, all of one language.

    Raises:
        XsnsError: the file is damaged or was changed.
    """
    if path is None or not path.is_file():
        raise MasksMissing(
            f"The masks of {index[0]['language']} for {index[0]['recipe']} are missing, though the index has them: "
            f"extract the language again with {parameter('replace', 'True')}."
        )
    found, streamed = {}, _stream(path, layout, [row["seed"] for row in index])
    for row in index:
        parts = list(islice(streamed, len(layout.tensors)))
        bits = np.concatenate(parts or [np.empty(0, np.uint8)])
        subnetwork = SubNetwork(layout, bits, row["threshold"])
        if subnetwork.sha256 != row["sha256"]:
            raise changed(row["language"], row["seed"], path)
        found[row["seed"]] = subnetwork
    return found


def changed(language: str, seed: int, path: Path | str) -> Damaged:
    """Return the error of a mask whose hash isn't the recorded one."""
    return Damaged(
        f"The mask of {language}, seed {seed}, in {path} isn't the one that the index records: "
        f"the file was changed; extract the language again with {parameter('replace', 'True')}."
    )


def pieces(files: Sequence[tuple[Path | None, int]], layout: ParameterLayout) -> Iterator[list[np.ndarray]]:
    """Yield many masks a tensor at a time, so that they needn't be in memory as a whole.

    Args:
        files: the file and seed of each of the N masks.
        layout: of all of them.

    Yields:
        For each tensor in the layout's order the packed bits of all N masks, uint8.

    Raises:
        XsnsError: a file is damaged, lacks the seed, or its masks aren't as the layout has them.
    """
    if any(path is None for path, _ in files):
        raise MasksMissing(
            "A mask file is missing, though the index has it: extract its language again with "
            f"{parameter('replace', 'True')}."
        )
    streams = [_stream(path, layout, [seed]) for path, seed in files if path is not None]
    for bits in zip(*streams, strict=True):
        yield list(bits)


def _stream(path: Path, layout: ParameterLayout, seeds: Sequence[int]) -> Iterator[np.ndarray]:
    with explained(str(path), f"extract its language again with {parameter('replace', 'True')}"):
        yield from mask_pieces(path, layout, seeds)
