"""What the writer tells everybody else about itself: one small JSON file, replaced whole at least every second."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec

STATUS_FILE = "writer.json"
FRESH_SECONDS = 5.0
"""A writer that is alive renews its status at least every second."""


class WriterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Moments are seconds since 1970.

    `at`: when this was written. `last_success`: when the database last took entries or was found to have them all.
    `lag_seconds`: age of the oldest entry that is not in the database, 0 where none waits. `waiting_bytes`: bytes in
    journals that are not in the database. `error`: class of what keeps the writer from writing, None where nothing
    does. The counts are those of this writer's life.
    """

    at: float
    process: int
    last_success: float | None
    lag_seconds: float
    waiting_bytes: int
    journals: int
    error: str | None
    entries: int
    rejected: int
    torn: int


def write_status(path: Path, status: WriterStatus) -> None:
    """Replace the status file; a reader sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(msgspec.json.encode(status))
    temporary.replace(path)


def read_status(path: Path) -> WriterStatus | None:
    """Return what the writer last said; None where it never did."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=WriterStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def why_late(status: WriterStatus | None, late_seconds: float) -> str | None:
    """Return in words that the writer is dead or behind by more than `late_seconds`; None where it is neither."""
    if status is None:
        return "No writer moves the prediction log into the database. Start it."
    silent = time.time() - status.at
    if silent > FRESH_SECONDS:
        return f"The writer of the prediction log has been silent for {silent:.0f} s. Start it again."
    if status.lag_seconds <= late_seconds:
        return None
    why = f" ({status.error})" if status.error else ""
    return (
        f"{status.waiting_bytes} bytes of the prediction log wait for the database, the oldest entry for "
        f"{status.lag_seconds:.0f} s{why}. Bring the database back."
    )


def status_facts(status: WriterStatus | None) -> dict[str, Any] | None:
    """Return a status for people and machines; `silent_seconds` is None where the writer is alive."""
    if status is None:
        return None
    silent = time.time() - status.at
    return {**msgspec.structs.asdict(status), "silent_seconds": silent if silent > FRESH_SECONDS else None}
