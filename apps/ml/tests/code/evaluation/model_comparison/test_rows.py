from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.ml.data.processed import GROUP, LABEL, ROW
from apps.ml.errors import DataError
from apps.ml.evaluation.model_comparison.rows import AnsweredRows, from_predictions, pair_rows
from apps.ml.tests.answered_rows import answered


def taken(rows: AnsweredRows, at: list[int]) -> AnsweredRows:
    decisions = None if rows.decisions is None else rows.decisions[at]
    return AnsweredRows(rows.rows[at], rows.labels[at], rows.scores[at], decisions, rows.groups.iloc[at])


def test_rows_are_matched_by_their_number_and_not_by_their_place() -> None:
    new, old = taken(answered(0.6), [3, 1, 2, 7]), taken(answered(0.2), [1, 2, 3, 9])
    pair = pair_rows(new, old)
    assert len(pair) == 3
    assert pair.left_out == 2
    assert pair.new_scores.tolist() == answered(0.6).scores[[1, 2, 3]].tolist()
    assert pair.old_scores.tolist() == answered(0.2).scores[[1, 2, 3]].tolist()
    assert pair.groups["sex"].tolist() == answered(0.2).groups["sex"][[1, 2, 3]].tolist()


def test_other_rows_other_labels_and_another_task_are_no_pair() -> None:
    rows = answered(0.5)
    with pytest.raises(DataError, match="tested on different rows: none is common"):
        pair_rows(rows, replace(rows, rows=rows.rows + 1000))
    with pytest.raises(DataError, match="other labels for 400 of 400 common rows"):
        pair_rows(rows, replace(rows, labels=1 - rows.labels))
    with pytest.raises(DataError, match="one decides and the other estimates a number"):
        pair_rows(rows, answered(0.5, regression=True))


def test_rows_that_are_there_twice_or_without_a_score_are_refused() -> None:
    rows = answered(0.5)
    with pytest.raises(DataError, match="answered more than once"):
        replace(rows, rows=np.zeros(400, dtype=np.int64))
    with pytest.raises(DataError, match="missing or infinite"):
        replace(rows, scores=np.full(400, np.nan))


def test_a_table_of_predictions_is_read_with_and_without_decisions() -> None:
    frame = pd.DataFrame({ROW: [4, 2], LABEL: [1, 0], "score": [0.7, 0.2], GROUP + "sex": ["f", "m"]})
    assert from_predictions(frame).decisions is None
    assert from_predictions(frame).groups.columns.tolist() == ["sex"]
    decided = from_predictions(frame.assign(decision=[1, 0])).decisions
    assert decided is not None
    assert decided.tolist() == [1, 0]
    with pytest.raises(DataError, match="no column score"):
        from_predictions(frame.drop(columns="score"))
