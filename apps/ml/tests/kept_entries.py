"""A log of calls that keeps its entries in memory, for tests that look at them."""

from apps.ml.prediction_log.entries import AnswerEntry, Entry


class KeptEntries:
    """Takes everything; `entries` in the order in which they came."""

    room = True

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        self.entries.append(entry)

    def trouble(self) -> str | None:
        """Nothing can go wrong."""
        return None

    def close(self) -> None:
        """The entries stay."""

    @property
    def answers(self) -> list[AnswerEntry]:
        """The entries of answered calls."""
        return [entry for entry in self.entries if isinstance(entry, AnswerEntry)]
