"""Tables as other programs write them, for the tests of this folder."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"


def typed(frame: pd.DataFrame) -> pa.Table:
    """Return loan rows in the types that a database would give them."""
    changed = frame.assign(age=frame["age"].astype("int16"), homeowner=frame["homeowner"].astype("bool"))
    return pa.Table.from_pandas(changed, preserve_index=False)


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a Parquet file."""
    written = io.BytesIO()
    pq.write_table(table, written, **options)
    return written.getvalue()


def arrow(table: pa.Table, content_type: str = STREAM, compression: str | None = None) -> bytes:
    """Return an Arrow stream or file of several batches."""
    written = io.BytesIO()
    new = pa.ipc.new_file if content_type == FILE else pa.ipc.new_stream
    with new(written, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=20)
    return written.getvalue()


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    """Return the table with other values under a name."""
    return table.set_column(table.schema.get_field_index(name), name, values)


def bodies(table: pa.Table) -> list[tuple[str, bytes]]:
    """Return the table in every format that has types."""
    return [(PARQUET, parquet(table)), (STREAM, arrow(table)), (FILE, arrow(table, FILE))]
