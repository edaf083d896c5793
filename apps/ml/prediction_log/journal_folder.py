"""The folder of a journal: who owns it, how full it is, why it takes no more."""

import errno
import os
from pathlib import Path

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.segments import FOLDER_MODE, LOCK_SUFFIX, hold_lock


def require_below_bound(folder: Path, size: int, bound: int) -> None:
    """Check that a file of `size` bytes more leaves the folder's files within `bound`; OSError EDQUOT where not."""
    with os.scandir(folder) as files:
        taken = sum(_size(file) for file in files)
    if taken + size > bound:
        raise OSError(errno.EDQUOT, "the journal reached its bound")


def own_folder(folder: Path, name: str) -> int:
    """Make the folder where it is not there, and return the lock of the journal `name`, held while the process lives.

    Raises
    ------
    BadInputError
        The folder cannot be made or written.
    """
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        return hold_lock(folder / f"{name}{LOCK_SUFFIX}")
    except OSError as error:
        raise BadInputError(
            f"The folder {folder} of the prediction log cannot be written ({error.strerror}). Make it writable, or set "
            "FAIRMIND_STATE_DIR to another folder."
        ) from error


def _size(file: os.DirEntry[str]) -> int:
    """Size of a file that the writer may be removing right now."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def why_no_room(error: OSError, bound: int) -> str:
    """Say in words why a segment could not be made, and what helps."""
    if error.errno == errno.EDQUOT:
        return (
            f"The journal of the prediction log reached its bound of {bound} bytes: the database does not take entries "
            "as fast as they come. Bring the database back, or raise the bound."
        )
    return f"The prediction log has no room ({error.strerror}). Free disk space; answers go on by themselves then."
