"""Counting durations cheaply: a queue takes them where time matters, buckets take them when somebody looks."""

import threading
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

BOUNDS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, each included; a last bucket takes what is longer."""

FOLD_AT = 8192


@dataclass
class Histogram:
    """How many durations fell into each bucket int64 [bounds + 1], and their sum in seconds."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS_SECONDS) + 1, dtype=np.int64))
    seconds: float = 0.0

    def add(self, durations: list[float]) -> None:
        """Take durations in seconds."""
        places = np.searchsorted(BOUNDS_SECONDS, durations, side="left")
        self.counts += np.bincount(places, minlength=len(self.counts))
        self.seconds += float(np.sum(durations))

    def copy(self) -> "Histogram":
        """Return a histogram of its own."""
        return Histogram(self.counts.copy(), self.seconds)

    def merge(self, other: "Histogram") -> None:
        """Take what another process counted."""
        self.counts += other.counts
        self.seconds += other.seconds


Key = TypeVar("Key", bound=Hashable)


class Durations(Generic[Key]):
    """Histograms by key; `note` is one append."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Key, float]] = deque()
        self._histograms: dict[Key, Histogram] = {}
        self._lock = threading.Lock()

    def note(self, key: Key, seconds: float) -> None:
        """Take one duration; safe to call from several threads."""
        self._pending.append((key, seconds))
        if len(self._pending) >= FOLD_AT:
            self.fold()

    def fold(self) -> Mapping[Key, Histogram]:
        """Count what is pending and return copies of the histograms."""
        with self._lock:
            by_key: dict[Key, list[float]] = {}
            # What is noted meanwhile waits for the next time; taking one by one loses nothing.
            for _ in range(len(self._pending)):
                key, seconds = self._pending.popleft()
                by_key.setdefault(key, []).append(seconds)
            for key, durations in by_key.items():
                self._histograms.setdefault(key, Histogram()).add(durations)
            return {key: found.copy() for key, found in self._histograms.items()}
