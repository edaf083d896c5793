"""The files of `artifacts/02_features/`: the encoded rows of each split and what their columns are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema, column_from_dict
from apps.ml.errors import DataError
from apps.ml.files import read_json, write_json, write_parquet

SCHEMA_FILE = "features.json"
TRANSFORMER_FILE = "transformer.skops"


@dataclass(frozen=True)
class FeatureSchema:
    """What goes into the transformer and what comes out.

    `columns`: the input columns, in the order the transformer takes them; columns that the specification leaves out
    are not among them. `feature_names` and `feature_sources` are aligned with the encoded features.
    `uses_sensitive`: whether a column that carries a sensitive attribute is among the input columns.
    """

    columns: tuple[ColumnSchema, ...]
    feature_names: tuple[str, ...]
    feature_sources: tuple[str, ...]
    uses_sensitive: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return {
            "columns": [asdict(column) for column in self.columns],
            "feature_names": list(self.feature_names),
            "feature_sources": list(self.feature_sources),
            "uses_sensitive": self.uses_sensitive,
        }

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "FeatureSchema":
        """Inverse of :meth:`to_dict`."""
        return FeatureSchema(
            columns=tuple(column_from_dict(column) for column in content["columns"]),
            feature_names=tuple(content["feature_names"]),
            feature_sources=tuple(content["feature_sources"]),
            uses_sensitive=content["uses_sensitive"],
        )


def write_feature_schema(folder: Path, schema: FeatureSchema) -> None:
    """Write `features.json`."""
    write_json(folder / SCHEMA_FILE, schema.to_dict())


def read_feature_schema(folder: Path) -> FeatureSchema:
    """Read `features.json`; a missing file is a DataError."""
    _require(folder / SCHEMA_FILE)
    return FeatureSchema.from_dict(read_json(folder / SCHEMA_FILE))


def write_features(folder: Path, split: str, matrix: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    """Write the encoded rows of one split: float64 [n, k] with the names of the k features."""
    write_parquet(folder / f"{split}.parquet", pd.DataFrame(matrix, columns=list(names)))


def read_features(folder: Path, split: str) -> pd.DataFrame:
    """Read the encoded rows of one split, row by row aligned with the processed split; float64 [n, k]."""
    path = folder / f"{split}.parquet"
    _require(path)
    return pd.read_parquet(path)


def _require(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path} does not exist. Run `dvc repro` so that feature_engineering writes it.")
