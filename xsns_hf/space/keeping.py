"""What was found lately, kept for whoever asks the same; many visitors ask at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """The values that were asked for lately, so many at most."""

    def __init__(self, most: int):
        """Begin with none.

        Args:
            most: values that are kept.
        """
        self._most, self._values = most, OrderedDict[_Key, _Value]()
        self._lock = threading.Lock()

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """Return the value that is kept under a key, or else make it; others needn't wait meanwhile."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
