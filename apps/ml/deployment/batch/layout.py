"""What the output looks like: the kept columns of the input, then what the model says of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.batch.job import FileKind, Job
from apps.ml.deployment.batch.pieces import RowSource, Schema
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import DataError

ROW, SCORE, DECISION, THRESHOLD, VERSION, EVIDENCE = "row", "score", "decision", "threshold", "version", "evidence"
RESULTS: Mapping[str, object] = {
    ROW: pa.int64(),
    SCORE: pa.float64(),
    DECISION: pa.int8(),
    THRESHOLD: pa.float64(),
    VERSION: pa.string(),
    EVIDENCE: pa.string(),
}
"""Column that is added → what it holds."""

EXPLANATION = "explanation"
"""The column that is added where explanations are asked for: JSON."""

REASON = "reason"


@dataclass(frozen=True)
class Layout:
    """`kept`: columns of the input that are repeated; `schema`: all columns of the output; `facts`: what a Parquet file
    says of the model in its metadata."""

    kind: FileKind
    kept: tuple[str, ...]
    schema: Schema
    input_schema: Schema
    prefix: str

    @property
    def explains(self) -> bool:
        """Whether explanations are asked for."""
        return self.prefix + EXPLANATION == self.schema.names[-1]

    @property
    def misfits_schema(self) -> Schema:
        """Columns of the file of misfits: number of the row, why it does not fit, and the row as it came."""
        return pa.schema([(self.prefix + ROW, pa.int64()), (self.prefix + REASON, pa.string()), *self.input_schema])


def layout_of(job: Job, source: RowSource, model: ServedModel) -> Layout:
    """Return the layout of the output of `job`.

    Raises
    ------
    DataError
        A column has the name of one that is added, or cannot be written into a CSV file.
    """
    results = {**RESULTS, EXPLANATION: pa.string()} if job.explain else RESULTS
    added = {job.prefix + name: kind for name, kind in results.items()}
    kept = tuple(name for name in source.schema.names if job.keep is None or name in job.keep)
    taken = [name for name in source.schema.names if name in (*added, job.prefix + REASON)]
    if taken:
        raise DataError(
            f"{job.source} has the column '{taken[0]}', and so would the output. Give --prefix, a text that stands "
            "before the names of added columns, or name with --keep the columns to repeat."
        )
    fields = [(name, _kept_type(name, source, model.bundle.info.columns, job.target_kind)) for name in kept]
    facts = {
        "fairmind.model": model.name,
        "fairmind.version": model.version or "",
        "fairmind.evidence": model.evidence or "",
        "fairmind.bundle": model.bundle_digest,
    }
    schema = pa.schema([*fields, *added.items()]).with_metadata(facts)
    return Layout(job.target_kind, kept, schema, source.schema, job.prefix)


def _kept_type(name: str, source: RowSource, columns: Sequence[ColumnSchema], kind: FileKind) -> object:
    """A column keeps its type; in a Parquet file made of texts, the model's columns get the model's types."""
    held = source.schema.field(name).type
    if kind == "csv":
        if pa.types.is_nested(held) or pa.types.is_binary(held) or pa.types.is_large_binary(held):
            raise DataError(
                f"the column '{name}' holds {held}, which a CSV file cannot. Write Parquet, or name with --keep the "
                "columns to repeat."
            )
        return held
    if source.as_text:
        kinds = {column.name: column.kind for column in columns}
        return {"numeric": pa.float64(), "boolean": pa.bool_()}.get(kinds.get(name, ""), pa.string())
    return held
