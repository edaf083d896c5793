"""A small data set made by hand for tests of data processing: visits to a clinic, as a declaration and as raw text."""

from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.declaration import Declaration, EventDeclaration
from apps.ml.data.sources.raw_table import RawTable

DECLARATION: dict[str, Any] = {
    "name": "clinic_visits",
    "title": "Clinic visits",
    "description": "Visits that were kept or missed.",
    "licence": "made for tests",
    "task": "binary_classification",
    "source": {"kind": "files", "files": [{"path": "visits.csv", "sha256": "0" * 64}]},
    "label": {
        "column": "kept",
        "positive": ["yes"],
        "negative": ["no"],
        "favourable": "positive",
        "positive_name": "kept",
        "negative_name": "missed",
        "share": [0.05, 0.95],
    },
    "columns": {
        "visit": {"type": "identifier", "unique": True},
        "patient": {"type": "identifier"},
        "day": {"type": "date"},
        "age": {"type": "integer", "minimum": 18, "maximum": 100},
        "distance": {"type": "number", "minimum": 0, "missing_at_most": 0.25},
        "insured": {"type": "boolean"},
        "ward": {"type": "category", "categories": ["north", "south", "east"]},
        "sex": {"type": "category", "missing_at_most": 0.2},
    },
    "sensitive": {
        "sex": {"column": "sex", "groups": {"women": ["f"], "men": ["m"]}},
        "age_band": {"column": "age", "bands": [30, 60]},
        "sex_age": {"intersection": ["sex", "age_band"]},
    },
    "splits": {
        "shuffled": {"method": "random", "test": 0.25, "validation": 0.25},
        "by_patient": {"method": "group", "column": "patient", "test": 0.25, "validation": 0.25},
        "by_day": {"method": "time", "column": "day", "test": 0.25, "validation": 0.25},
    },
    "default_split": "shuffled",
}


def declaration(**changes: Any) -> Declaration:
    """Return the declaration with some top-level keys replaced."""
    return EventDeclaration.model_validate(DECLARATION | changes)


def with_column(name: str, **changes: Any) -> dict[str, Any]:
    """Return `columns` of the declaration in which one column is changed or added."""
    columns: dict[str, dict[str, Any]] = DECLARATION["columns"]
    return columns | {name: columns.get(name, {}) | changes}


def visits(rows: int = 80) -> pd.DataFrame:
    """Return rows as text, without a fault: ages 20 to 79, a fifth of distances and a tenth of sexes missing."""
    number = np.arange(rows)
    distance = pd.Series((number * 7 % 50 / 4).astype(str), dtype="str").mask(number % 5 == 4)
    return pd.DataFrame(
        {
            "visit": [f"V{one}" for one in number],
            "patient": [f"P{one // 3}" for one in number],
            "day": (np.datetime64("2024-01-01") + number // 2).astype(str),
            "age": (20 + number * 13 % 60).astype(str),
            "distance": distance,
            "insured": np.where(number % 3 == 0, "true", "false"),
            "ward": np.array(["north", "south", "east"])[number % 3],
            "sex": pd.Series(np.where(number % 2 == 0, "f", "m"), dtype="str").mask(number % 10 == 7),
            "kept": np.where(number * 11 % 7 < 4, "yes", "no"),
        }
    ).astype("str")


def raw(frame: pd.DataFrame) -> RawTable:
    """Return a raw table of one origin."""
    return RawTable(frame, np.full(len(frame), "", dtype=np.str_), "0" * 64)


def with_values(column: str, values: dict[int, str | None]) -> pd.DataFrame:
    """Return the visits with some values of one column replaced; None makes a value missing."""
    frame = visits()
    for row, value in values.items():
        frame.loc[row, column] = np.nan if value is None else value
    return frame
