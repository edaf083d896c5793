"""From stored calls to columns of values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from apps.ml.prediction_log.identifiers import prediction_ids
from apps.ml.prediction_log.logged import LoggedVersion, Predictions, Value
from apps.ml.prediction_log.shadows import answered_call

Sensitive = Mapping[bytes, Mapping[str, list[Any]]]
"""Per call and sensitive column the values, one per row."""

Labels = Mapping[tuple[bytes, int], Any]
"""Per call and row the latest report."""


def assembled(
    version: LoggedVersion, found: Sequence[Any], sensitive: Sensitive | None, labels: Labels, only: int | None = None
) -> Predictions:
    """Return the rows of stored calls as columns, without those that were erased.

    Parameters
    ----------
    sensitive
        None: leave sensitive columns out.
    only
        Take this row of each call alone.
    """
    plain = [column.name for column in version.columns if not column.sensitive]
    taken = [column for column in version.columns if sensitive is not None or not column.sensitive]
    batch = Predictions(version, [], [], [], [], {column.name: [] for column in taken}, [], [], [], [], [])
    for call in found:
        if call.inputs is None:
            continue
        scores = msgspec.json.decode(call.scores)
        rows = [row for row in _rows(call.row_count, only) if scores[row] is not None]
        inputs = msgspec.json.decode(call.inputs)
        values: dict[str, Any] = {name: [inputs[row][index] for row in rows] for index, name in enumerate(plain)}
        for name, apart in (sensitive or {}).get(call.call, {}).items():
            values[name] = [apart[row] for row in rows]
        for column in taken:
            batch.inputs[column.name] += _typed(values[column.name], column.kind)
        _add_answers(batch, call, rows, [scores[row] for row in rows])
        answered = answered_call(call.call, call.arm, call.request)
        _add_labels(batch, [labels.get((answered, row)) for row in rows])
    return batch


def _rows(count: int, only: int | None) -> Iterable[int]:
    return range(count) if only is None else [only]


def _add_answers(batch: Predictions, call: Any, rows: list[int], scores: list[float]) -> None:
    names = prediction_ids(call.call, call.row_count)
    decisions = None if call.decisions is None else msgspec.json.decode(call.decisions)
    batch.ids.extend(names[row] for row in rows)
    batch.answered_at.extend([call.answered_at] * len(rows))
    batch.arms.extend([call.arm] * len(rows))
    batch.routes.extend([call.route] * len(rows))
    batch.scores.extend(map(float, scores))
    batch.decisions.extend(None if decisions is None else decisions[row] for row in rows)


def _add_labels(batch: Predictions, reports: list[Any]) -> None:
    batch.labels.extend(None if one is None else one.label for one in reports)
    batch.reported_at.extend(None if one is None else one.reported_at for one in reports)
    batch.observed_at.extend(None if one is None else one.observed_at for one in reports)


def _typed(values: list[Any], kind: str) -> list[Value]:
    """Values as the model took them: numbers as float64, truth values (which may come as 0 and 1) as such."""
    if kind == "numeric":
        return [None if value is None else float(value) for value in values]
    if kind == "boolean":
        return [None if value is None else bool(value) for value in values]
    return values
