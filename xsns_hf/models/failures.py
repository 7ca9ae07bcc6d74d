"""Loading with transformers: quietly, and with each of its many kinds of failure as one clear sentence."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars
from transformers.utils import logging

from xsns_hf.errors import Damaged, MissingLibrary, XsnsError, parameter
from xsns_hf.hub_errors import explained, refusal_behind
from xsns_hf.models.locations import Location
from xsns_hf.processes import is_first


@contextmanager
def loading(location: Location, trust_remote_code: bool = False) -> Iterator[None]:
    """Turn what a `from_pretrained` raises in this context into one sentence each, and keep it quiet.

    Args:
        location: where what is loaded is.
        trust_remote_code: whether code from there may be run.

    Raises:
        XsnsError: in place of any other error.
    """
    model = location.source
    try:
        with quiet():
            yield
    except ImportError as error:
        raise MissingLibrary(
            f"The model {model} needs another package: install the one named here ({_shortened(error)})."
        ) from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise XsnsError(
            f"There is no room in memory for the model {model}: use {parameter('precision', 'bfloat16-weights')}, or "
            f"fewer {parameter('processes')}."
        ) from error
    except Exception as error:  # the library and those below it raise any kind for a broken model
        if refusal := refusal_behind(error):
            with explained(model, "model"):
                raise refusal from error
        reason = f"{type(error).__name__}: {_shortened(error)}"
        raise Damaged(
            f"The model {model} can't be loaded ({reason}): {_remedy(error, location, trust_remote_code)}."
        ) from error


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _remedy(error: Exception, location: Location, trust_remote_code: bool) -> str:
    """Say what to do about an error, which transformers raises as an OSError where it finds no file that it can use."""
    if isinstance(error, ValueError) and not trust_remote_code and _has_own_code(location):
        return (
            f"it needs code from its repository; pass {parameter('trust_remote_code', 'True')} if you trust its authors"
        )
    if isinstance(error, OSError):
        return f"check that it is a whole model of transformers, or use {parameter('model', 'embedded')}"
    return (
        "its files are damaged, don't fit together or are made for another version of transformers; fetch it anew, or "
        "use another model"
    )


def _has_own_code(location: Location) -> bool:
    """Return whether a model's files name classes of its own, which transformers lacks and refuses to fetch unasked."""
    for name in ("config.json", "tokenizer_config.json"):
        path = location.file(name)
        with suppress(ValueError, TypeError):  # not JSON, or no table
            if path is not None and "auto_map" in json.loads(path.read_text(encoding="utf-8")):
                return True
    return False


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from chattering and from drawing progress bars for a while, but for those of downloads."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    downloads = not are_progress_bars_disabled()
    logging.disable_progress_bar()
    if downloads and is_first():
        enable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
