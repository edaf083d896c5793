"""The rows that a model answered, and those that two models answered both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import GROUP, LABEL, ROW, ProcessedSplit
from apps.ml.errors import DataError

SCORE, DECISION = "score", "decision"
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AnsweredRows:
    """Test rows and what one model said about them, all parts aligned by position.

    `rows`: int64 [n], number in the source, each once; `labels` and `scores`: float64 [n], finite; `decisions`: int8
    [n] of 0 and 1, None for a regression; `groups`: data frame [n, attributes] of group names.
    """

    rows: npt.NDArray[np.int64]
    labels: Numbers
    scores: Numbers
    decisions: npt.NDArray[np.int8] | None
    groups: pd.DataFrame

    def __post_init__(self) -> None:
        if len(np.unique(self.rows)) != len(self.rows):
            raise DataError("a row is answered more than once, so rows cannot be matched. Reproduce the run.")
        if not (np.isfinite(self.labels).all() and np.isfinite(self.scores).all()):
            raise DataError("a label or a score is missing or infinite. Reproduce the run.")


@dataclass(frozen=True)
class Pair:
    """The rows that two models answered, aligned; `left_out` counts those that only one of them answered.

    `labels`, `new_scores`, `old_scores`: float64 [n]; `new_decisions`, `old_decisions`: int8 [n], None for a
    regression; `groups`: data frame [n, attributes], as the old model's rows name them.
    """

    labels: Numbers
    new_scores: Numbers
    old_scores: Numbers
    new_decisions: npt.NDArray[np.int8] | None
    old_decisions: npt.NDArray[np.int8] | None
    groups: pd.DataFrame
    left_out: int

    def __len__(self) -> int:
        return len(self.labels)


def from_predictions(frame: pd.DataFrame) -> AnsweredRows:
    """Return the rows of a predictions file (artifacts/04_predictions/test.parquet).

    Raises
    ------
    DataError
        A column is missing, a row is there twice, or a number is missing.
    """
    missing = [name for name in (ROW, LABEL, SCORE) if name not in frame.columns]
    if missing:
        raise DataError(f"the predictions have no column {', '.join(missing)}. Run `dvc repro`.")
    groups = [str(name) for name in frame.columns if str(name).startswith(GROUP)]
    return AnsweredRows(
        rows=frame[ROW].to_numpy(dtype=np.int64),
        labels=frame[LABEL].to_numpy(dtype=np.float64),
        scores=frame[SCORE].to_numpy(dtype=np.float64),
        decisions=frame[DECISION].to_numpy(dtype=np.int8) if DECISION in frame.columns else None,
        groups=frame[groups].rename(columns=lambda name: str(name).removeprefix(GROUP)).reset_index(drop=True),
    )


def from_split(split: ProcessedSplit, scores: Numbers, decisions: npt.NDArray[np.int8] | None) -> AnsweredRows:
    """Return rows that were scored just now: `scores` float64 [n], `decisions` int8 [n], in the order of the split."""
    labels = np.asarray(split.labels, dtype=np.float64)
    return AnsweredRows(split.rows, labels, scores, decisions, split.groups.reset_index(drop=True))


def pair_rows(new: AnsweredRows, old: AnsweredRows) -> Pair:
    """Match rows by their number in the source; rows that only one model answered are left out and counted.

    Raises
    ------
    DataError
        No row was answered by both, labels disagree, or one is a regression and the other is not.
    """
    common, at_new, at_old = np.intersect1d(new.rows, old.rows, assume_unique=True, return_indices=True)
    if not len(common):
        raise DataError("the two were tested on different rows: none is common. Compare runs of one split.")
    wrong = int((new.labels[at_new] != old.labels[at_old]).sum())
    if wrong:
        raise DataError(
            f"the two know other labels for {wrong:,} of {len(common):,} common rows. Compare runs of one data set."
        )
    if (new.decisions is None) != (old.decisions is None):
        raise DataError("one decides and the other estimates a number. Compare models of one task.")
    return Pair(
        labels=old.labels[at_old],
        new_scores=new.scores[at_new],
        old_scores=old.scores[at_old],
        new_decisions=None if new.decisions is None else new.decisions[at_new],
        old_decisions=None if old.decisions is None else old.decisions[at_old],
        groups=old.groups.iloc[at_old][_common_columns(new.groups, old.groups)].reset_index(drop=True),
        left_out=len(new.rows) + len(old.rows) - 2 * len(common),
    )


def _common_columns(new: pd.DataFrame, old: pd.DataFrame) -> Sequence[str]:
    return [str(name) for name in old.columns if name in new.columns]
