"""The files of masks: one per recipe and language, a row group per seed, a row per tensor."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xsns_hf.dataset import schema
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
    table = schema.read(path, schema.MASKS, columns=["seed", "tensor", "mask"])
    seeds = table["seed"].to_numpy()
    found = {}
    for row in index:
        chosen = table.filter(seeds == row["seed"])
        masks = dict(zip(chosen["tensor"].to_pylist(), chosen["mask"], strict=True))
        parts = [masks[tensor.name].as_buffer() for tensor in layout.tensors if tensor.name in masks]
        bits = np.concatenate([np.frombuffer(part, np.uint8) for part in parts] or [np.empty(0, np.uint8)])
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


def pieces(files: Sequence[tuple[Path | None, int]]) -> Iterator[list[np.ndarray]]:
    """Yield many masks a tensor at a time, so that they needn't be in memory as a whole.

    Args:
        files: the file and seed of each of the N masks.

    Yields:
        For each tensor in the layout's order the packed bits of all N masks, uint8.

    Raises:
        XsnsError: a file is damaged, lacks the seed, or its tensors are others than the first file's.
    """
    with ExitStack() as opened:
        if any(path is None for path, _ in files):
            raise MasksMissing(
                "A mask file is missing, though the index has it: extract its language again with "
                f"{parameter('replace', 'True')}."
            )
        streams = [_stream(opened, path, seed) for path, seed in files if path is not None]
        for rows in zip(*streams, strict=True):
            if len({(name, bits.size) for name, bits in rows}) != 1:
                raise Damaged(
                    f"The masks of {files[0][0]} and others don't fit each other: fetch or extract them again."
                )
            yield [bits for _, bits in rows]


def _stream(opened: ExitStack, path: Path, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    try:
        file = opened.enter_context(pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16))
        seeds = [
            file.read_row_group(group, columns=["seed"])["seed"][0].as_py() for group in range(file.num_row_groups)
        ]
        group = seeds.index(seed)
        for batch in file.iter_batches(batch_size=4, row_groups=[group], columns=["tensor", "mask"]):
            for name, mask in zip(batch["tensor"], batch["mask"], strict=True):
                yield name.as_py(), np.frombuffer(mask.as_buffer(), np.uint8)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise Damaged(
            f"{path} is damaged or lacks seed {seed}: fetch it again, or extract its language again with "
            f"{parameter('replace', 'True')}."
        ) from error
