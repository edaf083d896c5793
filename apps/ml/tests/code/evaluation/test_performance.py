"""scikit-learn is the oracle of the ten estimates; their intervals are tested beside their statistics."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from apps.ml.errors import DataError
from apps.ml.evaluation.performance import measure_decisions, measure_performance
from apps.ml.parameters import ModelEvaluation

PARAMETERS = ModelEvaluation(seed=1)
METRICS = [
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier_score",
    "calibration_error",
]
Rows = tuple[npt.NDArray[np.int8], npt.NDArray[np.float64], npt.NDArray[np.int8]]


def rows(seed: int, n: int = 200, digits: int = 2) -> Rows:
    """Labels, scores with ties, decisions."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < 0.4).astype(np.int8)
    scores = np.round(1 / (1 + np.exp(-generator.normal(labels - 0.5))), digits)
    return labels, scores, (scores >= 0.5).astype(np.int8)


@pytest.mark.parametrize("seed", range(5))
def test_estimates_are_those_of_scikit_learn(seed: int) -> None:
    labels, scores, decisions = rows(seed)
    found = {
        name: measured.value for name, measured in measure_performance(labels, scores, decisions, PARAMETERS).items()
    }
    del found["calibration_error"]
    assert found == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(labels, decisions),
            "balanced_accuracy": oracle.balanced_accuracy_score(labels, decisions),
            "precision": oracle.precision_score(labels, decisions),
            "recall": oracle.recall_score(labels, decisions),
            "f1": oracle.f1_score(labels, decisions),
            "roc_auc": oracle.roc_auc_score(labels, scores),
            "pr_auc": oracle.average_precision_score(labels, scores),
            "log_loss": oracle.log_loss(labels, scores),
            "brier_score": oracle.brier_score_loss(labels, scores),
        }
    )


def test_the_ten_metrics_come_in_order_with_bounds_around_them() -> None:
    found = measure_performance(*rows(0), PARAMETERS)
    assert list(found) == METRICS
    for measured in found.values():
        assert measured.value is not None
        assert measured.lower is not None
        assert measured.upper is not None
        assert 0 <= measured.lower <= measured.value <= measured.upper
        assert measured.confidence == 0.95
        assert measured.method


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    labels, scores, decisions = rows(seed, n=60)
    order = np.random.default_rng(seed).permutation(len(labels))
    there = measure_performance(labels, scores, decisions, PARAMETERS)
    back = measure_performance(labels[order], scores[order], decisions[order], PARAMETERS)
    assert [m.value for m in there.values()] == pytest.approx([m.value for m in back.values()], rel=1e-12)
    assert [m.upper for m in there.values()] == pytest.approx([m.upper for m in back.values()], rel=1e-9)


def test_doubling_the_rows_leaves_the_estimates_and_narrows_the_intervals() -> None:
    once = rows(3)
    labels, scores, decisions = (np.concatenate([part, part]) for part in once)
    single = measure_performance(*once, PARAMETERS)
    double = measure_performance(labels, scores, decisions, PARAMETERS)
    for name in METRICS:
        assert double[name].upper < single[name].upper  # type: ignore[operator]
        # The noise that is taken out of the calibration error shrinks with more rows.
        if name != "calibration_error":
            assert double[name].value == pytest.approx(single[name].value)


def test_the_same_seed_gives_the_same_measurements_and_leaves_the_input_alone() -> None:
    labels, scores, decisions = rows(4)
    before = labels.tolist(), scores.tolist(), decisions.tolist()
    first = measure_performance(labels, scores, decisions, PARAMETERS)
    assert first == measure_performance(labels, scores, decisions, PARAMETERS)
    assert (labels.tolist(), scores.tolist(), decisions.tolist()) == before


def test_one_class_leaves_undefined_what_compares_classes() -> None:
    found = measure_performance([0, 0, 0], [0.1, 0.2, 0.3], [0, 0, 0], PARAMETERS)
    reasons = {name: measured.undefined for name, measured in found.items() if measured.undefined}
    assert reasons == {
        "balanced_accuracy": "balanced accuracy needs rows of both classes",
        "precision": "no row is predicted positive",
        "recall": "no row has the positive event",
        "f1": "no row is positive or predicted positive",
        "roc_auc": "ranking needs rows of both classes and all rows are of one",
        "pr_auc": "ranking needs rows of both classes and all rows are of one",
    }
    assert found["accuracy"].value == 1.0
    assert found["accuracy"].lower < 0.5  # type: ignore[operator]


def test_without_rows_everything_is_undefined() -> None:
    assert all(not measured.is_defined for measured in measure_performance([], [], [], PARAMETERS).values())


def test_balanced_accuracy_lies_between_the_bounds_of_its_two_rates() -> None:
    found = measure_decisions(np.array([[40, 10], [20, 30]]), 0.95)["balanced_accuracy"]
    assert found.value == pytest.approx((0.6 + 0.8) / 2)
    assert 0.6 < found.lower < 0.7 < found.upper < 0.8  # type: ignore[operator]


def test_f1_lies_where_its_share_of_involved_rows_lies() -> None:
    # TP 30, FP 10, FN 20: J = 30 / 60, F1 = 2 · 0.5 / 1.5.
    found = measure_decisions(np.array([[40, 10], [20, 30]]), 0.95)["f1"]
    assert found.value == pytest.approx(2 / 3)
    # Wilson's bounds of 30 / 60 are .37735 and .62265.
    assert (found.lower, found.upper) == pytest.approx((2 * 0.37735 / 1.37735, 2 * 0.62265 / 1.62265), abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "scores", "decisions", "message"),
    [
        ([0, 1], [0.2, 0.9], [0.2, 0.9], "decisions: 2 rows of 2 hold neither 0 nor 1"),
        ([0, 1], [0.2, 1.9], [0, 1], "scores: 1 row of 2"),
        ([0, 3], [0.2, 0.9], [0, 1], "labels: 1 row of 2"),
        ([0, 1], [0.2], [0, 1], "labels 2, scores 1, decisions 2"),
    ],
)
def test_input_that_cannot_be_measured_is_refused(
    labels: list[float], scores: list[float], decisions: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        measure_performance(labels, scores, decisions, PARAMETERS)
