"""The similarities that ship with the package, as a mask dataset that is read only and has no masks."""

from pathlib import Path

from xsns_hf.dataset.stores.base import Change
from xsns_hf.dataset.stores.folder import Folder
from xsns_hf.errors import MasksMissing, XsnsError
from xsns_hf.recipe import EMBEDDED, display_name

READY = "ready"
"""The name of the similarities of the first model; `ready:MODEL` is another's."""

_FOLDER = Path(__file__).parents[2] / "assets" / "ready"
_FIRST = display_name(EMBEDDED)
_REMEDY = "make masks of your own (`xsns extract --out masks`), or name a dataset that has them"


def ready_names() -> list[str]:
    """Return the names of all similarities that ship, the first model's at first."""
    others = sorted(path.name for path in _FOLDER.iterdir() if path.name != _FIRST and path.is_dir())
    return [READY, *(f"{READY}:{model}" for model in others)]


def is_ready(where: str | Path) -> bool:
    """Return whether a name is meant for what ships; a folder of that name is `./ready`."""
    return isinstance(where, str) and where.partition(":")[0] == READY


class Ready(Folder):
    """Index, similarity and layout of a model, made by scripts/make/ready_similarities.py."""

    def __init__(self, name: str):
        """Open what ships.

        Args:
            name: `ready`, or `ready:MODEL`.

        Raises:
            MasksMissing: no similarities of that model ship.
        """
        if name not in ready_names():
            raise MasksMissing(f"No similarities called {name} ship with xsns_hf: use {' or '.join(ready_names())}.")
        super().__init__(_FOLDER / (name.partition(":")[2] or _FIRST))
        self.name = name

    def file(self, name: str, sha256: str | None = None) -> Path | None:
        """Return the path of a table, or None if there is none.

        Raises:
            MasksMissing: it is one of masks.
        """
        if name.startswith("masks/"):
            raise MasksMissing(f"{self.name} holds similarities and no masks, which this needs: {_REMEDY}.")
        return super().file(name, sha256)

    def prepare(self) -> None:
        """Refuse: it can't be changed.

        Raises:
            XsnsError: always.
        """
        raise XsnsError(f"{self.name} ships with xsns_hf and can't be changed: {_REMEDY}.")

    def update(self, change: Change) -> None:
        """Refuse, as `prepare` does."""
        self.prepare()
