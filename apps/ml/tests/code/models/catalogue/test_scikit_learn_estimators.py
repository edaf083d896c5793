"""Every estimator of scikit-learn's, with every kind of label that it can be fitted to."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.fitting import Fit, Fitted, Rows
from apps.ml.models.outputs import outputs_of
from apps.ml.models.training import TrainedModel, silent
from apps.ml.parameters import EarlyStopping, Estimators
from apps.ml.tests.code.models.learnable_rows import CASES, OWN, learnable_rows, parameters_of, trained

PROGRAM = """
import json, sys
from apps.ml.features.safe_objects import object_bytes
from apps.ml.models.parts.calibrated import Calibrated
from apps.ml.tests.code.models.learnable_rows import CASES, trained
import hashlib
def digest(estimator):
    inner = estimator.inner if isinstance(estimator, Calibrated) else estimator
    curve = str(estimator.curve) if isinstance(estimator, Calibrated) else ""
    return hashlib.sha256(object_bytes(inner) + curve.encode()).hexdigest()
print(json.dumps({f"{name} {task}": digest(trained(name, task).estimator) for name, task in CASES}))
"""
DETERMINISTIC = ("logistic_regression", "linear_regression", "linear_svm", "svm", "naive_bayes")
CLASSIFIERS = [name for name, task in CASES if task == CLASSIFICATION]


@cache
def model(name: str, task: Task) -> TrainedModel:
    return trained(name, task)


def fitted_directly(name: str, rows: Rows, task: Task = CLASSIFICATION, **changes: object) -> Fitted:
    """Fit the entry without mitigation or calibration; early stopping is off."""
    never = EarlyStopping(enabled=False)
    validation = learnable_rows(200, 2, task)
    fit = Fit(rows, Rows(validation.X, validation.labels), 7, never, silent, task)
    options = getattr(parameters_of(name).estimators, name).model_copy(update=changes)
    return ESTIMATORS[name].fit(options, fit)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_estimator_learns_what_a_constant_cannot(name: str, task: Task) -> None:
    unseen = learnable_rows(1000, 3, task)
    scores = model(name, task).scores(unseen.X)
    assert scores.dtype == np.float64
    if task == CLASSIFICATION:
        assert ((scores >= 0) & (scores <= 1)).all()
    explained = 1 - np.mean((scores - unseen.labels) ** 2) / np.var(unseen.labels)
    assert explained > (0.3 if task == CLASSIFICATION else 0.5)
    assert model(name, task).converged


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_row_gets_the_same_score_alone_and_in_any_company(name: str, task: Task) -> None:
    X = learnable_rows(200, 4, task).X
    scores = model(name, task).scores(X)
    assert all(model(name, task).scores(X[row : row + 1])[0] == scores[row] for row in range(50))
    some = np.random.default_rng(0).permutation(200)[:37]
    assert (model(name, task).scores(np.asfortranarray(X[some])) == scores[some]).all()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_values_beyond_single_precision_are_scored(name: str, task: Task) -> None:
    extreme = learnable_rows(2, 4, task).X.copy()
    extreme[:, 0] = [1e300, -1e300]
    assert np.isfinite(model(name, task).scores(extreme)).all()


def test_two_processes_with_different_hash_seeds_fit_and_write_the_same_bytes() -> None:
    started = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": seed}
        started.append(subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE))
    first, second = (json.loads(process.communicate()[0]) for process in started)
    assert first == second
    assert len(first) == len(CASES)


@pytest.mark.parametrize(("name", "task"), [(name, task) for name, task in CASES if name in DETERMINISTIC])
def test_a_doubled_weight_is_a_doubled_row(name: str, task: Task) -> None:
    drawn = learnable_rows(300, 5, task)
    twice = np.arange(300) % 3 == 0
    weighted = Rows(drawn.X, drawn.labels, np.where(twice, 2.0, 1.0))
    repeated = Rows(np.vstack([drawn.X, drawn.X[twice]]), np.concatenate([drawn.labels, drawn.labels[twice]]))
    X = learnable_rows(100, 6, task).X
    one, other, plain = (
        outputs_of(fitted_directly(name, rows, task, **_exactly(name)).estimator, X)
        for rows in (weighted, repeated, replace(weighted, weights=None))
    )
    near = (0.01 if "svm" in name else 1e-3) * float(np.std(other))
    assert np.abs(one - other).max() < near < 0.5 * np.abs(plain - other).max()


def _exactly(name: str) -> dict[str, object]:
    """`gamma: scale` follows the spread of the rows without their weights."""
    known: dict[str, dict[str, object]] = {"linear_svm": {"max_iter": 100_000}, "svm": {"gamma": 0.2}}
    return known.get(name, {})


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_balanced_weights_raise_the_scores_of_the_rarer_class(name: str) -> None:
    X = learnable_rows(300, 4).X
    balanced = trained(name, class_weight="balanced").scores(X)
    assert balanced.mean() > model(name, CLASSIFICATION).scores(X).mean() + 0.03


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_a_machine_that_stops_at_its_limit_is_recorded_as_not_converged(task: Task) -> None:
    options = Estimators.model_validate({"linear_svm": {"max_iter": 1}})
    assert not trained("linear_svm", task, estimators=options).converged


def test_too_many_rows_for_a_kernel_are_refused_by_the_name_of_the_limit() -> None:
    options = Estimators.model_validate({"svm": {"largest_rows": 499}})
    with pytest.raises(ParameterError, match=r"estimators\.svm\.largest_rows is 499, and there are 500 training rows"):
        trained("svm", estimators=options)
    assert ESTIMATORS["svm"].largest_rows in type(options.svm).model_fields


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_regression_forests_grow_in_parts_as_at_once(name: str) -> None:
    rows = learnable_rows(300, 5, REGRESSION)
    estimator = fitted_directly(name, Rows(rows.X, rows.labels), REGRESSION).estimator
    at_once = estimator.__class__(**estimator.get_params()).fit(rows.X, rows.labels)
    np.testing.assert_allclose(outputs_of(estimator, rows.X), at_once.predict(rows.X), rtol=1e-12)


def test_every_own_estimator_is_in_the_catalogue_with_a_fit_for_each_task() -> None:
    assert set(OWN) <= set(ESTIMATORS)
    assert {task for _, task in CASES} == {CLASSIFICATION, REGRESSION}
    assert [name for name, task in CASES if task == REGRESSION] == [
        "linear_regression",
        "linear_svm",
        "svm",
        "random_forest",
        "extra_trees",
        "mlp",
    ]
