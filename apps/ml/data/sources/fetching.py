"""Making a data set's files local, so that later steps need no network."""

from pathlib import Path

from apps.ml.data.declaration import Declaration, FilesSource, OpenMLSource, SQLSource
from apps.ml.data.sources.cache import cached_path
from apps.ml.data.sources.files import locate, search_folders


def make_local(declaration: Declaration) -> dict[Path, str]:
    """Fetch whatever a data set needs and return path → sha256; empty for rows that are generated.

    Raises
    ------
    SourceError
        A file is nowhere to be had, or its content is not the pinned one.
    ServiceUnavailableError
        An address or database does not answer.
    """
    match declaration.source:
        case FilesSource() as source:
            return {locate(entry): entry.sha256 for entry in source.files}
        case OpenMLSource() as source:
            from apps.ml.data.sources import openml

            return {openml.locate(source): source.sha256}
        case SQLSource() as source:
            from apps.ml.data.sources import sql

            return {sql.take_snapshot(source): source.sha256}
        case _:
            return {}


def is_local(declaration: Declaration) -> bool:
    """Whether the rows can be read without a network; digests are not verified here."""
    match declaration.source:
        case FilesSource() as source:
            return all(_lies_somewhere(entry.path, entry.sha256) for entry in source.files)
        case OpenMLSource() | SQLSource() as source:
            return cached_path(source.sha256).is_file()
        case _:
            return True


def _lies_somewhere(path: str, digest: str) -> bool:
    return cached_path(digest).is_file() or any((folder / path).is_file() for folder in search_folders())
