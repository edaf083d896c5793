"""The rows of an audited file as decisions, labels, groups, scores and weights; what cannot be used is counted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError, Finding
from apps.ml.evaluation.audit.chunks import Chunk
from apps.ml.evaluation.audit.csv_chunks import csv_chunks
from apps.ml.evaluation.audit.group_column import GroupColumn
from apps.ml.evaluation.audit.number_column import NumberColumn
from apps.ml.evaluation.audit.options import AuditOptions
from apps.ml.evaluation.audit.outcome_column import MISSING, OutcomeColumn
from apps.ml.evaluation.audit.parquet_chunks import is_parquet, parquet_chunks

Progress = Callable[[float], None]


@dataclass(frozen=True)
class AuditRows:
    """Rows that enter the audit, all parts aligned: decisions and labels int8 [n], groups [n, attributes and
    conditions], scores and weights float64 [n]; None for what the file does not have."""

    decisions: npt.NDArray[np.int8]
    groups: pd.DataFrame
    labels: npt.NDArray[np.int8] | None
    scores: npt.NDArray[np.float64] | None
    weights: npt.NDArray[np.float64] | None


class RowReader:
    """Reads the file once, chunk by chunk, and keeps what every column turned out to be."""

    def __init__(self, options: AuditOptions, progress: Progress | None = None) -> None:
        self.options = options
        self.prediction = _outcome("--prediction", options.prediction, options)
        self.label = _outcome("--label", options.label, options)
        self.attributes = {name: GroupColumn(name, options.bands.get(name)) for name in options.group_columns}
        probability = options.score_scale == "probability"
        self.score = NumberColumn.scores(options.score, probability) if options.score else None
        self.weight = NumberColumn.weights(options.weight) if options.weight else None
        self.rows_read = 0
        self.left_out = 0
        self._progress = progress or (lambda _share: None)

    def __iter__(self) -> Iterator[AuditRows]:
        """Yield the rows that enter the audit.

        Raises
        ------
        DataError
            The file cannot be read, or (after the last row) rows cannot be used; all reasons are listed.
        """
        for chunk in _chunks(self.options):
            self.rows_read += chunk.rows
            yield self._rows(chunk)
            self._progress(chunk.done)
        findings = self._findings()
        if findings:
            raise DataError(
                f"{self.options.path} cannot be audited as asked. Mend the rows or the options; of {self.rows_read:,} "
                "rows:",
                findings,
            )
        if self.rows_read == self.left_out:
            raise DataError(f"{self.options.path}: every row was left out. Provide rows with their outcome.")

    def _rows(self, chunk: Chunk) -> AuditRows:
        scores = self.score.read(chunk.numbers[self.score.name], chunk.first_line) if self.score else None
        labels = self.label.read(chunk.texts[self.label.name], chunk.first_line) if self.label else None
        weights = self.weight.read(chunk.numbers[self.weight.name], chunk.first_line) if self.weight else None
        decisions = self._decisions(chunk, scores)
        groups = pd.DataFrame({name: column.read(chunk.texts[name]) for name, column in self.attributes.items()})
        usable = decisions != MISSING
        if labels is not None:
            usable &= labels != MISSING
        if scores is not None:
            usable &= ~np.isnan(scores)
        rows = AuditRows(decisions, groups, labels, scores, weights)
        if usable.all():
            return rows
        self.left_out += int(len(usable) - usable.sum())
        return _selected(rows, usable)

    def _decisions(self, chunk: Chunk, scores: npt.NDArray[np.float64] | None) -> npt.NDArray[np.int8]:
        if self.prediction is not None:
            return self.prediction.read(chunk.texts[self.prediction.name], chunk.first_line)
        if scores is None or self.options.threshold is None:
            raise ValueError("options without a prediction have a score and a threshold")
        return np.where(np.isnan(scores), MISSING, scores >= self.options.threshold).astype(np.int8)

    def _findings(self) -> list[Finding]:
        columns = [self.prediction, self.label, self.score, self.weight, *self.attributes.values()]
        found = [finding for column in columns if column is not None for finding in column.findings()]
        if self.options.leave_out_missing:
            return found
        for column in (self.prediction, self.label, self.score):
            if column is not None and column.missing:
                message = f"the value is missing, first in line {column.first_missing}"
                expected = "a value in every row; --leave-out-missing audits the other rows and counts these"
                found.append(Finding("missing", message, column.name, column.missing, expected))
        return found


def _outcome(option: str, name: str | None, options: AuditOptions) -> OutcomeColumn | None:
    return None if name is None else OutcomeColumn(option, name, options.words)


def _selected(rows: AuditRows, usable: npt.NDArray[np.bool_]) -> AuditRows:
    return AuditRows(
        rows.decisions[usable],
        rows.groups.loc[usable],
        None if rows.labels is None else rows.labels[usable],
        None if rows.scores is None else rows.scores[usable],
        None if rows.weights is None else rows.weights[usable],
    )


def _chunks(options: AuditOptions) -> Iterator[Chunk]:
    if not options.path.is_file():
        raise DataError(f"there is no file {options.path}. Name a CSV or Parquet file.")
    try:
        read = parquet_chunks if is_parquet(options.path) else csv_chunks
    except OSError as error:
        raise DataError(f"{options.path} cannot be read: {error.strerror}. Mend its permissions.") from None
    return read(options)
