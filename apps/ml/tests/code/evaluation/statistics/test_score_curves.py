import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.scores.score_curves import (
    precision_recall_points,
    roc_curve_points,
    score_histogram,
    threshold_curve,
)

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 1000)), min_size=1, max_size=80)


def table_of(groups: list[str], labels: list[int], scores: list[float], steps: int = 10) -> ScoreTable:
    joint = count_jointly(np.zeros(len(labels)), pd.DataFrame({"g": groups}), labels, scores, score_bins=steps)
    return joint.scores("g")


SMALL = table_of(["a"] * 5 + ["b"], [1, 1, 0, 0, 0, 0], [0.85, 0.45, 0.65, 0.45, 0.25, 0.5])


def test_rates_over_thresholds_checked_by_hand() -> None:
    curve = threshold_curve(SMALL, 11)["a"]
    assert [point["threshold"] for point in curve] == pytest.approx(np.arange(11) / 10)
    # At .4: both positives, two of three negatives.
    assert curve[4]["selection_rate"] == pytest.approx(4 / 5)
    assert curve[4]["true_positive_rate"] == 1.0
    assert curve[4]["false_positive_rate"] == pytest.approx(2 / 3)
    assert list(curve[0].values()) == [0.0, 1.0, 1.0, 1.0]
    assert list(curve[-1].values()) == [1.0, 0.0, 0.0, 0.0]


def test_the_roc_curve_checked_by_hand() -> None:
    curve = roc_curve_points(SMALL, 100)["a"]
    points = [(point["false_positive_rate"], point["true_positive_rate"]) for point in curve]
    assert points == [(0, 0), (0, 0.5), (pytest.approx(1 / 3), 0.5), (pytest.approx(2 / 3), 1), (1, 1)]
    # Each point has the highest threshold that reaches it.
    assert [point["threshold"] for point in curve] == [1.0, 0.8, 0.6, 0.4, 0.2]


def test_the_precision_recall_curve_checked_by_hand() -> None:
    curve = precision_recall_points(SMALL, 100)["a"]
    points = [(point["recall"], point["precision"]) for point in curve]
    assert points == [(0.5, 1.0), (0.5, 0.5), (1.0, 0.5), (1.0, pytest.approx(0.4))]


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(2, 15))
def test_curves_are_the_rates_of_the_rows_at_their_thresholds(rows: list[tuple[str, int, int]], points: int) -> None:
    groups, labels, thousandths = zip(*rows, strict=True)
    # Off the borders of steps, where rows and steps could be told apart by rounding.
    scores = (np.array(thousandths) * 0.998 + 0.5) / 1000
    table = table_of(list(groups), list(labels), list(scores), 100)
    for name, curve in threshold_curve(table, points).items():
        inside = np.array(groups) == name
        y, s = np.array(labels)[inside], scores[inside]
        assert len(curve) <= points
        for point in curve:
            chosen = s >= point["threshold"]
            assert point["selection_rate"] == pytest.approx(chosen.mean())
            for label, rate in ((1, "true_positive_rate"), (0, "false_positive_rate")):
                assert point[rate] == (pytest.approx(chosen[y == label].mean()) if (y == label).any() else None)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(2, 15))
def test_ends_are_included_points_are_few_and_thresholds_fall(rows: list[tuple[str, int, int]], points: int) -> None:
    groups, labels, thousandths = zip(*rows, strict=True)
    table = table_of(list(groups), list(labels), [number / 1000 for number in thousandths], 100)
    for name, curve in roc_curve_points(table, points).items():
        both = len({y for g, y in zip(groups, labels, strict=True) if g == name}) == 2
        assert 2 <= len(curve) <= points
        assert (np.diff(np.array([point["threshold"] for point in curve], dtype=float)) < 0).all()
        if both:
            assert (curve[0]["false_positive_rate"], curve[0]["true_positive_rate"]) == (0, 0)
            assert (curve[-1]["false_positive_rate"], curve[-1]["true_positive_rate"]) == (1, 1)
        else:
            assert all(None in point.values() for point in curve)
    for name, curve in precision_recall_points(table, points).items():
        assert 1 <= len(curve) <= points
        positives = [y for g, y in zip(groups, labels, strict=True) if g == name]
        assert curve[-1]["precision"] == pytest.approx(np.mean(positives))
        assert curve[-1]["recall"] == (1.0 if any(positives) else None)


def test_a_group_of_one_class_has_no_rate_for_the_other() -> None:
    assert {point["true_positive_rate"] for point in threshold_curve(SMALL, 11)["b"]} == {None}
    assert {point["recall"] for point in precision_recall_points(SMALL, 11)["b"]} == {None}


def test_a_group_without_rows_has_empty_curves_and_no_numbers() -> None:
    groups = pd.Categorical(["a"], categories=["a", "b"])
    table = count_jointly([0], pd.DataFrame({"g": groups}), [1], [0.5], score_bins=10).scores("g")
    assert precision_recall_points(table, 5)["b"] == []
    assert threshold_curve(table, 2)["b"][0] == {
        "threshold": 0.0,
        "selection_rate": None,
        "true_positive_rate": None,
        "false_positive_rate": None,
    }
    assert score_histogram(table, 2)["b"] == [0, 0]


def test_histograms_count_every_row_once() -> None:
    assert score_histogram(SMALL, 5)["a"] == [0, 1, 2, 1, 1]
    assert score_histogram(SMALL, 10)["b"] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert score_histogram(SMALL, 1)["a"] == [5]


def test_all_curves_are_json_without_nan() -> None:
    content = [threshold_curve(SMALL, 4), roc_curve_points(SMALL, 4), precision_recall_points(SMALL, 4)]
    assert json.loads(json.dumps([*content, score_histogram(SMALL, 3)], allow_nan=False))
