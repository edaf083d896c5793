"""Reading journals: complete entries in their order, from a position on, also of processes that died."""

import os
from pathlib import Path

from apps.ml.prediction_log.entries import decoded
from apps.ml.prediction_log.segment_reader import Portion, Position, opened, read_segment, used_bytes
from apps.ml.prediction_log.segments import HEADER_BYTES, LOCK_SUFFIX, SEGMENT_NAME, is_locked, segment_path


class JournalReader:
    """One journal in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    def is_alive(self) -> bool:
        """Tell whether the process that writes this journal lives."""
        return is_locked(self._lock_file)

    def read(self, position: Position, entries: int, size: int) -> Portion:
        """Return the complete entries from `position` on: about so many entries or bytes at most, one at least.

        Raises
        ------
        JournalFormatError
            The journal is of another format.
        """
        alive = self.is_alive()  # asked before reading: what a dead process wrote is all there
        portion = Portion(position=position)
        numbers = self._numbers()
        for number in numbers:
            if number < position.segment:
                continue
            offset = portion.position.offset if number == portion.position.segment else HEADER_BYTES
            portion.position = Position(number, offset)
            # Only the last segment is still written: its owner ends one before it begins the next.
            growing = alive and number == numbers[-1]
            if not read_segment(self._path(number), portion, growing, entries, size):
                return portion
            portion.position = Position(number + 1)
        portion.finished = not alive
        return portion

    def waiting_bytes(self, position: Position) -> int:
        """Return how many bytes of entries follow `position`."""
        total = 0
        for number in self._numbers():
            if number >= position.segment:
                start = position.offset if number == position.segment else HEADER_BYTES
                total += max(0, used_bytes(self._path(number)) - start)
        return total

    def oldest_waiting(self, position: Position) -> int | None:
        """Return the moment, microseconds since 1970, of the first entry from `position` on; None where none waits."""
        payloads = self.read(position, 1, 1).payloads
        try:
            return decoded(payloads[0]).at if payloads else None
        except ValueError:
            return None

    def sync(self, position: Position) -> None:
        """Make what follows `position` outlive a loss of power."""
        for number in self._numbers():
            if number >= position.segment:
                with opened(self._path(number)) as descriptor:
                    os.fsync(descriptor)
        with opened(self.folder) as descriptor:
            os.fsync(descriptor)

    def remove_before(self, position: Position) -> None:
        """Remove the segments that were read to their end."""
        for number in self._numbers():
            if number < position.segment:
                self._path(number).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what is left of a finished journal, its folder too where it holds nothing else."""
        for path in sorted(self.folder.glob(f"{self.name}*"), key=lambda path: path == self._lock_file):
            path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    @property
    def _lock_file(self) -> Path:
        return self.folder / f"{self.name}{LOCK_SUFFIX}"

    def _path(self, number: int) -> Path:
        return segment_path(self.folder, self.name, number)

    def _numbers(self) -> list[int]:
        matches = (SEGMENT_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match["number"]) for match in matches if match and match["journal"] == self.name)


def journals(root: Path) -> list[JournalReader]:
    """Return the journals below `<state>/journal`, in the order in which they were begun."""
    found = {
        (path.name[:32], path.parent)
        for path in root.glob("*/*")
        if path.suffix == LOCK_SUFFIX or SEGMENT_NAME.fullmatch(path.name)
    }
    return [JournalReader(folder, name) for name, folder in sorted(found)]
