"""The language between the stages: what `data_processing` promises and everybody downstream reads.

`artifacts/01_processed/` holds `schema.json` (a :class:`ProcessedSchema`) and one Parquet file per split. A split's
columns are the feature columns under their own names, then reserved columns with the prefix `fairmind:`:
`fairmind:row` (number of the row in the source, from 0), `fairmind:label` (1 = the positive event), and, per sensitive
attribute, `fairmind:group:<attribute>` (the group's name, `unknown` where the value is missing), and, per held-out
column, `fairmind:held_out:<column>`, and, where a group or moment divided the rows, its rank `fairmind:split_key`. No
source column may start with that prefix.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError
from apps.ml.files import read_json, write_json, write_parquet

RESERVED = "fairmind:"
ROW = "fairmind:row"
LABEL = "fairmind:label"
GROUP = "fairmind:group:"
HELD_OUT = "fairmind:held_out:"
SPLIT_KEY = "fairmind:split_key"
UNKNOWN_GROUP = "unknown"
JOINED_BY = " × "
"""Stands between the parts of an intersection's group name."""
FORMAT = 1

Task = Literal["binary_classification", "regression"]
"""Kinds of labels: an event that happens or not, or a number."""

CLASSIFICATION: Task = "binary_classification"
REGRESSION: Task = "regression"

Kind = Literal["numeric", "boolean", "categorical"]
Actionable = Literal["no", "any", "increase", "decrease"]
"""What a person can do about a column: nothing, change it either way, only raise it, only lower it."""


@dataclass(frozen=True)
class ColumnSchema:
    """One feature column.

    `kind` decides the dtype in the Parquet files and in a request: numeric → float64 (NaN = missing), boolean →
    float64 of 0, 1 or NaN, categorical → str (NaN = missing). `integer` tells that whole numbers are expected.
    `categories` are the declared ones (categorical only; empty: open). `sensitive`: the column carries a sensitive
    attribute.
    `actionable`: what the person can do about it; categories increase in their declared order. `proxy_of`: the
    sensitive attribute that the column is declared to stand in for. `reason`, `reason_low`, `reason_high`: words for
    the reason of an unfavourable decision, empty where none are declared.
    """

    name: str
    kind: Kind
    integer: bool = False
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    sensitive: bool = False
    description: str = ""
    actionable: Actionable = "any"
    proxy_of: str | None = None
    reason: str = ""
    reason_low: str = ""
    reason_high: str = ""


