"""A folder for files that nobody else may read and that do not outlive their process.

Each process has a folder of its own below a common one and holds a lock on it (`flock`, which ends with the process,
however it ends). Whoever starts removes the folders on which nobody holds a lock: what a killed process left.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from apps.ml.errors import BadInputError
from apps.ml.evidence_service.audits.settings import FOLDER_VARIABLE

OWN_PREFIX = "process-"
ONLY_OWNER = 0o700


class PrivateFolder:
    """Opened once per process; every file in it is removed when it is closed, if it was not before.

    Raises
    ------
    BadInputError
        The common folder is not the user's alone, or cannot be made.
    """

    def __init__(self, common: Path) -> None:
        _require_own(common)
        lock = os.open(common, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            # Between making a folder and locking it, nobody else may look for folders without a lock.
            fcntl.flock(lock, fcntl.LOCK_EX)
            _remove_left(common)
            self.path = Path(tempfile.mkdtemp(prefix=OWN_PREFIX, dir=common))
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            os.close(lock)

    def place_of_one(self) -> "tempfile.TemporaryDirectory[str]":
        """Return a new folder for one request's file, as a context that removes it with all it holds.

        Raises OSError where the system has no room for one.
        """
        return tempfile.TemporaryDirectory(dir=self.path, ignore_cleanup_errors=True)

    def close(self) -> None:
        """Remove the folder and everything in it; may be called again."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _require_own(common: Path) -> None:
    """Make the common folder; refuse one that others may write to, read, or have put there as a link."""
    try:
        common.mkdir(mode=ONLY_OWNER, parents=True, exist_ok=True)
        found = common.lstat()
    except OSError as error:
        raise BadInputError(
            f"{common} cannot be made: {error.strerror}. Name another folder by {FOLDER_VARIABLE}."
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise BadInputError(
            f"{common} is not a folder that this user alone may enter (mode 0700). Mend it, or name another by "
            f"{FOLDER_VARIABLE}."
        )


def _remove_left(common: Path) -> None:
    for folder in common.glob(f"{OWN_PREFIX}*"):
        # A folder in use, one that goes at this moment, and what is no folder stay as they are.
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
