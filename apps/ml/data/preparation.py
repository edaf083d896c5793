"""From raw rows to the splits that every later stage reads, or a list of everything that is wrong with them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.consistency import feature_columns
from apps.ml.data.declaration import Declaration, Split
from apps.ml.data.declared_rows import DeclaredRows, ranks_of_keys, split_keys
from apps.ml.data.examination import Examination, examine
from apps.ml.data.label import Label, NumericLabel
from apps.ml.data.processed import CLASSIFICATION, REGRESSION, ColumnSchema, Kind, ProcessedSchema, ProcessedSplit
from apps.ml.data.profile import label_summary, profile
from apps.ml.data.sensitive import actionable, attribute_schemas, sensitive_columns
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.data.splits import Parts, divide
from apps.ml.errors import DataError, Finding, ParameterError
from apps.ml.parameters import DataProcessing
from apps.ml.validation_errors import nearest_name

KINDS: dict[str, Kind] = {"integer": "numeric", "number": "numeric", "boolean": "boolean", "category": "categorical"}
CHECK_SEED = 0
"""`check` draws its splits with this seed; only their feasibility is asked."""


@dataclass(frozen=True)
class Prepared:
    """What `data_processing` writes.

    `splits`: train, validation, test. `quality`: content of reports/metrics/data_quality.json. `quarantined`: rows as
    read with their reasons, None where none was set aside.
    """

    splits: dict[str, ProcessedSplit]
    schema: ProcessedSchema
    quality: dict[str, Any]
    quarantined: pd.DataFrame | None


def prepare(declaration: Declaration, raw: RawTable, parameters: DataProcessing) -> Prepared:
    """Return the splits, their schema and the quality report of a data set.

    Raises
    ------
    ParameterError
        The declaration has no split of that name.
    DeclarationError
        The declaration contradicts itself.
    DataError
        The rows break a promise; `findings` lists every broken one.
    """
    name = chosen_split(declaration, parameters.split)
    examined = examine(declaration, raw)
    _require(declaration, examined.findings)
    split = declaration.splits[name]
    table = examined.table
    parts = _divided(split, table, parameters.seed)
    keys = ranks_of_keys(split, table)
    return Prepared(
        splits={
            part: _processed(declaration, table.take(positions), None if keys is None else keys[positions])
            for part, positions in parts.items()
        },
        schema=_schema(declaration, name, table, parts, raw.digest),
        quality=_quality(declaration, name, examined, parts),
        quarantined=examined.quarantined,
    )


def check(declaration: Declaration) -> tuple[Finding, ...]:
    """Read a data set's rows and return every promise that they break, over all declared splits.

    Raises
    ------
    SourceError, ServiceUnavailableError
        The rows cannot be had.
    DeclarationError
        The declaration contradicts itself.
    """
    from apps.ml.data.sources import read_raw

    examined = examine(declaration, read_raw(declaration))
    if examined.findings:
        return examined.findings
    return tuple(
        finding for name in declaration.splits for finding in _split_findings(name, declaration, examined.table)
    )


def chosen_split(declaration: Declaration, name: str) -> str:
    """Return the name of the split that params.yaml asks for; `default` is the declaration's own choice."""
    if name == "default":
        return declaration.default_split
    if name not in declaration.splits:
        hint = nearest_name(name, ["default", *declaration.splits])
        raise ParameterError(
            f"data_processing.split: data set '{declaration.name}' has no split '{name}'{hint}. Mend params.yaml."
        )
    return name


def _require(declaration: Declaration, findings: tuple[Finding, ...]) -> None:
    if findings:
        count = f"{len(findings)} promise{'s' if len(findings) != 1 else ''}"
        raise DataError(
            f"the rows of data set '{declaration.name}' break {count}; nothing was written. "
            "Mend the source, or the declaration where it promises too much:",
            findings,
        )


def _divided(split: Split, table: DeclaredRows, seed: int) -> Parts:
    return divide(split, strata(_labels(table)), split_keys(split, table), seed)


def _split_findings(name: str, declaration: Declaration, table: DeclaredRows) -> tuple[Finding, ...]:
    try:
        _divided(declaration.splits[name], table, CHECK_SEED)
    except DataError as error:
        return tuple(
            Finding(one.code, f"split '{name}': {one.message}", one.column, one.rows, one.expected)
            for one in error.findings
        )
    return ()


