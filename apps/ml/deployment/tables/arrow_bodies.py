"""Parquet and Arrow bodies: every claim about rows and sizes is checked before a value is read."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.tables.arrow_columns import given_columns, kinds_of, readable_names
from apps.ml.deployment.tables.arrow_messages import declared
from apps.ml.deployment.tables.given_columns import GivenColumn, frame_of_given
from apps.ml.deployment.tables.parquet_claims import parquet_claims, unpacked_bytes
from apps.ml.deployment.tables.refused_tables import require_rows, require_unpacked, unreadable

FILE_MAGIC = b"ARROW1"
STREAM_IN_FILE = 8
"""An Arrow file holds a stream behind its magic bytes, and a directory of it at its end that is not needed."""

DAMAGED = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, struct.error)
"""What reading raises on bytes that are not what they should be."""


def frame_of_parquet(body: bytes, columns: Sequence[ColumnSchema], limits: Limits) -> pd.DataFrame:
    """Return the typed frame of a Parquet file.

    Raises
    ------
    RefusalError
        400 damaged, 413 too many rows or too large once decompressed, 422 no rows.
    RequestError
        Columns or values do not fit the signature.
    """
    with _damage_refused("Parquet"):
        given, rows = _given_of_parquet(body, columns, limits)
    return frame_of_given(given, rows, columns)


def frame_of_arrow(body: bytes, is_file: bool, columns: Sequence[ColumnSchema], limits: Limits) -> pd.DataFrame:
    """Return the typed frame of an Arrow stream or file; raises as :func:`frame_of_parquet`."""
    if is_file and not body.startswith(FILE_MAGIC):
        raise unreadable("it is not an Arrow file")
    with _damage_refused("Arrow"):
        stream = pa.py_buffer(body)[STREAM_IN_FILE:] if is_file else pa.py_buffer(body)
        given, rows = _given_of_stream(stream, columns, limits)
    return frame_of_given(given, rows, columns)


@contextmanager
def _damage_refused(name: str) -> Iterator[None]:
    """Answer damage with 400; what the reader says of it may hold values and is left out."""
    try:
        yield
    except DAMAGED:
        raise unreadable(f"it is not a sound {name} table") from None


def _given_of_parquet(
    body: bytes, columns: Sequence[ColumnSchema], limits: Limits
) -> tuple[dict[str, GivenColumn], int]:
    claims = parquet_claims(body)
    require_rows(claims.rows, limits)
    there = claims.names()
    texts = [column.name for column in columns if column.kind == "categorical" and column.name in there]
    # Texts are kept as a dictionary, so that one that stands in every row takes its place once.
    file = pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts, pre_buffer=False)
    kinds = kinds_of(file.schema_arrow)
    names = readable_names(kinds, columns)
    require_unpacked(unpacked_bytes(body, claims, set(names)), limits)
    table = file.read(columns=names, use_threads=False) if names else None
    return given_columns(kinds, table, claims.rows, limits), claims.rows


def _given_of_stream(
    stream: pa.Buffer, columns: Sequence[ColumnSchema], limits: Limits
) -> tuple[dict[str, GivenColumn], int]:
    claims = declared(stream)
    require_rows(claims.rows, limits)
    require_unpacked(claims.unpacked_bytes, limits)
    with pa.ipc.open_stream(stream, options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        kinds = kinds_of(reader.schema)
        table = reader.read_all()
    names = readable_names(kinds, columns)
    return given_columns(kinds, table.select(names) if names else None, claims.rows, limits), claims.rows
