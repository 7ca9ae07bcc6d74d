"""Where sums over a model's parameters are kept: beside the model, in the computer's memory, or on disk.

They take four bytes a parameter, as much as the blocks' own weights in float32. What is added to them comes a layer at
a time, and the threshold reads them in pieces, so a file that is mapped into memory serves as well.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from xsns_hf import processes
from xsns_hf.errors import XsnsError, parameter

Place = torch.device | Path
"""A device; or a folder in which a file holds the sums, gone as soon as they are no longer used."""


def place_of_sums(number: int, device: torch.device, folder: Path | None = None) -> Place:
    """Return where sums are best kept: beside the model, unless they would take more than half of what it leaves there.

    The other half is for their mean. Several processes share what memory there is.

    Args:
        number: of float32 values.
        device: where the model is, already.
        folder: if given, they are kept in it on disk in any case.
    """
    if folder is not None:
        return folder
    if device.type == "cuda":
        if 4 * number <= torch.cuda.mem_get_info(device)[0] // 2:
            return device
        device = torch.device("cpu")
    if device.type == "cpu" and 4 * number > psutil.virtual_memory().available // 2 // processes.number():
        return Path(tempfile.gettempdir())
    return device


def zeros(number: int, place: Place) -> Tensor:
    """Return sums of zero, float32 [number].

    Raises:
        XsnsError: there is no room for them on disk.
    """
    if isinstance(place, torch.device):
        return torch.zeros(number, device=place)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place) as file:
            _reserve(file.fileno(), 4 * number)
            return torch.from_numpy(np.memmap(file, np.float32, "r+", shape=(number,)))
    except OSError as error:
        raise XsnsError(
            f"There is no room for {4 * number / 1e9:.1f} GB of sums in {place} ({error.strerror}): name a folder on "
            f"a larger disk with {parameter('sums_in')}."
        ) from error


def _reserve(file: int, size: int) -> None:
    """Make room now: a disk that is found to be full later would end the process without a word."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)
