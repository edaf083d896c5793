"""Scores become probabilities by a curve over rows that the estimator had not seen."""

from pathlib import Path

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import BundleError, DataError, ParameterError
from apps.ml.models.bundle_files import read_exact_json, write_exact_json
from apps.ml.models.calibration import fit_calibrated, fitted_curve, method_for
from apps.ml.models.catalogue import ESTIMATORS, STORED_TYPES
from apps.ml.models.fitting import Fit, Rows
from apps.ml.models.outputs import outputs_of
from apps.ml.models.parts.calibrated import Calibrated, Isotonic, Sigmoid
from apps.ml.models.parts.part import ExplainedPart, Part
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.scoring import logistic, scores_of
from apps.ml.models.training import silent
from apps.ml.parameters import Calibration, EarlyStopping
from apps.ml.tests.code.models.learnable_rows import learnable_rows, parameters_of, trained

RANDOM = np.random.default_rng(3)
OUTPUTS = RANDOM.normal(2.0, 3.0, 400)
LABELS = (RANDOM.random(400) < logistic(0.8 * OUTPUTS - 1.0)).astype(np.float64)
WEIGHTS = RANDOM.uniform(0.2, 3.0, 400)


def platt_loss(slope: float, intercept: float, weights: np.ndarray) -> float:
    """Platt's loss, written out row by row."""
    positive, negative = weights[LABELS == 1].sum(), weights[LABELS == 0].sum()
    total = 0.0
    for output, label, weight in zip(OUTPUTS, LABELS, weights, strict=True):
        target = (positive + 1) / (positive + 2) if label == 1 else 1 / (negative + 2)
        p = 1 / (1 + np.exp(-(slope * output + intercept)))
        total -= weight * (target * np.log(p) + (1 - target) * np.log(1 - p))
    return float(total)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_sigmoid_has_the_lowest_loss_of_platt(weights: np.ndarray | None) -> None:
    share = np.ones(400) if weights is None else weights
    found = fitted_curve("sigmoid", OUTPUTS, LABELS, weights)
    assert isinstance(found, Sigmoid)
    lowest = platt_loss(found.slope, found.intercept, share)
    for slope, intercept in ((1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3)):
        assert platt_loss(found.slope + slope, found.intercept + intercept, share) > lowest


def test_the_sigmoid_is_that_of_scikit_learn() -> None:
    from sklearn.calibration import _SigmoidCalibration

    expected = _SigmoidCalibration().fit(OUTPUTS, LABELS)
    found = fitted_curve("sigmoid", OUTPUTS, LABELS)
    np.testing.assert_allclose(found.probabilities(OUTPUTS), expected.predict(OUTPUTS), atol=1e-4)


def test_the_isotonic_curve_is_that_of_scikit_learn_and_does_not_fall() -> None:
    from sklearn.isotonic import IsotonicRegression

    expected = IsotonicRegression(out_of_bounds="clip").fit(OUTPUTS, LABELS, WEIGHTS)
    found = fitted_curve("isotonic", OUTPUTS, LABELS, WEIGHTS)
    everywhere = np.linspace(-20, 20, 501)
    np.testing.assert_allclose(found.probabilities(everywhere), expected.predict(everywhere), atol=1e-12)
    assert (np.diff(found.probabilities(everywhere)) >= 0).all()


def test_a_sigmoid_never_turns_the_order_of_rows() -> None:
    turned = fitted_curve("sigmoid", -OUTPUTS, LABELS)
    assert isinstance(turned, Sigmoid)
    assert turned.slope == 0.0
    share = (LABELS.sum() * (LABELS.sum() + 1) / (LABELS.sum() + 2) + (400 - LABELS.sum()) / (402 - LABELS.sum())) / 400
    assert turned.probabilities(OUTPUTS) == pytest.approx(np.full(400, share))


def test_outputs_that_do_not_vary_give_a_level_curve() -> None:
    level = fitted_curve("sigmoid", np.full(400, 7.0), LABELS)
    assert level.probabilities(np.array([7.0]))[0] == pytest.approx(LABELS.mean(), abs=0.01)


def test_what_is_needed() -> None:
    as_needed = Calibration()
    wanted = {name: method_for(entry, as_needed, CLASSIFICATION) for name, entry in ESTIMATORS.items()}
    assert {name for name, method in wanted.items() if method == "sigmoid"} == {"linear_svm", "svm"}
    assert method_for(ESTIMATORS["svm"], as_needed, REGRESSION) == "none"
    assert method_for(ESTIMATORS["mlp"], Calibration(method="isotonic"), CLASSIFICATION) == "isotonic"


