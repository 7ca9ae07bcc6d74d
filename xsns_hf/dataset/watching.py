"""How long work shows how far it is, without knowing who watches."""

from collections.abc import Callable, Iterable
from typing import Any

Watch = Callable[[Iterable[Any], str], Iterable[Any]]
"""Gives back the items that it is given, and shows how many are done of what."""


def unseen(items: Iterable[Any], what: str) -> Iterable[Any]:
    """Return the items, and show nothing."""
    return items
