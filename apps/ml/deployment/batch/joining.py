"""From parts to the output: joined one after the other, and renamed whole."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pyarrow import parquet

from apps.ml.deployment.batch.csv_lines import csv_header
from apps.ml.deployment.batch.job import Job
from apps.ml.deployment.batch.layout import Layout
from apps.ml.deployment.batch.parts import JOINED_FILE, PartsFolder
from apps.ml.deployment.batch.pieces import Schema, unpacked

COMPRESSION = "zstd"


def join_parts(job: Job, layout: Layout, parts: PartsFolder) -> None:
    """Make the output of all parts, and the file of misfits if there are any; both appear whole, the output last."""
    set_aside = [number for number, facts in sorted(parts.done.items()) if facts.misfit_bytes]
    if set_aside:
        paths = (parts.path(number, "misfits") for number in set_aside)
        _appear(parts, job.misfits, lambda path: _join_tables(path, layout.misfits_schema, paths))
    else:
        job.misfits.unlink(missing_ok=True)
    contents = (parts.path(number, "part") for number in sorted(parts.done))
    join = _join_csv if layout.kind == "csv" else _join_tables
    _appear(parts, job.target, lambda path: join(path, layout.schema, contents))


def _appear(parts: PartsFolder, target: Path, write: Callable[[Path], None]) -> None:
    joined = parts.folder / JOINED_FILE
    write(joined)
    with joined.open("rb") as stream:
        os.fsync(stream.fileno())
    joined.replace(target)


def _join_csv(path: Path, schema: Schema, contents: Iterable[Path]) -> None:
    with path.open("wb") as sink:
        sink.write(csv_header(schema))
        for content in contents:
            with content.open("rb") as stream:
                shutil.copyfileobj(stream, sink)


def _join_tables(path: Path, schema: Schema, contents: Iterable[Path]) -> None:
    writer: Any = parquet.ParquetWriter(path, schema, compression=COMPRESSION)
    with writer:
        for content in contents:
            table = unpacked(content.read_bytes())
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
