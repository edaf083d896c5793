"""A small made-up table of people, its schema, and the specification that params.yaml's defaults give it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import AttributeSchema, ColumnSchema, ProcessedSchema, ProcessedSplit
from apps.ml.features.specification import feature_specification
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.parameters import FeatureEngineering

COLUMNS = (
    ColumnSchema("age", "numeric", integer=True, nullable=False, minimum=18, maximum=99),
    ColumnSchema("income", "numeric"),
    ColumnSchema("purpose", "categorical"),
    ColumnSchema("education", "categorical", categories=("school", "college", "doctorate")),
    ColumnSchema("owns_home", "boolean"),
    ColumnSchema("gender", "categorical", sensitive=True),
)
SCHEMA = ProcessedSchema(
    dataset="people",
    title="Made-up people",
    split="random",
    columns=COLUMNS,
    attributes=(AttributeSchema("gender", ("gender",), ("f", "m")),),
    held_out=(),
    favourable="positive",
    positive_name="repaid",
    negative_name="defaulted",
)


def people(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return a frame with the dtypes of a processed split; income, purpose and owns_home miss some values."""
    rng = np.random.default_rng(seed)
    purposes = np.array(["car", "house", "education", "boat", None], dtype=object)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows).astype(np.float64),
            "income": np.where(rng.random(rows) < 0.2, np.nan, np.round(rng.lognormal(7.0, 1.0, rows), 2)),
            "purpose": pd.Series(rng.choice(purposes, rows, p=[0.4, 0.3, 0.2, 0.005, 0.095]), dtype="str"),
            "education": pd.Series(rng.choice(["school", "college", "doctorate"], rows), dtype="str"),
            "owns_home": np.where(rng.random(rows) < 0.1, np.nan, rng.integers(0, 2, rows)),
            "gender": pd.Series(rng.choice(["f", "m"], rows), dtype="str"),
        }
    )


def labels_of(frame: pd.DataFrame, seed: int = 0) -> npt.NDArray[np.int8]:
    """Return labels that depend on age and purpose, with noise."""
    rng = np.random.default_rng(seed)
    liking = frame["age"].to_numpy() / 40 + (frame["purpose"] == "car").to_numpy() - 1.5
    return (liking + rng.normal(size=len(frame)) > 0).astype(np.int8)


def people_split(rows: int, seed: int = 0, first_row: int = 0) -> ProcessedSplit:
    """Return people as a processed split."""
    features = people(rows, seed)
    return ProcessedSplit(
        features=features,
        labels=labels_of(features, seed),
        groups=features[["gender"]].copy(),
        rows=np.arange(first_row, first_row + rows, dtype=np.int64),
        held_out=pd.DataFrame(index=features.index),
    )


def transformer(schema: ProcessedSchema = SCHEMA, **section: Any) -> FeatureTransformer:
    """Return an unfitted transformer for a section `feature_engineering` of params.yaml."""
    parameters = FeatureEngineering.model_validate(section)
    return FeatureTransformer(feature_specification(parameters, schema).to_dict())


def one_column(column: ColumnSchema, **override: Any) -> FeatureTransformer:
    """Return an unfitted transformer for a table of this single column."""
    schema = ProcessedSchema(**{**SCHEMA.__dict__, "columns": (column,)})
    return transformer(schema, columns={column.name: override} if override else {})
