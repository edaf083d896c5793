"""What was read before and cannot change, in bounded memory."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key, of at most `most_bytes` together; what was used longest ago goes first. For several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """How much is kept now."""
        return self._bytes

    def get(self, key: Key) -> Value | None:
        """Return the value of a key, None where it is not kept."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def keep(self, key: Key, value: Value, size: int) -> None:
        """Keep a value of `size` bytes, unless it alone is larger than the bound."""
        if size > self._most:
            return
        with self._lock:
            self._drop(key)
            self._held[key] = (value, size)
            self._bytes += size
            while self._bytes > self._most:
                self._drop(next(iter(self._held)))

    def _drop(self, key: Key) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            self._bytes -= found[1]