def test_margins_without_calibration_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"calibration\.method none: the scores of linear_svm are margins"):
        trained("linear_svm", calibration={"method": "none"})


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_of_numeric_labels_are_refused(method: str) -> None:
    with pytest.raises(ParameterError, match=rf"calibration\.method {method} makes probabilities of two classes"):
        trained("mlp", REGRESSION, calibration={"method": method})


@pytest.mark.parametrize("name", ["svm", "naive_bayes", "random_forest"])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_mean_scores_follow_the_share_of_positives(name: str, method: str) -> None:
    model = trained(name, calibration={"method": method})
    unseen = learnable_rows(4000, 9)
    scores = model.scores(unseen.X)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        inside = (scores >= low) & (scores < high)
        assert abs(scores[inside].sum() - unseen.labels[inside].sum()) < 0.03 * len(scores)


def test_the_estimator_behind_the_curve_is_fitted_to_all_rows_and_keeps_its_rounds() -> None:
    plain, calibrated = trained("mlp"), trained("mlp", calibration={"method": "sigmoid"})
    X = learnable_rows(50, 9).X
    assert (outputs_of(calibrated.estimator.inner, X) == outputs_of(plain.estimator, X)).all()
    assert calibrated.rounds == plain.rounds


def test_a_fold_that_did_not_converge_is_told() -> None:
    options = {"linear_svm": {"max_iter": 1}}
    assert not trained("linear_svm", estimators=options).converged


def test_a_class_of_one_row_cannot_be_calibrated() -> None:
    drawn = learnable_rows(60, 1)
    labels = np.zeros(60, dtype=np.int8)
    labels[3] = 1
    rows = Rows(drawn.X, labels)
    fit = Fit(rows, rows, 1, EarlyStopping(), silent)
    with pytest.raises(
        DataError, match=r"calibration\.folds divides 60 training rows, among which there are 1 different ones"
    ):
        fit_calibrated(ESTIMATORS["linear_svm"], parameters_of("linear_svm").estimators.linear_svm, fit, Calibration())


@pytest.mark.parametrize(("name", "method"), [("svm", "sigmoid"), ("random_forest", "isotonic")])
def test_a_calibrated_estimator_comes_back_from_its_folder(name: str, method: str, tmp_path: Path) -> None:
    estimator = trained(name, calibration={"method": method}).estimator
    assert isinstance(estimator, Part)
    write_part(tmp_path / "one", estimator)
    again = read_part(tmp_path / "one", STORED_TYPES)
    assert isinstance(again, Calibrated)
    X = learnable_rows(50, 9).X
    assert (scores_of(again, X) == scores_of(estimator, X)).all()
    write_part(tmp_path / "two", again)
    for file in (tmp_path / "one").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "spline"}, "'method' is not one of sigmoid, isotonic"),
        ({"slope": -1.0}, "'slope' is not finite and between 0 and inf"),
        ({"method": "isotonic"}, "lacks 'outputs'"),
        ({"method": "isotonic", "outputs": [1, 0], "values": [0, 1]}, "'outputs' is not a list of ascending numbers"),
        ({"method": "isotonic", "outputs": [0, 1], "values": [1, 0]}, "'values' is not a list of numbers that do not"),
        ({"method": "isotonic", "outputs": [], "values": []}, "'outputs' is not a list of ascending numbers"),
    ],
)
def test_a_curve_that_was_tampered_with_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    write_part(tmp_path, Calibrated(trained("logistic_regression").estimator, Sigmoid(1.0, 0.0)))
    path = tmp_path / "calibration.json"
    write_exact_json(path, {**read_exact_json(path), **change})
    with pytest.raises(BundleError, match=message):
        read_part(tmp_path, STORED_TYPES)


def test_a_sigmoid_keeps_exact_contributions_and_steps_do_not() -> None:
    inner = trained("lightgbm").estimator
    X = learnable_rows(30, 9).X
    smooth, stepped = Calibrated(inner, Sigmoid(0.7, -0.2)), Calibrated(inner, Isotonic((-1.0, 1.0), (0.2, 0.8)))
    assert isinstance(smooth, ExplainedPart)
    assert not isinstance(stepped, ExplainedPart)
    assert smooth.contributions is not None
    np.testing.assert_allclose(logistic(smooth.contributions(X).sum(axis=1)), scores_of(smooth, X), rtol=1e-9)
    assert stepped.score(X).min() >= 0.2
