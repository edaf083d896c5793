"""Reading one segment of a journal: what is whole in it, and nothing else."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from apps.ml.errors import FairMindError
from apps.ml.prediction_log.segments import (
    ALIGNMENT,
    ENTRY,
    ENTRY_BYTES,
    FORMAT,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    SEALED,
    entry_end,
)

CHUNK_BYTES = 1 << 20
SOMETHING = re.compile(rb"[^\0]")


class JournalFormatError(FairMindError):
    """A journal of another format than this code reads; nothing of it was read or removed."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a journal: everything before it was read."""

    segment: int = 1
    offset: int = HEADER_BYTES


@dataclass(slots=True)
class Portion:
    """Payloads of entries in their order, and the position behind them.

    `torn`: places of a dead process's journal that hold something and no whole entry. `finished`: the process is dead
    and everything was read.
    """

    payloads: list[bytes] = field(default_factory=list)
    position: Position = Position()
    size: int = 0
    torn: int = 0
    finished: bool = False


def read_segment(path: Path, portion: Portion, growing: bool, entries: int, size: int) -> bool:
    """Add entries to `portion`, from its position on; tell whether the segment's end was reached.

    Parameters
    ----------
    growing
        Whether its owner may still append to it.

    Raises
    ------
    JournalFormatError
        The segment is of another format.
    """
    with opened(path) as descriptor:
        used = _read_header(descriptor, path)
        whole = os.fstat(descriptor).st_size
        # The owner notes how far it is after each entry; what a dead one noted may be older than its entries.
        pages = _Pages(descriptor, min(used + ENTRY_BYTES, whole) if growing else whole)
        return _read_entries(portion, pages, whole, growing, (entries, size))


def used_bytes(path: Path) -> int:
    """Return up to where the owner said that it wrote."""
    with opened(path) as descriptor:
        return _read_header(descriptor, path)


class _Pages:
    """Bytes of a segment, read in chunks. Not mapped: a file that shrinks under a map kills the process."""

    def __init__(self, descriptor: int, end: int) -> None:
        self._descriptor = descriptor
        self._start = 0
        self._bytes = b""
        self.end = end

    def at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""
        if offset < self._start or offset + length > self._start + len(self._bytes):
            wanted = max(0, min(max(length, CHUNK_BYTES), self.end - offset))
            self._start, self._bytes = offset, os.pread(self._descriptor, wanted, offset)
        begin = offset - self._start
        return self._bytes[begin : begin + length]


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file or folder for reading."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_header(descriptor: int, path: Path) -> int:
    """Return up to where the owner said that it wrote; a header that a loss of power took says nothing."""
    header = os.pread(descriptor, HEADER.size, 0)
    if not header.strip(b"\0"):
        return HEADER_BYTES
    if len(header) < HEADER.size or not header.startswith(MAGIC) or HEADER.unpack(header)[1] != FORMAT:
        raise JournalFormatError(
            f"{path.parent} holds a journal of another format than {FORMAT}. Let a writer of the version that wrote it "
            "read it, or move the folder away."
        )
    used: int = HEADER.unpack(header)[4]
    return used


def _read_entries(portion: Portion, pages: _Pages, whole: int, growing: bool, limits: tuple[int, int]) -> bool:
    """Add entries to `portion`; tell whether the segment's end was reached."""
    most_entries, most_bytes = limits
    number, offset = portion.position.segment, portion.position.offset
    ended = False
    while not ended and len(portion.payloads) < most_entries and portion.size < most_bytes:
        length, payload = _entry(pages, offset, whole)
        if payload is not None:
            portion.payloads.append(payload)
            portion.size += length
            offset = entry_end(offset, length)
        elif length == SEALED or offset + ENTRY_BYTES > whole:
            ended = True
        elif growing:
            break
        else:
            gap, torn = _gap(pages.at(offset, whole - offset))
            portion.torn += torn
            offset += gap
            ended = offset == whole
    portion.position = Position(number, offset)
    return ended


def _entry(pages: _Pages, offset: int, whole: int) -> tuple[int, bytes | None]:
    """Return length and payload of the entry at `offset`; None where there is no whole one."""
    head = pages.at(offset, ENTRY_BYTES)
    if len(head) < ENTRY_BYTES:
        return 0, None
    length, checksum = ENTRY.unpack(head)
    if not 0 < length <= whole - offset - ENTRY_BYTES:
        return length, None
    payload = pages.at(offset + ENTRY_BYTES, length)
    return length, payload if len(payload) == length and crc32(payload) == checksum else None


def _gap(rest: bytes) -> tuple[int, bool]:
    """Return how far it is to the next whole entry or the end, and whether something torn lies in between.

    A process that dies in the middle of an append leaves zeros behind it; a loss of power can leave holes before
    entries that are whole.
    """
    first = SOMETHING.search(rest)
    if first is None:
        return len(rest), False
    for start in range(first.start() & -ALIGNMENT, len(rest) - ENTRY_BYTES, ALIGNMENT):
        length, checksum = ENTRY.unpack_from(rest, start)
        begin = start + ENTRY_BYTES
        if 0 < length <= len(rest) - begin and crc32(rest[begin : begin + length]) == checksum:
            return start, start > first.start()
        if length == SEALED and not SOMETHING.search(rest, start + 4):
            return start, start > first.start()
    return len(rest), True
