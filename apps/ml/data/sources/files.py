"""Original CSV and Parquet files: where they lie, that they are the pinned ones, and their rows as text."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import repository_root
from apps.ml.data.declaration import FileEntry, FilesSource, Reading
from apps.ml.data.sources.cache import cached_file
from apps.ml.data.sources.csv_text import read_csv
from apps.ml.data.sources.declared_reading import as_declared
from apps.ml.data.sources.download import download
from apps.ml.data.sources.parquet_text import read_parquet
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.errors import SourceError
from apps.ml.files import sha256_of_file

DATA_VARIABLE = "FAIRMIND_DATA_DIR"


def read(source: FilesSource, reading: Reading) -> RawTable:
    """Return the rows of all declared files, in their order, below each other."""
    tables = [read_file(locate(entry), reading) for entry in source.files]
    _require_same_columns(source.files, tables)
    origins = [np.full(len(table), entry.origin or "") for entry, table in zip(source.files, tables, strict=True)]
    frame = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    return RawTable(frame, np.concatenate(origins).astype(np.str_), digest_of([e.sha256 for e in source.files]))


def digest_of(digests: list[str]) -> str:
    """Return the digest of several files: their own for one file, else the sha256 over their digests, one per line."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def locate(entry: FileEntry) -> Path:
    """Return the path of a file whose sha256 is the pinned one; fetch it if it is nowhere and has an address.

    Raises
    ------
    SourceError
        There is no such file and no address, or the file that lies there has another sha256.
    ServiceUnavailableError
        The address does not answer.
    """
    for folder in search_folders():
        path = folder / entry.path
        if path.is_file():
            _require_digest(path, entry.sha256)
            return path
    cached = cached_file(entry.sha256)
    if cached is not None:
        return cached
    if entry.url is not None:
        return download(entry.url, entry.sha256, by_hand(entry))
    places = " nor ".join(str(folder / entry.path) for folder in search_folders())
    raise SourceError(f"the file {entry.path} is neither at {places}, and no `url` is declared. {by_hand(entry)}")


def search_folders() -> list[Path]:
    """Return where original files may lie, in order: FAIRMIND_DATA_DIR if it is set, then the repository."""
    root = repository_root()
    given = os.environ.get(DATA_VARIABLE)
    return [(root / Path(given).expanduser()).resolve(), root] if given else [root]


def by_hand(entry: FileEntry) -> str:
    """Return the sentence that says how to provide a file without a download."""
    return (
        f"Put the file {entry.path} (sha256 {entry.sha256[:12]}…) into the folder that {DATA_VARIABLE} names, or below "
        f"{repository_root()}."
    )


def read_file(path: Path, reading: Reading) -> pd.DataFrame:
    """Return one file as text: suffixes stripped, declared `missing` values as NaN."""
    frame = read_parquet(path) if reading.format == "parquet" else read_csv(path, reading)
    return as_declared(frame, reading, str(path))


def _require_digest(path: Path, expected: str) -> None:
    found = sha256_of_file(path)
    if found != expected:
        raise SourceError(
            f"{path} has sha256 {found}, the declaration pins {expected}. If this is the file that you want, pin "
            f"`sha256: {found}` in the declaration, else put the original file there."
        )


def _require_same_columns(entries: tuple[FileEntry, ...], tables: list[pd.DataFrame]) -> None:
    first = list(tables[0].columns)
    for entry, table in zip(entries[1:], tables[1:], strict=True):
        if list(table.columns) != first:
            differing = sorted(set(first) ^ set(table.columns)) or ["only their order differs"]
            raise SourceError(
                f"{entry.path} does not have the columns of {entries[0].path}: {', '.join(map(str, differing))}. "
                "Give all files of one data set the same columns in the same order."
            )
