import io
import json

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.plots.tables import confusion_table, tables_of, to_csv
from apps.ml.tests import small_evaluation


def test_tables_hold_the_curves_of_the_record() -> None:
    record = small_evaluation.record()
    tables = tables_of(record)
    assert list(tables) == ["roc.csv", "precision_recall.csv", "calibration.csv", "confusion.csv"]
    assert tables["roc.csv"].to_dict("records") == record["curves"]["roc"]
    assert tables["precision_recall.csv"].to_dict("records") == record["curves"]["precision_recall"]
    assert list(tables["calibration.csv"].columns) == ["mean_score", "observed_share", "lower", "upper", "rows"]
    assert tables["calibration.csv"]["rows"].sum() == tables["confusion.csv"]["rows"].sum() == small_evaluation.ROWS


def test_tables_are_the_same_from_the_written_record() -> None:
    record = small_evaluation.record()
    read = tables_of(json.loads(json.dumps(record)))
    for name, table in tables_of(record).items():
        pd.testing.assert_frame_equal(table, read[name])


def test_curves_that_are_undefined_have_columns_and_no_rows() -> None:
    record = small_evaluation.audit_record(labels=True)
    tables = tables_of(record)
    assert {name: len(table) for name, table in tables.items()} == {
        "roc.csv": 0,
        "precision_recall.csv": 0,
        "calibration.csv": 0,
        "confusion.csv": 4,
    }
    assert to_csv(tables["roc.csv"]) == "false_positive_rate,true_positive_rate,threshold\n"


def test_the_confusion_table_counts_each_outcome() -> None:
    table = confusion_table([[0, 1], [1, 2]], "yes", "no")
    assert dict(zip(table["outcome"], table["rows"], strict=True)) == {
        "true positive": 2,
        "false negative": 1,
        "false positive": 1,
        "true negative": 0,
    }
    assert table["actual"].tolist() == ["yes", "yes", "no", "no"]
    assert table["predicted"].tolist() == ["yes", "no", "yes", "no"]
    assert table["share_of_actual"].tolist() == pytest.approx([2 / 3, 1 / 3, 1.0, 0.0])


def test_an_actual_class_without_rows_has_no_shares() -> None:
    table = confusion_table([[0, 0], [1, 3]], "yes", "no")
    assert table["share_of_actual"].tolist()[:2] == [0.75, 0.25]
    assert table["share_of_actual"].isna().tolist() == [False, False, True, True]


def test_csv_numbers_are_rounded_and_missing_ones_empty() -> None:
    text = to_csv(pd.DataFrame({"a": [1 / 3, np.nan], "n": [1, 2], "name": ["x, y", "z"]}))
    assert text == 'a,n,name\n0.333333,1,"x, y"\n,2,z\n'
    assert len(pd.read_csv(io.StringIO(text))) == 2
