"""Where a server keeps what is its own: journals, the status of the writer, locks."""

import os
from pathlib import Path

STATE_VARIABLE = "FAIRMIND_STATE_DIR"
DEFAULT_STATE = ".fairmind"
JOURNAL_FOLDER = "journal"


def state_folder() -> Path:
    """Return FAIRMIND_STATE_DIR, or `.fairmind` in the current folder."""
    return Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE)


def journal_root(state: Path | None = None) -> Path:
    """Return the folder that holds one folder of journals per serving process."""
    return (state or state_folder()) / JOURNAL_FOLDER
