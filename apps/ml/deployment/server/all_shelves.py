"""Refreshing the shelves of every process of a server, told through the folder of its state."""

from collections.abc import Sequence
from pathlib import Path

from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.deployment.versions.slot_facts import SwapFacts
from apps.ml.deployment.versions.watch import NUDGE_FILE, nudge


class AllShelves:
    """The shelf of this process, whose refreshing wakes the watchers of the others."""

    def __init__(self, shelf: Shelf, state: Path | None) -> None:
        self._shelf, self._state = shelf, state

    @property
    def state(self) -> str:
        """That of this process."""
        return self._shelf.state

    @property
    def reason(self) -> str | None:
        """That of this process."""
        return self._shelf.reason

    def refresh(self, again: bool = False) -> Sequence[SwapFacts]:
        """Refresh here and let the others do so; return the swaps here."""
        swaps = self._shelf.refresh(again)
        if self._state is not None:
            nudge(self._state / NUDGE_FILE)
        return swaps
