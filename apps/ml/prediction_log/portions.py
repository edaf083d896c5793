"""What one pass of the writer takes out of all journals, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.ml.prediction_log.batches import TORN, Batch
from apps.ml.prediction_log.journal_reader import JournalReader
from apps.ml.prediction_log.segment_reader import JournalFormatError, Portion, Position


@dataclass(frozen=True, slots=True)
class Written:
    """What one pass moved. `entries` is 0 where nothing waited; `more`: the pass stopped at its bound."""

    entries: int = 0
    calls: int = 0
    rows: int = 0
    versions: int = 0
    outcomes: int = 0
    rejected: int = 0
    torn: int = 0
    more: bool = False
    unreadable_journals: int = 0


@dataclass(slots=True)
class Taken:
    """Portions of journals, each with the position that it was read from; they are stored together."""

    portions: list[tuple[JournalReader, Position, Portion]] = field(default_factory=list)
    unreadable: int = 0
    more: bool = False

    @property
    def payloads(self) -> list[bytes]:
        """The payloads of all portions in their order."""
        return [payload for _, _, portion in self.portions for payload in portion.payloads]

    @property
    def torn(self) -> int:
        """Places that hold something and no whole entry."""
        return sum(portion.torn for _, _, portion in self.portions)

    def written(self, batch: Batch) -> Written:
        """Return what it came to as `batch`."""
        return Written(
            entries=len(self.payloads),
            calls=len(batch.calls),
            rows=sum(call["row_count"] for call in batch.calls),
            versions=len(batch.versions),
            outcomes=len(batch.outcomes),
            rejected=sum(count for reason, count in batch.rejected.items() if reason != TORN),
            torn=batch.rejected[TORN],
            more=self.more,
            unreadable_journals=self.unreadable,
        )


def take(found: Sequence[JournalReader], positions: Mapping[str, Position], entries: int, size: int) -> Taken:
    """Read journals in their order until about so many entries or bytes are there.

    A journal of another format is left alone and counted.
    """
    taken = Taken()
    for reader in found:
        if entries <= 0 or size <= 0:
            break
        before = positions.get(reader.name, Position())
        try:
            portion = reader.read(before, entries, size)
        except JournalFormatError:
            taken.unreadable += 1
            continue
        entries -= len(portion.payloads)
        size -= portion.size
        if portion.position != before or portion.finished:
            taken.portions.append((reader, before, portion))
    taken.more = entries <= 0 or size <= 0
    return taken