def _labels(table: DeclaredRows) -> np.ndarray[Any, np.dtype[np.float64]]:
    if table.labels is None:
        raise DataError("the label column is absent; name it under `label.column` of the declaration.")
    return table.labels


def strata(labels: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Return int8 [n] of 0 and 1 by which rows are drawn alike: the event, or whether a number is above the median."""
    if np.isin(labels, (0.0, 1.0)).all():
        return labels.astype(np.int8)
    middle = np.median(labels)
    above = labels > middle
    return (above if above.any() else labels >= middle).astype(np.int8)


def _processed(declaration: Declaration, table: DeclaredRows, keys: npt.NDArray[np.int64] | None) -> ProcessedSplit:
    frame, labels = table.typed.frame, _labels(table)
    return ProcessedSplit(
        features=frame[list(feature_columns(declaration))],
        labels=labels.astype(np.int8) if declaration.task == CLASSIFICATION else labels,
        groups=table.groups.names,
        rows=table.rows,
        held_out=frame[list(declaration.held_out)],
        split_key=keys,
    )


def _schema(declaration: Declaration, split: str, table: DeclaredRows, parts: Parts, digest: str) -> ProcessedSchema:
    sensitive = sensitive_columns(declaration)
    return ProcessedSchema(
        dataset=declaration.name,
        title=declaration.title,
        split=split,
        columns=tuple(_column(declaration, name, name in sensitive) for name in feature_columns(declaration)),
        attributes=attribute_schemas(declaration, table.groups.names),
        held_out=tuple(declaration.held_out),
        **_meaning(declaration),
        rows={name: len(positions) for name, positions in parts.items()},
        licence=declaration.licence,
        known_faults=declaration.known_faults,
        leave_out=dict(declaration.leave_out),
        source_digest=digest,
        source_kind=declaration.source.kind,
    )


def _meaning(declaration: Declaration) -> dict[str, Any]:
    """What the label is called and which of its values are good for the person."""
    label = declaration.label
    if isinstance(label, NumericLabel):
        favourable = "positive" if label.favourable == "high" else "negative"
        return {
            "task": REGRESSION,
            "favourable": favourable,
            "positive_name": label.name,
            "negative_name": "",
            "unit": label.unit,
        }
    if not isinstance(label, Label):
        raise TypeError(f"{type(label).__name__} is no form of a label")
    names = {"positive_name": label.positive_name, "negative_name": label.negative_name}
    return {"favourable": label.favourable, **names}


def _column(declaration: Declaration, name: str, sensitive: bool) -> ColumnSchema:
    column = declaration.columns[name]
    return ColumnSchema(
        name=name,
        kind=KINDS[column.type],
        integer=column.type == "integer",
        nullable=column.missing_at_most > 0,
        minimum=column.minimum,
        maximum=column.maximum,
        categories=column.categories,
        sensitive=sensitive,
        description=column.description,
        actionable=actionable(declaration, name),
        proxy_of=column.proxy_of,
        reason=column.reason or "",
        reason_low=column.reason_low or "",
        reason_high=column.reason_high or "",
    )


def _quality(declaration: Declaration, split: str, examined: Examination, parts: Parts) -> dict[str, Any]:
    """Assemble data_quality.json; lists hold what `dvc metrics show` should not spread over hundreds of columns."""
    table, validation = examined.table, examined.validation
    return {
        "findings": len(examined.findings),
        "dataset": declaration.name,
        "split": split,
        "rows": {
            "read": examined.read,
            "filtered_out": sum(one.rows for one in examined.filters),
            "quarantined": len(examined.aside.positions),
            **{name: len(positions) for name, positions in parts.items()},
        },
        "expectations": {"checked": len(validation.judgements), "passed": validation.passed},
        **label_summary(declaration.task, _labels(table), parts),
        "filters": [{"column": one.column, "reason": one.reason, "rows": one.rows} for one in examined.filters],
        "quarantine": [{"reason": reason, "rows": rows} for reason, rows in examined.aside.counts.items()],
        "promises": [
            {
                "code": one.promise.code,
                "subject": one.promise.subject,
                "expected": one.promise.expected,
                "kept": one.kept,
            }
            for one in validation.judgements
        ],
        "profile": profile(declaration, table),
    }
