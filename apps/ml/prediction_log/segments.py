"""Segments: the preallocated, memory-mapped files that a journal is made of.

::

    header, 64 bytes    magic · format · process · number · used · started
    entry, aligned to 8 length (uint32) · CRC-32 of the payload (uint32) · payload
    …
    end                 the length 0xFFFFFFFF, or no room for one more length

The length is written last: while it is 0 there is no entry. A file is filled with zeros and its blocks are allocated
before it is used, so that a full disk shows when the segment is made and never in the middle of an entry.
"""

import fcntl
import mmap
import os
import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"FAIRMLOG"
FORMAT: Final = 1
HEADER = struct.Struct("<8sIIQQQ")
HEADER_BYTES: Final = 64
USED_AT: Final = 24
ENTRY = struct.Struct("<II")
ENTRY_BYTES: Final = ENTRY.size
ALIGNMENT: Final = 8
SEALED: Final = 0xFFFF_FFFF
PAGE_BYTES: Final = mmap.PAGESIZE
PAGES_AT_ONCE: Final = 64
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
SEGMENT_NAME = re.compile(r"(?P<journal>[0-9a-f]{32})-(?P<number>\d{10})\.segment")
LOCK_SUFFIX = ".lock"
SPARE_SUFFIX = ".spare"

put_word = struct.Struct("<I").pack_into
put_long = struct.Struct("<Q").pack_into


def segment_path(folder: Path, journal: str, number: int) -> Path:
    """Return where a segment lies."""
    return folder / f"{journal}-{number:010d}.segment"


def entry_end(start: int, payload: int) -> int:
    """Return where the entry that begins at `start` ends, of a payload of so many bytes."""
    return (start + ENTRY_BYTES + payload + ALIGNMENT - 1) & -ALIGNMENT


@dataclass(slots=True)
class Segment:
    """One segment, open for writing."""

    path: Path
    descriptor: int
    memory: mmap.mmap
    size: int

    def begin(self, path: Path, number: int) -> None:
        """Write the header and give the file the name under which readers look for it."""
        facts = (MAGIC, FORMAT, os.getpid(), number, HEADER_BYTES, time.time_ns() // 1000)
        HEADER.pack_into(self.memory, 0, *facts)
        self.path.rename(path)
        self.path = path

    def seal(self, position: int) -> None:
        """Say that nothing follows `position`."""
        if position + ENTRY_BYTES <= self.size:
            put_word(self.memory, position, SEALED)

    def is_there(self) -> bool:
        """Tell whether the file still has a name, that is: can be found by a reader."""
        return os.fstat(self.descriptor).st_nlink > 0

    def close(self) -> None:
        """Let go of memory and file; what was written stays."""
        self.memory.close()
        os.close(self.descriptor)

    def remove(self) -> None:
        """Close a segment that was never used, and remove its file."""
        self.close()
        self.path.unlink(missing_ok=True)


def make_segment(path: Path, size: int) -> Segment:
    """Return a new segment of `size` bytes of zeros whose blocks are allocated.

    Raises
    ------
    OSError
        There is no room for it; no file is left behind.
    """
    path.unlink(missing_ok=True)  # left behind where making it was interrupted
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        _allocate(descriptor, size)
        return Segment(path, descriptor, mmap.mmap(descriptor, size), size)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise


def touch_pages(segment: Segment) -> None:
    """Map every page of an unused segment now, so that no append pays for it; other threads run in between."""
    for count, offset in enumerate(range(0, segment.size, PAGE_BYTES)):
        segment.memory[offset] = 0
        if count % PAGES_AT_ONCE == 0:
            time.sleep(0)


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        os.pwrite(descriptor, zeros[: size - start], start)


def hold_lock(path: Path) -> int:
    """Return the descriptor of a new file that is locked until this process ends or closes it.

    The file gets its name only once it is locked: whoever sees it unlocked knows that its owner is dead. The kernel
    lets the lock go whatever the process dies of, also where the reader lives in another container.
    """
    unnamed = path.with_suffix(".locking")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    unnamed.rename(path)
    return descriptor


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds the lock of this file; False where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
