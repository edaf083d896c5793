"""The files of data sets: below the state folder, one folder per organisation, named by the data set's id.

No name that a client gave is part of a path. A file is written beside its place and moved there when it is whole, so
that what bears a data set's name is a data set.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from apps.backend.identifiers import is_id

FOLDER = "datasets"
UNFINISHED = ".part"
FILE_MODE = 0o600
FOLDER_MODE = 0o700


class DatasetFiles:
    """Files below `state`; none of its functions waits for anything but the disk."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def path(self, organisation: str, dataset: str) -> Path:
        """Return where a data set's file lies.

        Raises
        ------
        ValueError
            One of the names is no id of ours.
        """
        if not (is_id(organisation) and is_id(dataset)):
            raise ValueError("only ids name files of data sets")
        return self._folder / organisation / dataset

    def create(self, organisation: str, dataset: str) -> tuple[Path, BinaryIO]:
        """Open the unfinished file of a new data set, readable by this user alone."""
        path = self.path(organisation, dataset)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self._folder, path.parent):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        unfinished = path.with_name(path.name + UNFINISHED)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        return unfinished, os.fdopen(os.open(unfinished, flags, FILE_MODE), "w+b")

    def finish(self, unfinished: Path) -> Path:
        """Move a whole file to its place and return that; it stays there if the machine loses its power."""
        path = unfinished.with_name(unfinished.name.removesuffix(UNFINISHED))
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path

    def remove(self, path: Path) -> None:
        """Remove a file, where it is still there."""
        path.unlink(missing_ok=True)

    def older_than(self, seconds: float) -> Iterator[tuple[str, str, Path]]:
        """Yield organisation, data set and path of every file, unfinished ones too, unchanged for so long."""
        latest = time.time() - seconds
        for path in sorted(self._folder.glob("*/*")):
            if path.is_file() and path.stat().st_mtime < latest:
                yield path.parent.name, path.name.removesuffix(UNFINISHED), path
