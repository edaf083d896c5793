"""Outputs of earlier pipeline runs, read from DVC's cache by their digest; nothing is checked out."""

import json
from dataclasses import dataclass
from pathlib import Path

from apps.ml.errors import BadInputError
from apps.ml.experiments.fingerprint import dvc_digest

FOLDER_MARK = ".dir"


@dataclass(frozen=True)
class DvcCache:
    """DVC's cache of files by md5; `folder` is None where there is none."""

    folder: Path | None

    def file_in(self, digest: str, name: str) -> Path | None:
        """Return where one file of an output folder lies, None where the cache does not hold it.

        Parameters
        ----------
        digest
            Of the folder, as dvc.lock records it (`….dir`).
        name
            Path of the file inside the folder.

        Raises
        ------
        BadInputError
            The cached bytes are not those of the digest.
        """
        listing = self._path(digest)
        if listing is None or not digest.endswith(FOLDER_MARK):
            return None
        entries = {entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))}
        path = self._path(entries[name]) if name in entries else None
        if path is not None and dvc_digest(path) != entries[name]:
            raise BadInputError(f"{path} in DVC's cache is damaged. Remove it and run `dvc pull` or `dvc repro`.")
        return path

    def _path(self, digest: str) -> Path | None:
        if self.folder is None:
            return None
        path = self.folder / digest[:2] / digest[2:]
        return path if path.is_file() else None


def open_cache(root: Path) -> DvcCache:
    """Return the cache of the DVC repository at `root`, wherever its configuration places it."""
    if not (root / ".dvc").is_dir():
        return DvcCache(None)
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repository:
            return DvcCache(Path(repository.cache.local.path))
    except DvcException:
        return DvcCache(None)
