"""The cache of downloads and snapshots: a file's name is the sha256 of its bytes, so it can never be the wrong one."""

import os
from pathlib import Path

from apps.ml.files import sha256_of_file


def cache_folder() -> Path:
    """Return FAIRMIND_CACHE_DIR or, where it is not set, `~/.cache/fairmind`."""
    return Path(os.environ.get("FAIRMIND_CACHE_DIR") or Path.home() / ".cache" / "fairmind").expanduser()


def cached_path(digest: str) -> Path:
    """Return where the file with this sha256 lies once it has been fetched."""
    return cache_folder() / "sha256" / digest


def cached_file(digest: str) -> Path | None:
    """Return the cached file with this sha256, or None. A file that was damaged since counts as absent."""
    path = cached_path(digest)
    return path if path.is_file() and sha256_of_file(path) == digest else None
