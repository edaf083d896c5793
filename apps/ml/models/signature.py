"""The signature that MLflow checks: what a request holds and what comes back."""

from pathlib import Path
from typing import Any

import pandas as pd

from apps.ml.models.bundle import BundleInfo, read_info
from apps.ml.models.golden_rows import read_golden


def mlflow_signature(info: BundleInfo) -> Any:
    """Return the MLflow signature of a bundle.

    Numeric and boolean columns are doubles (MLflow refuses a whole number where a double is declared, and the other way
    round, so there is one numeric type), categorical ones strings; a column that may be missing is optional. The
    answer has a double `score` and, where the model decides, a long `decision`.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = [
        ColSpec(
            DataType.string if column.kind == "categorical" else DataType.double,
            column.name,
            required=not column.nullable,
        )
        for column in info.columns
    ]
    decides = [] if info.threshold is None else [ColSpec(DataType.long, "decision")]
    outputs = [ColSpec(DataType.double, "score"), *decides]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def input_example(folder: Path, rows: int = 1) -> pd.DataFrame:
    """Return the first golden rows of the bundle in `folder` as a frame that fits its signature."""
    return read_golden(folder, read_info(folder).columns).frame.head(rows)
