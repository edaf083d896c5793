"""Golden rows: a few rows and the scores they had, measured again whenever a bundle is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.errors import BundleError
from apps.ml.models.bundle_files import read_exact_json, write_exact_json

GOLDEN_FILE = "golden_rows.json"
MOST_ROWS = 32
TOLERANCE = 1e-9
"""Largest accepted difference of a score; other processors and library builds differ by about 1e-12."""

Scores = npt.NDArray[np.float64]


def first_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return at most the first 32 rows, numbered from 0."""
    return frame.head(MOST_ROWS).reset_index(drop=True)


def write_golden(
    folder: Path,
    frame: pd.DataFrame,
    columns: Sequence[ColumnSchema],
    scores: Scores,
    decision_scores: Scores | None = None,
) -> None:
    """Write the first rows of `frame` as request records beside their scores, every digit kept.

    `decision_scores` [n]: what is compared with the threshold, None where it is the scores.
    """
    content: dict[str, Any] = {"records": records(first_rows(frame), columns), "scores": scores.tolist()}
    if decision_scores is not None:
        content["decision_scores"] = decision_scores.tolist()
    write_exact_json(folder / GOLDEN_FILE, content)


@dataclass(frozen=True)
class GoldenRows:
    """A typed frame, its scores [n], and its decision scores [n] where these are other numbers."""

    frame: pd.DataFrame
    scores: Scores
    decision_scores: Scores | None


def read_golden(folder: Path, columns: Sequence[ColumnSchema]) -> GoldenRows:
    """Read the golden rows.

    Raises
    ------
    BundleError
        The file does not hold rows and as many scores.
    """
    content = read_exact_json(folder / GOLDEN_FILE)
    try:
        frame = typed_frame(content["records"], columns)
        scores = np.array(content["scores"], dtype=np.float64)
        moved = np.array(content["decision_scores"], dtype=np.float64) if "decision_scores" in content else None
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / GOLDEN_FILE} does not hold rows and scores. Train the model again.") from error
    if any(len(frame) != len(numbers) for numbers in (scores, moved) if numbers is not None):
        raise BundleError(f"{folder / GOLDEN_FILE}: {len(frame)} rows, {len(scores)} scores. Train the model again.")
    return GoldenRows(frame, scores, moved)


def check_golden(
    folder: Path,
    columns: Sequence[ColumnSchema],
    score: Callable[[pd.DataFrame], Scores],
    decision_score: Callable[[pd.DataFrame], Scores | None] | None = None,
) -> None:
    """Score the golden rows again.

    Raises
    ------
    BundleError
        A score or decision score is undefined or differs from the stored one by more than 1e-9, relative to the largest
        stored one where that is above 1; the message holds counts only.
    """
    golden = read_golden(folder, columns)
    if not len(golden.frame):
        return
    _require_same(folder, "score", score(golden.frame), golden.scores)
    moved = decision_score(golden.frame) if decision_score else None
    if (moved is None) != (golden.decision_scores is None) and decision_score:
        raise BundleError(f"{folder}: golden rows and adjustment do not belong together. Train the model again.")
    if moved is not None and golden.decision_scores is not None:
        _require_same(folder, "decision score", moved, golden.decision_scores)


def _require_same(folder: Path, what: str, found: Scores, expected: Scores) -> None:
    difference = np.abs(found - expected) / max(1.0, float(np.max(np.abs(expected))))
    wrong = int(np.sum(~(difference <= TOLERANCE)))
    if wrong:
        raise BundleError(
            f"{folder}: {wrong} of {len(expected)} golden rows get another {what} (largest difference "
            f"{np.max(difference):.3g}, accepted {TOLERANCE:g}). Use the library versions that the model was trained "
            "with, or train it again."
        )


def records(frame: pd.DataFrame, columns: Sequence[ColumnSchema]) -> list[dict[str, Any]]:
    """Return rows as JSON-ready request records: missing values are null, whole numbers have no point."""
    parts = {column.name: [_plain(value, column) for value in frame[column.name]] for column in columns}
    return [{name: values[row] for name, values in parts.items()} for row in range(len(frame))]


def typed_frame(rows: Sequence[dict[str, Any]], columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """Inverse of :func:`records`: numeric and boolean columns float64, categorical ones str, null is NaN."""
    series = {column.name: _series([row[column.name] for row in rows], column) for column in columns}
    return pd.DataFrame(series, columns=[column.name for column in columns])


def as_typed(frame: pd.DataFrame, columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """Return the input columns of a frame from elsewhere in the dtypes of a request; an absent one is all missing."""
    series = {
        column.name: _series(frame[column.name].tolist() if column.name in frame else [None] * len(frame), column)
        for column in columns
    }
    return pd.DataFrame(series, columns=[column.name for column in columns])


def _plain(value: Any, column: ColumnSchema) -> Any:
    if pd.isna(value):
        return None
    if column.kind == "categorical":
        return str(value)
    number = float(value)
    return int(number) if column.kind == "boolean" or (column.integer and number.is_integer()) else number


def _series(values: list[Any], column: ColumnSchema) -> "pd.Series[Any]":
    present = [None if pd.isna(value) else value for value in values]
    if column.kind == "categorical":
        return pd.Series([None if value is None else str(value) for value in present], dtype="str")
    return pd.Series([np.nan if value is None else float(value) for value in present], dtype="float64")
