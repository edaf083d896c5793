"""The exact median of numbers that are never all in memory at once.

Numbers of 64 bits are mapped to whole numbers of the same order. A first look at all of them counts by the upper 16
bits, which tells the window that holds the middle one; the next look keeps the numbers of that window, if they are few
enough, or divides it by the next 16 bits. So two looks are enough as a rule and four at most, and no step rounds.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

BITS = 16
MOST_KEPT = 2_000_000
"""Numbers of one window that are kept in memory."""

Keys = npt.NDArray[np.uint64]


class MedianSearch:
    """Finds the median in several looks: hand all numbers to :meth:`look`, then call :meth:`end_look`, and again.

    Examples
    --------
    >>> search = MedianSearch()
    >>> while search.median is None:
    ...     search.look(np.array([0.1, 0.4, 0.2, 0.3]))
    ...     search.end_look()
    >>> search.median
    0.25
    """

    def __init__(self) -> None:
        self._middle = (_RankSearch(lambda n: (n - 1) // 2), _RankSearch(lambda n: n // 2))

    @property
    def median(self) -> float | None:
        """The median, as soon as it is known: for an even number of numbers the mean of the middle two."""
        low, high = (search.found for search in self._middle)
        return None if low is None or high is None else low + (high - low) / 2

    def look(self, numbers: npt.NDArray[np.float64]) -> None:
        """Look at some of the numbers, float64 [n], finite; every look sees the same ones, in any order."""
        keys = _keys(numbers)
        for search in self._middle:
            search.look(keys)

    def end_look(self) -> None:
        """Draw the conclusion after all numbers were looked at."""
        for search in self._middle:
            search.end_look()


class _RankSearch:
    """Finds the number of one rank, which `rank` tells from how many numbers there are, counted from 0."""

    def __init__(self, rank: Callable[[int], int]) -> None:
        self._rank_of = rank
        self._rank: int | None = None
        self._prefix, self._known = 0, 0
        self._counts = np.zeros(2**BITS, dtype=np.int64)
        self._kept: list[Keys] | None = None
        self.found: float | None = None

    def look(self, keys: Keys) -> None:
        if self.found is not None:
            return
        if self._known:
            keys = keys[keys >> np.uint64(64 - self._known) == np.uint64(self._prefix)]
        if self._kept is not None:
            self._kept.append(keys)
            return
        digits = (keys >> np.uint64(64 - self._known - BITS)) & np.uint64(2**BITS - 1)
        self._counts += np.bincount(digits.astype(np.int64), minlength=2**BITS)

    def end_look(self) -> None:
        if self.found is not None:
            return
        if self._rank is None:
            self._rank = self._rank_of(int(self._counts.sum()))
        if self._kept is not None:
            self.found = _number(int(np.partition(np.concatenate(self._kept), self._rank)[self._rank]))
            return
        reached = np.cumsum(self._counts)
        digit = int(np.searchsorted(reached, self._rank, side="right"))
        self._rank -= int(reached[digit - 1]) if digit else 0
        self._prefix, self._known = (self._prefix << BITS) | digit, self._known + BITS
        if self._known == 64:
            self.found = _number(self._prefix)
        elif self._counts[digit] <= MOST_KEPT:
            self._kept = []
        self._counts = np.zeros(2**BITS, dtype=np.int64)


_SIGN = np.uint64(1 << 63)


def _keys(numbers: npt.NDArray[np.float64]) -> Keys:
    """Map numbers to whole numbers of the same order: below zero all bits are flipped, from zero on the sign alone."""
    # 0.0 + x turns −0.0 into 0.0, so that both have one key.
    bits = np.ascontiguousarray(0.0 + numbers, dtype=np.float64).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _number(key: int) -> float:
    """Undo :func:`_keys` for one key."""
    bits = np.array([key], dtype=np.uint64)
    original = np.where(bits & _SIGN, bits & ~_SIGN, ~bits)
    return float(original.view(np.float64)[0])
