"""Where rows come from: a generator, files, OpenML or a database.

- A *source* is declared under `source:` of a data set declaration; its `kind` chooses the module of this folder.
- Every source is *pinned*: by the sha256 of its files or of its snapshot, or, for a generator, by its seed and number
  of rows. A different content is an error, so the declaration alone says which rows a stage has read.
- Rows arrive as a :class:`RawTable`: *text only*, in one canonical form (whole numbers without `.0`, booleans `true`
  and `false`, ISO dates), so that every later step sees a CSV file, a Parquet file and a database alike.
- The *cache* (FAIRMIND_CACHE_DIR, else `~/.cache/fairmind`) holds downloads and snapshots under their sha256.
"""

from apps.ml.data.declaration import Declaration, FilesSource, GeneratorSource, OpenMLSource, SQLSource
from apps.ml.data.sources.raw_table import RawTable

__all__ = ["RawTable", "read_raw"]


def read_raw(declaration: Declaration) -> RawTable:
    """Return the rows of a data set as text, exactly those that its declaration pins.

    Raises
    ------
    SourceError
        There is no such file, its sha256 differs, or it cannot be read as declared.
    ServiceUnavailableError
        The rows have to be fetched and the address or database does not answer.
    """
    # Each kind of source is imported when it is read: the libraries behind some of them are slow to start.
    match declaration.source:
        case GeneratorSource() as source:
            from apps.ml.data.sources import generator

            return generator.read(source)
        case FilesSource() as source:
            from apps.ml.data.sources import files

            return files.read(source, declaration.reading)
        case OpenMLSource() as source:
            from apps.ml.data.sources import openml

            return openml.read(source, declaration.reading)
        case SQLSource() as source:
            from apps.ml.data.sources import sql

            return sql.read(source, declaration.reading)