@dataclass(frozen=True)
class AttributeSchema:
    """One sensitive attribute or intersection: its source columns and the names of its groups, in display order."""

    name: str
    columns: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class ProcessedSchema:
    """What one run of `data_processing` produced.

    `favourable` says whether the positive event (label 1) or its absence is good for the person.
    `positive_name` and `negative_name` are words for reports. With the task regression the label is a number in `unit`,
    `favourable` says whether high (`positive`) or low values are good for the person, and `positive_name` is what the
    number is called. `rows` counts rows per split. `source_kind`: where the
    rows came from (`generator`: they are made up), `unknown` where an older version did not write it.
    """

    dataset: str
    title: str
    split: str
    columns: tuple[ColumnSchema, ...]
    attributes: tuple[AttributeSchema, ...]
    held_out: tuple[str, ...]
    favourable: Literal["positive", "negative"]
    positive_name: str
    negative_name: str
    rows: dict[str, int] = field(default_factory=dict)
    licence: str = ""
    known_faults: tuple[str, ...] = ()
    leave_out: dict[str, str] = field(default_factory=dict)
    source_digest: str = ""
    source_kind: str = "unknown"
    task: Task = CLASSIFICATION
    unit: str = ""

    def feature_columns(self, use_sensitive: bool) -> tuple[ColumnSchema, ...]:
        """Columns that may enter a model; sensitive ones only when asked for."""
        return tuple(column for column in self.columns if use_sensitive or not column.sensitive)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content, with the number of the format."""
        return {"format": FORMAT, **asdict(self)}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "ProcessedSchema":
        """Inverse of :meth:`to_dict`."""
        values = {key: value for key, value in content.items() if key != "format"}
        values["columns"] = tuple(column_from_dict(column) for column in values["columns"])
        values["attributes"] = tuple(
            AttributeSchema(entry["name"], tuple(entry["columns"]), tuple(entry["groups"]))
            for entry in values["attributes"]
        )
        values["held_out"] = tuple(values["held_out"])
        values["known_faults"] = tuple(values["known_faults"])
        return ProcessedSchema(**values)


def is_unknown_group(name: str) -> bool:
    """Whether a group holds people whose sensitive value, or some part of an intersection, is missing."""
    return UNKNOWN_GROUP in name.split(JOINED_BY)


def column_from_dict(content: dict[str, Any]) -> ColumnSchema:
    """Rebuild a :class:`ColumnSchema` from its JSON form; fields that an older version did not write get defaults."""
    return ColumnSchema(**{**content, "categories": tuple(content["categories"])})


@dataclass(frozen=True)
class ProcessedSplit:
    """The rows of one split, all parts aligned by position.

    `features`: data frame [n, columns]; `labels`: int8 [n] of 0 and 1, or float64 [n] where the label
    is a number; `groups`: data frame [n, attributes] of group
    names; `rows`: int64 [n], number in the source; `held_out`: data frame [n, held-out columns]. `split_key`:
    int64 [n], rank of the group or moment by which the rows were divided; None where they were drawn at random.
    """

    features: pd.DataFrame
    labels: npt.NDArray[Any]
    groups: pd.DataFrame
    rows: npt.NDArray[np.int64]
    held_out: pd.DataFrame
    split_key: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, columns: Sequence[ColumnSchema]) -> pd.DataFrame:
        """Return the typed frame [n, columns] of a model's input columns, a needed group among them."""
        parts = {
            column.name: self.groups[column.name.removeprefix(GROUP)]
            if column.name.startswith(GROUP)
            else self.features[column.name]
            for column in columns
        }
        return pd.DataFrame(parts, columns=[column.name for column in columns])


def write_schema(folder: Path, schema: ProcessedSchema) -> None:
    """Write `schema.json` into the processed folder."""
    write_json(folder / "schema.json", schema.to_dict())


def read_schema(folder: Path) -> ProcessedSchema:
    """Read `schema.json` from the processed folder."""
    return ProcessedSchema.from_dict(read_json(folder / "schema.json"))


def write_split(folder: Path, name: str, split: ProcessedSplit) -> None:
    """Write one split as Parquet, reserved columns last."""
    frame = split.features.reset_index(drop=True).copy()
    frame[ROW] = split.rows
    frame[LABEL] = split.labels
    for attribute in split.groups.columns:
        frame[GROUP + str(attribute)] = split.groups[attribute].to_numpy()
    for column in split.held_out.columns:
        frame[HELD_OUT + str(column)] = split.held_out[column].to_numpy()
    if split.split_key is not None:
        frame[SPLIT_KEY] = split.split_key
    write_parquet(folder / f"{name}.parquet", frame)


def read_split(folder: Path, name: str) -> ProcessedSplit:
    """Read one split written by :func:`write_split`."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        raise DataError(f"{path} does not exist. Run `dvc repro` so that data_processing writes it.")
    frame = pd.read_parquet(path)
    features = frame[[column for column in frame.columns if not column.startswith(RESERVED)]]
    return ProcessedSplit(
        features=features,
        labels=_labels(frame[LABEL]),
        groups=_part(frame, GROUP),
        rows=frame[ROW].to_numpy(dtype=np.int64),
        held_out=_part(frame, HELD_OUT),
        split_key=frame[SPLIT_KEY].to_numpy(dtype=np.int64) if SPLIT_KEY in frame else None,
    )


def _labels(column: "pd.Series[Any]") -> npt.NDArray[Any]:
    return column.to_numpy(dtype=np.float64 if column.dtype.kind == "f" else np.int8)


def _part(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    names = [column for column in frame.columns if column.startswith(prefix)]
    return frame[names].rename(columns=lambda column: column.removeprefix(prefix))
