import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_curve

from apps.ml.evaluation.plots.tables import (
    POINTS,
    calibration_points,
    confusion_counts,
    confusion_table,
    precision_recall_points,
    roc_points,
    thinned,
    to_csv,
)

outcomes = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.2, 0.35, 0.5, 0.77, 0.9])), min_size=2, max_size=40
).filter(lambda rows: {label for label, _ in rows} == {0, 1})


def columns(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([y for y, _ in rows], dtype=np.int8), np.array([s for _, s in rows])


@settings(max_examples=50, deadline=None)
@given(outcomes)
def test_the_roc_curve_is_that_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels, scores = columns(rows)
    points = roc_points(labels, scores)
    false, true, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(points["false_positive_rate"], false)
    np.testing.assert_allclose(points["true_positive_rate"], true)
    np.testing.assert_allclose(points["threshold"][1:], thresholds[1:])


@settings(max_examples=50, deadline=None)
@given(outcomes)
def test_the_precision_recall_curve_is_that_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels, scores = columns(rows)
    points = precision_recall_points(labels, scores)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    np.testing.assert_allclose(points["precision"], precision[:-1][::-1])
    np.testing.assert_allclose(points["recall"], recall[:-1][::-1])
    np.testing.assert_allclose(points["threshold"], thresholds[::-1])


@settings(max_examples=30, deadline=None)
@given(outcomes, st.integers(0, 2**16))
def test_tables_do_not_depend_on_the_order_of_rows(rows: list[tuple[int, float]], seed: int) -> None:
    labels, scores = columns(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    for table in (roc_points, precision_recall_points):
        pd.testing.assert_frame_equal(table(labels, scores), table(labels[order], scores[order]))


def test_one_class_has_no_roc_curve_and_no_positive_no_precision() -> None:
    assert roc_points(np.ones(3, dtype=np.int8), np.array([0.1, 0.2, 0.3])).empty
    assert precision_recall_points(np.zeros(3, dtype=np.int8), np.array([0.1, 0.2, 0.3])).empty
    assert calibration_points(np.zeros(0, dtype=np.int8), np.zeros(0), 10, 0.95).empty


def test_calibration_by_hand() -> None:
    labels = np.array([0, 0, 1, 1], dtype=np.int8)
    points = calibration_points(labels, np.array([0.1, 0.3, 0.6, 0.8]), 2, 0.95)
    assert points["mean_score"].tolist() == pytest.approx([0.2, 0.7])
    assert points["observed_share"].tolist() == [0.0, 1.0]
    assert points["rows"].tolist() == [2, 2]
    assert (points["lower"] <= points["observed_share"]).all()
    assert (points["upper"] >= points["observed_share"]).all()


def test_the_confusion_table_counts_each_outcome() -> None:
    labels, decisions = np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0])
    table = confusion_table(confusion_counts(labels.astype(np.int8), decisions.astype(np.int8)), "yes", "no")
    assert dict(zip(table["outcome"], table["rows"], strict=True)) == {
        "true positive": 2,
        "false negative": 1,
        "false positive": 1,
        "true negative": 1,
    }
    assert table["share_of_actual"].tolist() == pytest.approx([2 / 3, 1 / 3, 0.5, 0.5])


def test_large_tables_are_thinned_with_both_ends_kept() -> None:
    table = pd.DataFrame({"x": np.arange(10_000)})
    kept = thinned(table)["x"]
    assert len(kept) == POINTS
    assert (kept.iloc[0], kept.iloc[-1]) == (0, 9_999)
    assert kept.is_unique


def test_csv_numbers_are_rounded_and_missing_ones_empty() -> None:
    text = to_csv(pd.DataFrame({"a": [1 / 3, np.nan], "n": [1, 2], "name": ["x, y", "z"]}))
    assert text == 'a,n,name\n0.333333,1,"x, y"\n,2,z\n'
    assert len(pd.read_csv(io.StringIO(text))) == 2
