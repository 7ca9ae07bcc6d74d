"""Which checkpoints the page loads for visitors: those that whoever runs it listed, and the embedded one.

Masks say which checkpoint they are of, and masks may be a stranger's: what they say is compared with the list, and
never fetched by itself.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from xsns_hf.recipe import EMBEDDED, Recipe


def models_in(text: str | None) -> list[str]:
    """Return the checkpoints that an environment variable names, with commas between."""
    return [model.strip() for model in (text or "").split(",") if model.strip()]


def checkpoint_for(recipe: Recipe, models: Sequence[str]) -> str | None:
    """Return the checkpoint to load for masks; None if none that is listed can be theirs.

    It is of their name, with another owner perhaps, since repositories are renamed; or the only folder of the list.
    That it is theirs to the last bit is for the worker to see.

    Args:
        recipe: of the masks.
        models: the list: model ids on the Hub, folders or `embedded`.
    """
    if recipe.checkpoint in (EMBEDDED, *models):
        return recipe.checkpoint
    alike = [model for model in models if _last(model) == _last(recipe.checkpoint)]
    folders = [model for model in models if _is_folder(model)]
    return next(iter(alike), folders[0] if len(folders) == 1 else None)


def _last(model: str) -> str:
    return re.split(r"[/\\]", model.rstrip("/\\"))[-1]


def _is_folder(model: str) -> bool:
    return model.startswith((".", "/", "~")) or Path(model).is_dir()
