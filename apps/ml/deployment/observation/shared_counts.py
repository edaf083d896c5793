"""Counts of all processes of one server: each writes its own into a file, each can add them up."""

import threading
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from apps.ml.deployment.observation.durations import Histogram
from apps.ml.deployment.observation.meter import Counts, Meter

TELL_SECONDS = 1.0


class CountsFile(msgspec.Struct):
    """Counts as they lie in a file: keys as lists, histograms as counts and seconds."""

    requests: list[tuple[tuple[str, str, int], list[int], float]]
    stages: list[tuple[tuple[str, str, str], list[int], float]]
    predictions: list[tuple[tuple[str, str, str, str], int]]
    refusals: dict[str, int]


class SharedCounts:
    """The counts of this process and, from their files, of the others.

    `folder`: where the files are, None where there is one process. Files of processes that ended stay, so that no sum
    ever shrinks; whoever starts the server empties the folder.
    """

    def __init__(self, meter: Meter, folder: Path | None, process: str) -> None:
        self._meter = meter
        self._file = None if folder is None else folder / f"{process}.json"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._tell_again, name="counts", daemon=True)

    def start(self) -> None:
        """Begin to tell the other processes; a server of one process has nobody to tell."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._thread.start()

    def stop(self) -> None:
        """Tell a last time."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def total(self) -> Counts:
        """Return the sum over all processes; of the others as of at most some seconds ago."""
        total = self._meter.counts()
        if self._file is None:
            return total
        for path in sorted(self._file.parent.glob("*.json")):
            if path != self._file:
                _add(total, msgspec.json.decode(path.read_bytes(), type=CountsFile))
        return total

    def _tell_again(self) -> None:
        while not self._ending.wait(TELL_SECONDS):
            self._tell()
        self._tell()

    def _tell(self) -> None:
        if self._file is None:
            return
        counts = self._meter.counts()
        content = CountsFile(
            [(key, found.counts.tolist(), found.seconds) for key, found in counts.requests.items()],
            [(key, found.counts.tolist(), found.seconds) for key, found in counts.stages.items()],
            list(counts.predictions.items()),
            counts.refusals,
        )
        temporary = self._file.with_suffix(".new")
        with suppress(OSError):  # a full disk: the others know these counts later, and this thread goes on
            temporary.write_bytes(msgspec.json.encode(content))
            temporary.replace(self._file)


def _add(total: Counts, other: CountsFile) -> None:
    for request, found, seconds in other.requests:
        total.requests.setdefault(request, Histogram()).merge(Histogram(np.array(found), seconds))
    for stage, found, seconds in other.stages:
        total.stages.setdefault(stage, Histogram()).merge(Histogram(np.array(found), seconds))
    for answer, rows in other.predictions:
        total.predictions[answer] = total.predictions.get(answer, 0) + rows
    for code, count in other.refusals.items():
        total.refusals[code] = total.refusals.get(code, 0) + count
