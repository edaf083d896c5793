"""Work in short pieces: who shares a processor with the writer waits for one piece, and not for a whole batch."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

WORK_SECONDS = 0.0005
REST_SECONDS = 0.002
PIECE = 50
"""Rows of one statement; inserting them takes no longer than a piece of work."""

Item = TypeVar("Item")


class Pace:
    """Rests for :data:`REST_SECONDS` after each :data:`WORK_SECONDS` of work.

    `hurried`: do not rest, because more waits than one batch takes.
    """

    def __init__(self, hurried: bool = False) -> None:
        self._hurried = hurried
        self._since = time.perf_counter()

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items, with rests between them."""
        for item in items:
            self._rest()
            yield item

    def pieces(self, rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Yield rows in their order, :data:`PIECE` at a time with rests between them; all at once in a hurry."""
        if self._hurried and rows:
            yield rows
            return
        yield from self.each(rows[start : start + PIECE] for start in range(0, len(rows), PIECE))

    def _rest(self) -> None:
        if not self._hurried and time.perf_counter() - self._since > WORK_SECONDS:
            time.sleep(REST_SECONDS)
            self._since = time.perf_counter()
