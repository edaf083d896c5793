"""Typed rows written in every form that the server reads: JSON, CSV, Parquet, Arrow, tensors as JSON and as bytes."""

import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.protocols.input_datatypes import datatype_of
from apps.ml.models.golden_rows import records

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
BYTES = "application/octet-stream"
JSON_SIZE = "Inference-Header-Content-Length"
LAYOUTS = {"INT64": "<i8", "FP64": "<f8", "BOOL": "|u1"}
BATCH_ROWS = 700

Columns = Sequence[ColumnSchema]


@dataclass(frozen=True)
class Body:
    """What is sent, and under which headers."""

    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


def json_body(document: Any) -> Body:
    """Return a JSON document as a body."""
    return Body(json.dumps(document).encode(), {"Content-Type": JSON})


def instances(frame: pd.DataFrame, columns: Columns) -> list[dict[str, Any]]:
    """Return typed rows as request records: truth values as such, null where missing."""
    truths = [column.name for column in columns if column.kind == "boolean"]
    found: list[dict[str, Any]] = []
    for record in records(frame, columns):
        told = {name: bool(record[name]) for name in truths if record[name] is not None}
        found.append({**record, **told})
    return found


def arrays(frame: pd.DataFrame, columns: Columns) -> list[list[Any]]:
    """Return typed rows as arrays of values in the order of the columns."""
    return [list(row.values()) for row in instances(frame, columns)]


def upright(frame: pd.DataFrame, columns: Columns) -> dict[str, list[Any]]:
    """Return typed rows as one array per column."""
    rows = instances(frame, columns)
    return {column.name: [row[column.name] for row in rows] for column in columns}


def csv_body(frame: pd.DataFrame, columns: Columns) -> Body:
    """Return a CSV text with a header; truth values in words."""
    words = {
        column.name: frame[column.name].map({1.0: "true", 0.0: "FALSE"})
        for column in columns
        if column.kind == "boolean"
    }
    return Body(frame.assign(**words).to_csv(index=False).encode(), {"Content-Type": CSV})


def parquet_body(frame: pd.DataFrame, columns: Columns) -> Body:
    """Return a Parquet file of several row groups, in the types of a database."""
    written = io.BytesIO()
    pq.write_table(_as_in_a_database(frame, columns), written, row_group_size=BATCH_ROWS)
    return Body(written.getvalue(), {"Content-Type": PARQUET})


def arrow_body(frame: pd.DataFrame, columns: Columns, content_type: str = STREAM) -> Body:
    """Return an Arrow stream or file of several batches, texts as dictionaries."""
    table = _as_in_a_database(frame, columns)
    for number, column in enumerate(columns):
        if column.kind == "categorical":
            table = table.set_column(number, column.name, table.column(number).dictionary_encode())
    written = io.BytesIO()
    new = pa.ipc.new_file if content_type == FILE else pa.ipc.new_stream
    with new(written, table.schema) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    return Body(written.getvalue(), {"Content-Type": content_type})


def tensors(frame: pd.DataFrame, columns: Columns) -> list[dict[str, Any]]:
    """Return typed rows as inputs of the Open Inference Protocol; a missing value is null."""
    listed = upright(frame, columns)
    return [_tensor(column.name, datatype_of(column), listed[column.name]) for column in columns]


def binary_body(frame: pd.DataFrame, columns: Columns) -> Body:
    """Return tensors as bytes behind their JSON; a missing text is an empty one. The answer is asked for as bytes."""
    parts = [_tensor_bytes(frame[column.name], datatype_of(column)) for column in columns]
    inputs = [
        {
            "name": column.name,
            "shape": [len(frame), 1],
            "datatype": datatype_of(column),
            "parameters": {"binary_data_size": len(part)},
        }
        for column, part in zip(columns, parts, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return Body(b"".join((head, *parts)), {JSON_SIZE: str(len(head)), "Content-Type": BYTES})


def _tensor(name: str, datatype: str, values: list[Any]) -> dict[str, Any]:
    if datatype == "FP64":
        values = [None if value is None else float(value) for value in values]
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}


def _tensor_bytes(values: "pd.Series[Any]", datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.asarray(values, dtype=np.float64).astype(LAYOUTS[datatype]).tobytes()
    texts = ["" if missing else str(text) for text, missing in zip(values, values.isna(), strict=True)]
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def _as_in_a_database(frame: pd.DataFrame, columns: Columns) -> pa.Table:
    listed = upright(frame, columns)
    types = {"categorical": pa.string(), "boolean": pa.bool_(), "numeric": pa.float64()}
    return pa.table(
        {
            column.name: pa.array(listed[column.name], pa.int64() if column.integer else types[column.kind])
            for column in columns
        }
    )
