"""The log as one Parquet file: a row per prediction."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.logged import LoggedVersion, Predictions, Wanted
from apps.ml.prediction_log.reading import logged_versions, predictions

INPUT = "input:"
MOMENT = pa.timestamp("us", tz="UTC")
ANSWER_FIELDS = (
    ("prediction", pa.string()),
    ("answered_at", MOMENT),
    ("model", pa.string()),
    ("version", pa.string()),
    ("bundle", pa.string()),
    ("evidence", pa.string()),
    ("threshold", pa.float64()),
    ("arm", pa.string()),
    ("route", pa.string()),
    ("score", pa.float64()),
    ("decision", pa.int8()),
    ("label", pa.float64()),
    ("label_reported_at", MOMENT),
    ("label_observed_at", MOMENT),
)
INPUT_TYPES = {"numeric": pa.float64(), "boolean": pa.bool_(), "categorical": pa.string()}


def export(engine: Engine, path: Path, wanted: Wanted, *, sensitive: bool = False) -> int:
    """Write the wanted answers to a Parquet file, whole or not at all; return how many rows.

    The columns are those of the answer, then `input:<column>` for every column of the versions, null where a version
    has no such column. Only the owner of the file may read it: it holds what was said about people.

    Raises
    ------
    BadInputError
        Two versions have a column of the same name and of different kinds, or the file cannot be written.
    """
    schema = _schema(logged_versions(engine, wanted), sensitive)
    rows = 0
    with _whole_private_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for batch in predictions(engine, wanted, sensitive=sensitive):
            writer.write_table(_table(batch, schema))
            rows += len(batch)
    return rows


def _schema(found: list[LoggedVersion], sensitive: bool) -> Any:
    kinds: dict[str, str] = {}
    for column in (column for version in found for column in version.columns if sensitive or not column.sensitive):
        if kinds.setdefault(column.name, column.kind) != column.kind:
            raise BadInputError(
                f"The column '{column.name}' is of different kinds in different versions. Export one with --version."
            )
    return pa.schema([*ANSWER_FIELDS, *((INPUT + name, INPUT_TYPES[kind]) for name, kind in kinds.items())])


def _table(batch: Predictions, schema: Any) -> Any:
    version, rows = batch.version, len(batch)
    columns: dict[str, Any] = {
        "prediction": batch.ids,
        "answered_at": batch.answered_at,
        "model": [version.model] * rows,
        "version": [version.version] * rows,
        "bundle": [version.bundle] * rows,
        "evidence": [version.evidence] * rows,
        "threshold": [version.threshold] * rows,
        "arm": batch.arms,
        "route": batch.routes,
        "score": batch.scores,
        "decision": batch.decisions,
        "label": batch.labels,
        "label_reported_at": batch.reported_at,
        "label_observed_at": batch.observed_at,
        **{INPUT + name: values for name, values in batch.inputs.items()},
    }
    nothing = [None] * rows
    arrays = [pa.array(columns.get(field.name, nothing), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


@contextmanager
def _whole_private_file(path: Path) -> Iterator[Path]:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be written ({error.strerror}). Name a file in a folder that exists."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
